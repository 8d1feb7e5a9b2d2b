r"""beta-TCVAE (Chen et al. 2018, arXiv 1802.04942): more weight on total correlation.

  dis-jax train --config=beta_tcvae:rendered_dsprites \
      --workdir=runs/beta_tcvae

beta is 6, the paper's value for dSprites.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    return base_config.get_config("beta_tcvae", argument, beta=6.0)
