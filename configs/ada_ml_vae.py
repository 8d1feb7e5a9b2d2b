r"""Ada-ML-VAE (Locatello et al. 2020, arXiv 2002.02886): pairs, product of posteriors.

dis-jax train --config=ada_ml_vae:rendered_dsprites \
    --workdir=runs/ada_ml_vae
"""

from dis_jax import shipped

ada_gvae = shipped.load("configs", "ada_gvae")


def get_config(argument="rendered_dsprites"):
    return ada_gvae.get_config(argument, "ada_ml_vae")
