r"""Annealed VAE (Burgess et al. 2018, arXiv 1804.03599): the target KL increases.

  dis-jax train --config=annealed_vae:rendered_dsprites \
      --workdir=runs/annealed_vae

gamma is 1000, and the capacity reaches 25 nats after 100,000 steps, as in Locatello et
al. 2019. It increases at this rate also in short runs: a demo of 2,000 steps ends at half
a nat.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    return base_config.get_config(
        "annealed_vae", argument, gamma=1000.0, capacity=25.0, capacity_steps=100_000.0
    )
