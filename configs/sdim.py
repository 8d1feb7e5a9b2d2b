r"""SDIM (Sanchez et al. 2020, arXiv 1912.03915): what two views share.

  python -m launch.train --config=configs/sdim.py:mnist --workdir=runs/sdim
  python -m launch.train --config=configs/sdim.py:smallnorb --workdir=runs/toys
  python -m launch.evaluate_pairs --workdir=runs/sdim

mnist: one digit twice, once with a coloured background, once coloured itself; with
"two_images" two images of one digit, as the paper has it.
smallnorb: pairs that share category, instance and azimuth; elevation varies on the left,
lighting on the right. "category" shares the category alone, "coloured" takes coloured
pairs instead. Trains on four instances of the test half and tests on the fifth, in the
studies on another one with each seed; "halves" trains on the training half, whose poses
only the original files have. "augmented" zooms into each training view on its own, up to
1.25 times. "half" halves all widths, "published" keeps the global network whole.
The paper reads 94.5 % of digits and 8.2 % of colours off the shared code of mnist.
"""

from configs import base

_NORB = {"category": 5, "instance": 5, "elevation": 9, "azimuth": 18, "lighting": 6}
_HUES = ("floor_hue", "wall_hue", "object_hue")
_ROOM = dict.fromkeys(_HUES, 10) | {"scale": 8, "shape": 4, "orientation": 15}
_SPRITE = {"shape": 3, "scale": 6, "orientation": 40}
FACTORS = {
    "mnist": {"digit": 10},
    "smallnorb": _NORB,
    "smallnorb_96": _NORB,
    "rendered_norb": _NORB | {"instance": 10},
    "shapes3d": _ROOM,
    "rendered_shapes3d": _ROOM,
    "dsprites": _SPRITE,
    "rendered_dsprites": _SPRITE,
}
COLOURS = 12
IMAGES_OF_INSTANCE = 5 * 9 * 18 * 6  # of all categories of SmallNORB
EPOCH = 60_000 // 64  # steps, of mnist
TOY_STEPS = 5_000  # 16 epochs of the source's 20,113 pairs
ZOOM = 1.25  # the largest of "augmented"
WORDS = ("half", "published", "augmented")  # that any data set takes
TOY_WORDS = ("category", "coloured", "halves")
DIGIT_WORDS = ("two_images",)


def get_config(argument="mnist"):
    config = pair_config("sdim", argument, gamma=0.1)
    config.switched = True
    config.heads = {f"shared_{side}": read for side, read in read_off(config).items()}
    return config


