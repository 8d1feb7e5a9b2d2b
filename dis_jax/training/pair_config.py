"""Shared parts of the configs of SDIM and EDIM."""

from dis_jax.training import base_config, pair_data

EPOCH = 60_000 // 64  # steps, of mnist
NORB_STEPS = 5_000  # 16 epochs of the source's 20,113 pairs
ZOOM = 1.25  # the largest zoom of "augmented"
OPTIONS = ("half", "published", "augmented")  # that every data set supports
NORB_OPTIONS = ("category", "coloured", "halves")
DIGIT_OPTIONS = ("two_images",)


def get_config(method, argument, **hparams):
    """The config of SDIM or EDIM, with the pairs that the argument names."""
    own = (*OPTIONS, *NORB_OPTIONS, *DIGIT_OPTIONS)
    asked = base_config.read(argument, own)
    options = asked.options
    config = base_config.get_config(
        *(method, asked),
        alpha=0.5,
        beta=1.0,
        head_learning_rate=1e-4,
        **hparams,
    )
    _check_options([word for word in own if word in options], config.dataset)
    scale = 2 if "half" in options else 1
    config.network = {
        "shared": 64,
        "widths": tuple(width // scale for width in (64, 128, 256)),
        "statistics": (512 // scale, 512 // scale),
        "grid": 0 if "published" in options else 4,
    }
    config.estimator = "jensen_shannon"
    config.negatives = "roll"
    config.share_weights = False
    config.batch_statistics = False
    config.log_every, config.checkpoint_every = 100, 500
    if "demo" not in options:
        config.steps = NORB_STEPS if "norb" in config.dataset else 16 * EPOCH
    pair_data.set_pairs(config, options)
    if "two_images" in options:
        for sampler in (config.sampler, config.test_sampler):
            sampler["same"] = "digit"
    if "augmented" in options:
        config.sampler.zoom = ZOOM
    return config


def _check_options(own, dataset):
    known = options_of(dataset)
    if unfit := sorted({*own}.difference(known)):
        raise ValueError(
            f"{', '.join(unfit)}: not available for {dataset}, which takes "
            f"{', '.join(known)}."
        )
    if {"category", "coloured"} <= {*own}:
        raise ValueError("category and coloured are two kinds of pairs; use one.")


def options_of(dataset):
    """The options that a data set supports."""
    if dataset.startswith("smallnorb"):
        return OPTIONS + NORB_OPTIONS
    if dataset == "mnist":
        return OPTIONS + DIGIT_OPTIONS
    return OPTIONS + NORB_OPTIONS[:2] if "norb" in dataset else OPTIONS
