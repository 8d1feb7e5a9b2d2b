r"""GroupVAE (Hosoya 2019, arXiv 1809.02383): the changed factor of a pair is known.

  python -m launch.train --config=configs/group_vae.py:rendered_dsprites \
      --workdir=runs/group_vae

Latent d keeps to itself where factor d was redrawn; the others are averaged, as in the
source models of Dapueto et al. 2024, or multiplied: --config.aggregate=product. On
rendered Shapes3D, in the runs that configs/ada_gvae.py tells of, a FactorVAE score of .963.
"""

from dis_jax import shipped

ada_gvae = shipped.load("configs", "ada_gvae")


def get_config(argument="rendered_dsprites"):
    config = ada_gvae.get_config(argument, "group_vae")
    config.aggregate = "average"
    return config
