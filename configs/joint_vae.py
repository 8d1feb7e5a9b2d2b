r"""JointVAE (Dupont 2018, arXiv 1804.00104): continuous and categorical codes.

  dis-jax train --config=joint_vae:mnist --workdir=runs/joint_vae
  dis-jax train --config=joint_vae:rendered_dsprites --workdir=runs/js

The default data set is MNIST's training images. "splitN" selects an imbalanced subset, see
configs/infogan.py. Settings are those of the paper. It resizes MNIST to 32x32; use
mnist+resized32 for that. In the paper, the category predicts 88.7 % of MNIST's digits
without labels, and the FactorVAE score on dSprites is .69. Capacities increase at the
paper's rate also in short runs, which end before the capacities reach their maximum. If
they increase faster, all images get the same category.
"""

from dis_jax import shipped
from dis_jax.training import base_config

infogan = shipped.load("configs", "infogan")

EPOCHS = 100


def get_config(argument="mnist"):
    asked = base_config.read(argument, numbers=infogan.SPLITS)
    config = base_config.get_config(
        "joint_vae",
        asked,
        dataset="mnist",
        gamma_continuous=30.0,
        gamma_category=30.0,
        capacity_continuous=5.0,
        capacity_category=5.0,
        capacity_steps=25_000.0,
        temperature=0.67,
    )
    config.hparams.learning_rate = 5e-4
    config.categories = 10
    config.network.latent = 10 + config.categories
    config.network.init = "pytorch"  # the default, as in the public code
    if config.network.name == "conv":
        config.network.widths = (32, 64, 64)
        config.decoder_widths = (32, 32, 64)
    images = infogan.uneven(config, asked.numbers["split"])
    if config.dataset.split("+")[0] == "mnist":
        if not asked.numbers["split"]:
            config.split, images = "train", 60_000
        if "demo" not in asked.options:
            config.steps = EPOCHS * images // config.batch_size
    elif "dsprites" in config.dataset:
        config.categories = 3
        config.network.latent = 6 + config.categories
        config.hparams.update(
            gamma_continuous=150.0,
            gamma_category=150.0,
            capacity_continuous=40.0,
            capacity_category=1.1,
            capacity_steps=300_000.0,
        )
        if config.network.name == "conv":
            config.network.widths = (32, 32, 64, 64)
            config.decoder_widths = (32, 32, 64, 64)
    return config