def pair_config(method, argument, **hparams):
    """What the configs of SDIM and EDIM have in common."""
    words = argument.split(",")
    own = {word for word in words if word in WORDS + TOY_WORDS + DIGIT_WORDS}
    config = base.get_config(
        method,
        ",".join(word for word in words if word not in own),
        alpha=0.5,
        beta=1.0,
        head_learning_rate=1e-4,
        **hparams,
    )
    scale = 2 if "half" in words else 1
    config.network = {
        "shared": 64,
        "widths": tuple(width // scale for width in (64, 128, 256)),
        "statistics": (512 // scale, 512 // scale),
        "grid": 0 if "published" in words else 4,
    }
    config.estimator = "jensen_shannon"
    config.negatives = "roll"
    config.share_weights = False
    config.batch_statistics = False
    config.log_every, config.checkpoint_every = 100, 500

    name = config.dataset
    if unfit := own.difference(words_of(name)):
        raise ValueError(
            f"{', '.join(sorted(unfit))}: not for {name}, which takes "
            f"{', '.join(words_of(name))}."
        )
    if {"category", "coloured"} <= own:
        raise ValueError("category and coloured are two kinds of pairs; take one.")
    if "demo" not in words:
        config.steps = TOY_STEPS if "norb" in name else 16 * EPOCH
    factors = FACTORS.get(name, {})
    columns = {
        factor: {"field": "factors", "column": i, "classes": size}
        for i, (factor, size) in enumerate(factors.items())
    }
    config.attributes = columns | {
        "colour": {"field": "colour", "column": 0, "classes": COLOURS}
    }
    # what is drawn, and what it is scored on: another split, or other values
    config.test_split, config.test_sampler = "all", {}
    if "norb" in name and "coloured" not in words:
        _toys(config, category_alone="category" in words)
    elif "shapes3d" in name:
        _rooms(config)
    else:
        _views(config, tuple(factors))
    if name.startswith("smallnorb"):
        whole = "halves" in words
        config.split, config.test_split = ("train" if whole else "test"), "test"
    if leaves_one_out(config):
        hold_out(config, columns["instance"]["classes"] - 1)
    if "two_images" in words:
        for sampler in (config.sampler, config.test_sampler):
            sampler["same"] = "digit"
    if "augmented" in words:
        config.sampler.zoom = ZOOM
    return config


def words_of(dataset):
    """The words that a data set takes after its name."""
    if dataset.startswith("smallnorb"):
        return WORDS + TOY_WORDS
    if dataset == "mnist":
        return WORDS + DIGIT_WORDS
    return WORDS + TOY_WORDS[:2] if "norb" in dataset else WORDS


def _views(config, factors):
    """Coloured pairs of one image."""
    config.pairs = "views"
    toys = "norb" in config.dataset
    shown = tuple(factor for factor in factors if factor != "instance")
    config.wanted = {"shared": shown, "exclusive": ("colour",)}
    if not toys:
        config.sampler = {"order": "epoch"}
        config.test_sampler = {"order": "epoch"}
    if config.dataset == "mnist":
        config.split, config.test_split = "train", "test"
    if toys:
        order = dict(config.sampler)
        config.sampler = {"foreground": "contrast", **order}
        config.test_sampler = {"foreground": "contrast", **order}


def _toys(config, *, category_alone):
    """Pairs of toys; the poses of SmallNORB are known in its test half alone."""
    config.pairs = "attribute_pairs"
    shared = ("category",) if category_alone else ("category", "instance", "azimuth")
    config.sampler, config.test_sampler = (
        {
            "shared": shared,
            "left": {"lighting": 0},
            "right": {"elevation": 0, "lighting": (1, 2, 3, 4, 5)},
            "order": "epoch",
        }
        for _ in range(2)
    )
    pose = ("azimuth",) if category_alone else ()
    config.wanted = {
        "shared": ("category",) if category_alone else ("category", "azimuth"),
        "exclusive_x": ("elevation", *pose),
        "exclusive_y": ("lighting", *pose),
    }


def leaves_one_out(config):
    """Whether a config trains on some instances of its toys and tests on another."""
    if config.dataset.startswith("smallnorb"):
        return config.split == config.test_split
    return "norb" in config.dataset and config.pairs == "attribute_pairs"


def hold_out(config, instance):
    """Tests on one instance of each category and trains on all others."""
    count = config.attributes.instance.classes
    others = tuple(i for i in range(count) if i != instance)
    for sampler, shown in (
        (config.sampler, others),
        (config.test_sampler, (instance,)),
    ):
        if config.pairs == "attribute_pairs":
            sampler.update({"values": {"instance": shown}})
        else:
            counts = tuple(IMAGES_OF_INSTANCE * (i in shown) for i in range(count))
            sampler.update({"class_factor": "instance", "class_counts": counts})


def _rooms(config):
    """Pairs of rooms with the same thing in them, in other colours."""
    config.pairs = "attribute_pairs"
    shared = ("scale", "shape", "orientation")
    order = config.sampler.get("order", "keyed")
    config.sampler = {"shared": shared, "order": order}
    config.test_sampler = {"shared": shared, "order": order}
    config.wanted = {"shared": shared, "exclusive": _HUES}


def read_off(config):
    """The attributes that can be read off a code of each side: all that vary there."""
    if config.pairs == "views":
        shared = tuple(config.wanted.shared)
        return dict.fromkeys("xy", (*shared, "colour"))
    if "norb" in config.dataset:
        return {
            "x": ("category", "elevation", "azimuth"),
            "y": ("category", "lighting", "azimuth"),
        }
    return dict.fromkeys("xy", tuple(FACTORS[config.dataset]))
