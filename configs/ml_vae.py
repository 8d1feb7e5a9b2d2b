r"""ML-VAE (Bouchacourt et al. 2018, arXiv 1705.08841): class and style codes from groups.

  dis-jax train --config=ml_vae:mnist --workdir=runs/ml_vae
  dis-jax train --config=ml_vae:mnist,as_coded --workdir=runs/coded
  dis-jax train --config=ml_vae:smallnorb,instance --workdir=runs/norb

On MNIST, networks and settings are those of the best-known public code,
github.com/ananyahjha93/multi-level-vae. "as_coded" also uses its loss, in which no
gradient reaches the class code. On SmallNORB, images are grouped by category, or by
"instance". docs/group_supervision.md has the results; configs/studies/ml_vae_mnist.py
reproduces them.
"""

from ml_collections import config_dict

from dis_jax.methods.likelihoods import LIKELIHOODS
from dis_jax.training import base_config

# The factors that a group shares.
SHARED = {
    "mnist": ("digit",),
    "smallnorb": ("category",),
    "smallnorb_96": ("category",),
    "rendered_norb": ("category",),
    "rendered_dsprites": ("shape",),
    "dsprites": ("shape",),
    "rendered_shapes3d": ("shape",),
    "shapes3d": ("shape",),
    "coil100": ("object",),
}


def get_config(argument="mnist"):
    asked = base_config.read(argument, ("as_coded", "instance"))
    as_coded, instance = (word in asked.options for word in ("as_coded", "instance"))
    config = base_config.get_config(
        "ml_vae",
        asked,
        style_beta=1.0,
        class_beta=1.0,
        noise_scale=0.1 if as_coded else 1.0,
        swap_weight=1.0,
    )
    config.mode = "as_coded" if as_coded else "paper"
    config.class_latent = 10
    config.network.latent = 20
    config.noise = "group"
    if as_coded and not set(asked.options) & set(LIKELIHOODS):
        config.likelihood = "squared_error"
    config.normaliser = "values" if as_coded else "groups"
    config.swap = False

    shared = SHARED.get(config.dataset.split("+")[0], ())  # if empty, set by the user
    config.sampler = {
        "shared": (*shared, "instance") if instance else shared,
        # None: single images; images of a batch with equal labels form a group
        "group_size": 4 if instance else config_dict.placeholder(int),
        "order": "epoch",
    }
    if config.dataset.split("+")[0] == "mnist":
        config.split = "train"
        config.batch_size = 256
        config.network = {
            "name": "mlp",
            "latent": 20,
            "encoder": (500,),
            "decoder": (500,),
            "activation": "tanh",
            "init": "normal",
            "weight_std": 0.05,
        }
        config.hparams.learning_rate = 1e-3
        if "demo" not in asked.options:
            # 400 epochs without the last, smaller batch
            config.steps = 400 * (60_000 // 256)
    elif config.dataset.startswith("smallnorb"):
        config.split = "train"
    return config
