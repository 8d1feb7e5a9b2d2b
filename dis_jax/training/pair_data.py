"""The pairs of images that SDIM and EDIM train on, for each data set."""

_NORB = {"category": 5, "instance": 5, "elevation": 9, "azimuth": 18, "lighting": 6}
_HUES = ("floor_hue", "wall_hue", "object_hue")
_SHAPES3D = dict.fromkeys(_HUES, 10) | {"scale": 8, "shape": 4, "orientation": 15}
_DSPRITES = {"shape": 3, "scale": 6, "orientation": 40}
FACTORS = {
    "mnist": {"digit": 10},
    "smallnorb": _NORB,
    "smallnorb_96": _NORB,
    "rendered_norb": _NORB | {"instance": 10},
    "shapes3d": _SHAPES3D,
    "rendered_shapes3d": _SHAPES3D,
    "dsprites": _DSPRITES,
    "rendered_dsprites": _DSPRITES,
}
COLOURS = 12
IMAGES_OF_INSTANCE = 5 * 9 * 18 * 6  # of all categories of SmallNORB


def set_pairs(config, options):
    """Sets the training and test pairs, which may differ in split or factor values."""
    name = config.dataset
    factors = FACTORS.get(name, {})
    config.attributes = {
        factor: {"field": "factors", "column": i, "classes": size}
        for i, (factor, size) in enumerate(factors.items())
    } | {"colour": {"field": "colour", "column": 0, "classes": COLOURS}}
    config.test_split, config.test_sampler = "all", {}
    if "norb" in name and "coloured" not in options:
        _norb(config, category_alone="category" in options)
    elif "shapes3d" in name:
        _shapes3d(config)
    else:
        _views(config, tuple(factors))
    if name.startswith("smallnorb"):
        whole = "halves" in options
        config.split, config.test_split = ("train" if whole else "test"), "test"
    # If both use one split, the last instance of each category is held out.
    if leaves_one_out(config):
        hold_out(config, factors["instance"] - 1)


def _views(config, factors):
    """Coloured pairs of one image."""
    config.pairs = "views"
    shown = tuple(factor for factor in factors if factor != "instance")
    config.wanted = {"shared": shown, "exclusive": ("colour",)}
    if "norb" in config.dataset:
        order = dict(config.sampler)
        config.sampler = {"foreground": "contrast", **order}
        config.test_sampler = {"foreground": "contrast", **order}
    else:
        config.sampler = {"order": "epoch"}
        config.test_sampler = {"order": "epoch"}
    if config.dataset == "mnist":
        config.split, config.test_split = "train", "test"


def _norb(config, *, category_alone):
    """Pairs of objects; SmallNORB has pose labels in its test half only."""
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


def _shapes3d(config):
    """Pairs of scenes with the same object, in other colours."""
    config.pairs = "attribute_pairs"
    shared = ("scale", "shape", "orientation")
    order = config.sampler.get("order", "keyed")
    config.sampler = {"shared": shared, "order": order}
    config.test_sampler = {"shared": shared, "order": order}
    config.wanted = {"shared": shared, "exclusive": _HUES}


def leaves_one_out(config):
    """Whether a config trains on some instances of its objects and tests on another."""
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


def heads(config, code):
    """The attributes that heads on a code predict, by side: all that vary on this side."""
    if config.pairs == "views":
        both = ((*config.wanted.shared, "colour"),) * 2
    elif "norb" in config.dataset:
        both = ("category", "elevation", "azimuth"), ("category", "lighting", "azimuth")
    else:
        both = (tuple(FACTORS[config.dataset]),) * 2
    return {f"{code}_{side}": names for side, names in zip("xy", both, strict=True)}
