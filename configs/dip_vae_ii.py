r"""DIP-VAE II (Kumar et al. 2018, arXiv 1711.00848): decorrelated aggregate posterior.

  dis-jax train --config=dip_vae_ii:rendered_dsprites \
      --workdir=runs/dip_vae_ii

lambda_diag = lambda_off, as in Locatello et al. 2019.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    return base_config.get_config(
        "dip_vae_ii", argument, lambda_off=5.0, lambda_diag=5.0
    )
