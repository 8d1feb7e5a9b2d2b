r"""VAE (Kingma & Welling 2014, arXiv 1312.6114): the evidence lower bound, unchanged.

dis-jax train --config=vae:rendered_dsprites --workdir=runs/vae
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    return base_config.get_config("vae", argument)
