r"""QLAE (Hsu et al. 2023, arXiv 2305.18378): a scalar codebook per latent dimension.

  dis-jax train --config=qlae:rendered_shapes3d --workdir=runs/qlae

Settings are those of the public code (kylehkhsu/latent_quantization): 10 values per
dimension, twice as many dimensions as factors, weight decay .1, 200,000 steps of 128
images. Its networks are larger than ours, and it clips each gradient at 1.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_shapes3d"):
    asked = base_config.read(argument)
    config = base_config.get_config(
        *("qlae", asked, "rendered_shapes3d"),
        quantise=0.01,
        commit=0.01,
        weight_decay=0.1,
    )
    config.num_values = 10
    config.network.latent = base_config.two_per_factor(config.dataset)
    config.hparams.learning_rate = 1e-3
    config.batch_size = 128
    if "demo" not in asked.options:
        config.steps = 200_000
    return config
