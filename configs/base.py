"""Fields that every config has, with the values that most of them keep."""

from typing import Any

import ml_collections
from ml_collections import config_dict


def get_config(method: str, argument: str, **hparams: float) -> Any:
    """The config of a method on a data set.

    Args:
      method: a name in `dis_jax.methods.METHODS`.
      argument: words with commas between them: the name of a data set, or the path of
        one's own; "demo" for a run that fits a laptop; "mlp" for dense networks; "epoch"
        for every image once an epoch, where the method's config sets no sampler.
      **hparams: hyperparameters of the method.
    """
    words = [word for word in argument.split(",") if word]
    demo = "demo" in words
    names = [word for word in words if word not in ("demo", "mlp", "epoch")]
    if len(names) > 1:
        paths = any("/" in name or name.endswith(".npz") for name in names)
        way_out = " A path that has a comma is given by --config.dataset=PATH."
        raise ValueError(
            f"one data set at a time; found {', '.join(names)}.{way_out if paths else ''}"
        )

    config = ml_collections.ConfigDict()
    config.method = method

    # data
    config.dataset = names[0] if names else "rendered_dsprites"
    config.split = "all"
    config.sampler = {"order": "epoch"} if "epoch" in words else {}  # its arguments
    config.batch_size = 64
    config.image_shape = config_dict.placeholder(tuple)  # that of the data set

    # networks: hidden 256 is Locatello et al. 2019, 128 is Kim & Mnih 2018 on dSprites
    config.network = {
        "name": "conv",
        "latent": 10,
        "init": "xavier",  # disentanglement_lib's; see `networks.initialisers`
        "hidden": 256,
        "form": "pair",
    }
    if "mlp" in words:  # Higgins et al. 2017 on dSprites
        widths = {"encoder": (1200, 1200), "decoder": (1200, 1200, 1200)}
        config.network = {"name": "mlp", "latent": 10, "init": "xavier", **widths}
    config.precision = "float32"  # of the computation; parameters are float32

    # optimisation; hparams are data to the compiled program, all else is part of it
    config.optimiser = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
    config.hparams = {
        "learning_rate": 1e-4,
        "clip_norm": float("inf"),
        **hparams,
    }

    # length; a run is known by its seed, or by lists of seeds and hyperparameters
    config.seed = 0
    config.population = {"seed": (), **dict.fromkeys(config.hparams, ())}
    config.steps = 2_000 if demo else 300_000
    config.steps_per_call = 0  # 0: what is fastest on the backend
    config.mesh = (1, -1)  # devices for (population, data); -1: all that are left
    config.init_from = {"workdir": "", "networks": ()}

    # what is kept
    config.log_every = 50 if demo else 500
    config.checkpoint_every = 500 if demo else 10_000
    config.keep_checkpoints = 3
    config.best_metric = (
        "loss"  # the smallest is kept beside the last ones; "": none is
    )
    config.tensorboard = True
    return config
