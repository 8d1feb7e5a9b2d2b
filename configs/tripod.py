r"""Tripod (Hsu et al. 2024, arXiv 2404.10282): three inductive biases in one autoencoder.

  dis-jax train --config=tripod:rendered_shapes3d --workdir=runs/tripod

Settings are those of the public code (kylehkhsu/tripod) on Shapes3D: 12 values per
dimension, twice as many dimensions as factors, 250,000 steps of 64 images. Its networks
are larger than ours, and it clips each gradient at 1. Its weights (multi_information,
hessian) are 1e-8, 1e-4 on MPI3D and 1e-4, 1e-8 on Isaac3D. A step decodes a batch nine
times.

The Hessian penalty needs second derivatives of the decoder's activations. The public
networks have GELU after normalisation. The ReLU of our convolutional networks has none:
the penalty then divides by values near 0, reaches thousands and hinders training. Use
"mlp", whose decoder has tanh, as in our results, or your own networks
(config.network.name).
"""

from dis_jax.training import base_config


def get_config(argument="rendered_shapes3d"):
    asked = base_config.read(argument)
    config = base_config.get_config(
        *("tripod", asked, "rendered_shapes3d"),
        multi_information=1e-4,
        hessian=1e-2,
        perturbation=0.1,
    )
    config.num_values = 12
    config.num_perturbations = 2
    config.network.latent = base_config.two_per_factor(config.dataset)
    config.hparams.learning_rate = 2e-4
    if "demo" not in asked.options:
        config.steps = 250_000
    return config
