"""Kinds of factors and names of their values, for this package's sets and for others."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from absl import logging

from dis_jax.data.image_set import ImageSet, Kind
from dis_jax.suggest import suggest

_PLAIN = ("categorical", "ordered", "continuous")
_ORDERED = "ordered"
_CATEGORY = "categorical"
# Limits of the span of an angle's values, in periods. Values in turns, with a period in
# radians, span 1 / 6.3 of the period.
_LEAST_SPAN, _LARGEST_SPAN = 1 / 6.2, 2.0
_NORB: dict[str, Kind] = {
    "category": _CATEGORY,
    "instance": _CATEGORY,
    "elevation": _ORDERED,
    "azimuth": ("circular", 18),  # 20 degrees per step
    "lighting": _CATEGORY,
}
_COIL: dict[str, Kind] = {"object": _CATEGORY, "pose": ("circular", 72)}
# By the name of the set; periods are in steps of the factor's index.
KINDS: dict[str, dict[str, Kind]] = {
    # Angles are 2 pi k / 39, k = 0 to 39: the last angle equals the first. A square looks
    # the same after a quarter of the period, an ellipse after half a period, a heart after
    # a full period.
    "dsprites": {
        "shape": _CATEGORY,
        "scale": _ORDERED,
        "orientation": ("circular", 39),
        "pos_x": _ORDERED,
        "pos_y": _ORDERED,
    },
    # Hues are tenths of the circle; the camera rotates from -30 to 30 degrees.
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


# Names of the values of factors, in order; the values of other factors are numbers.
_NORB_CATEGORIES = {"category": ("animal", "human", "airplane", "truck", "car")}
VALUE_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "dsprites": {"shape": ("square", "ellipse", "heart")},
    "shapes3d": {"shape": ("cube", "cylinder", "sphere", "capsule")},
    "norb": _NORB_CATEGORIES,
    "smallnorb": _NORB_CATEGORIES,
    "smallnorb_96": _NORB_CATEGORIES,
}


def with_kinds(image_set: ImageSet, name: str) -> ImageSet:
    """Adds the kinds of the factors, and names of their values, to a set of this package.

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
    named = VALUE_NAMES.get(name.removeprefix("rendered_"), {})
    names = tuple(named.get(factor, ()) for factor in image_set.factor_names)
    return dataclasses.replace(
        image_set, kinds=kinds, value_names=names if named else ()
    )


def declared(image_set: ImageSet, kinds: Mapping[str, Kind]) -> ImageSet:
    """A copy of an image set with new kinds of its factors.

    Args:
      image_set: the set.
      kinds: the new kinds by factor name; all other factors keep their kinds, or are
        categories if they have none.

    Returns:
      The set.

    Raises:
      ValueError: if there is no such factor, if a kind is unknown, or if a factor whose
        values are words gets another kind than "categorical".

    Example:
      >>> from dis_jax import data
      >>> sprites = data.load("rendered_dsprites")
      >>> sprites.kinds[2], data.declared(sprites, {"orientation": "categorical"}).kinds[2]
      (('circular', 39), 'categorical')
    """
    names = image_set.factor_names
    found: dict[str, Kind] = dict.fromkeys(names, _CATEGORY)
    found |= dict(zip(names, image_set.kinds, strict=False))
    for name, kind in kinds.items():
        if name not in names:
            raise ValueError(
                f"kinds has no factor {name!r} of {image_set.name!r}; "
                f"{suggest(str(name), names)}"
            )
        found[name] = check_kind(kind, name)
        if (words := image_set.names_of(name)) and found[name] != _CATEGORY:
            raise ValueError(
                f"the kind of {name!r} is {kind!r}, but it has words as values, "
                f"such as {words[0]!r}, without a known order or distance: replace them "
                "with numbers."
            )
        warn_of_units(name, found[name], 0, image_set.sizes[names.index(name)] - 1)
    return dataclasses.replace(image_set, kinds=tuple(found.values()))


def warn_of_units(name: str, kind: Kind, low: float, high: float) -> None:
    """Warns if the values of an angle and its period seem to have different units.

    Args:
      name: of the factor.
      kind: of the factor.
      low: its smallest value.
      high: its largest value.
    """
    if isinstance(kind, str) or high == low:
        return
    _, period = kind
    if not period * _LEAST_SPAN <= high - low <= period * _LARGEST_SPAN:
        logging.warning(
            "factor %r has values from %g to %g, and its period is %g; both have to be in "
            "the same unit, such as degrees, radians, or steps of an index",
            *(name, low, high, period),
        )


def read_kinds(text: str) -> dict[str, Kind]:
    """Kinds from one line of text: `name=kind` pairs, JSON, or the path of a JSON file.

    Args:
      text: `angle=circular:360,shape=categorical`, `{"angle": ["circular", 360]}`, or a
        path that ends in .json.

    Returns:
      The kinds by the name of the factor, as `resolve_kinds` accepts them.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is none of these, a kind is unknown, or a factor is named twice.
    """
    if text.endswith(".json"):
        path = pathlib.Path(text)
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}; expected a JSON file of kinds.")
        text = path.read_text("utf-8")
        if not text.lstrip().startswith("{"):
            raise ValueError('expected a JSON object, such as {"size": "ordered"}.')
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text, object_pairs_hook=_distinct)
        except json.JSONDecodeError as error:
            raise ValueError(f"kinds is not valid JSON: {error}.") from error
    else:
        pairs = []
        for word in filter(None, text.split(",")):
            name, equals, kind = word.strip().rpartition("=")
            if not equals or not name:
                raise ValueError(
                    f"kinds has the word {word!r}; expected name=kind, for example "
                    "angle=circular:360."
                )
            parts = tuple(kind.split(":"))
            pairs.append((name, parts[0] if len(parts) == 1 else parts))
        found = _distinct(pairs)
    return {name: check_kind(kind, name) for name, kind in found.items()}


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of pairs; raises if a name occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1)
        raise ValueError(f"kinds names {twice!r} twice; expected one kind per factor.")
    return found


def check_kind(kind: Kind, name: str) -> Kind:
    """Normalises a kind to a string or ("circular", period).

    Args:
      kind: of a factor.
      name: of that factor, for messages.

    Returns:
      The kind.

    Raises:
      ValueError: if it is unknown, or its period is not a positive number.
    """
    if isinstance(kind, str) and kind in _PLAIN:
        return kind
    if isinstance(kind, list | tuple) and len(kind) == 2 and kind[0] == "circular":
        try:
            period = float(kind[1])
        except (TypeError, ValueError):
            period = 0.0
        if 0 < period < float("inf"):
            return "circular", period
        raise ValueError(f"the period of {name!r} must be above 0, found {kind[1]!r}.")
    if kind == "circular":
        raise ValueError(
            f'the kind of {name!r} needs a period: ("circular", 360) for degrees.'
        )
    raise ValueError(
        f"the kind of {name!r} is {kind!r}; expected one of {_PLAIN} or "
        '("circular", period).'
    )
