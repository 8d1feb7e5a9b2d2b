"""The kind of each factor of the sets in this package."""

from __future__ import annotations

import dataclasses

from dis_jax.data.image_set import ImageSet, Kind

_ORDERED = "ordered"
_CATEGORY = "categorical"
_NORB: dict[str, Kind] = {
    "category": _CATEGORY,
    "instance": _CATEGORY,
    "elevation": _ORDERED,
    "azimuth": ("circular", 18),  # 20 degrees a step
    "lighting": _CATEGORY,
}
_COIL: dict[str, Kind] = {"object": _CATEGORY, "pose": ("circular", 72)}
# By the name of the set; periods are in steps of the factor's index.
KINDS: dict[str, dict[str, Kind]] = {
    # Angles are 2 pi k / 39, k = 0 to 39: the last is the first again. A square looks
    # the same after a quarter of the period, an ellipse after half, a heart after all
    # of it.
    "dsprites": {
        "shape": _CATEGORY,
        "scale": _ORDERED,
        "orientation": ("circular", 39),
        "pos_x": _ORDERED,
        "pos_y": _ORDERED,
    },
    # Hues are tenths of the circle; the room turns from -30 to 30 degrees.
    "shapes3d": {
        "floor_hue": ("circular", 10),
        "wall_hue": ("circular", 10),
        "object_hue": ("circular", 10),
        "scale": _ORDERED,
        "shape": _CATEGORY,
        "orientation": _ORDERED,
    },
    "norb": _NORB,
    "smallnorb": _NORB,
    "smallnorb_96": _NORB,
    "mnist": {"digit": _CATEGORY},
    "coil100": _COIL,
    "coil100_augmented": {**_COIL, "rotation": ("circular", 18), "scale": _ORDERED},
    "mpi3d": {
        "object_colour": _CATEGORY,
        "object_shape": _CATEGORY,
        "object_size": _ORDERED,
        "camera_height": _ORDERED,
        "background_colour": _CATEGORY,
        "horizontal_axis": _ORDERED,
        "vertical_axis": _ORDERED,
    },
    "cars3d": {
        "elevation": _ORDERED,
        "azimuth": ("circular", 24),
        "object": _CATEGORY,
    },
    "isaac3d": {
        "object_shape": _CATEGORY,
        "x_move": _ORDERED,
        "y_move": _ORDERED,
        "camera_height": _ORDERED,
        "object_scale": _ORDERED,
        "light_intensity": _ORDERED,
        "light_y_direction": _ORDERED,
        "object_colour": _CATEGORY,
        "wall_colour": _CATEGORY,
    },
}


def with_kinds(image_set: ImageSet, name: str) -> ImageSet:
    """Adds the kinds of the factors to a set of this package.

    Args:
      image_set: the set or a variant of it; factors that a variant adds are categories.
      name: of the set, without the variant.

    Returns:
      The set.
    """
    known = KINDS.get(name.removeprefix("rendered_"))
    if known is None:
        return image_set
    kinds = tuple(known.get(factor, _CATEGORY) for factor in image_set.factor_names)
    return dataclasses.replace(image_set, kinds=kinds)
