"""Checks of the factor values of rendered sets; colours and kinds of factors."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from dis_jax.data.image_set import Kind

Hue = float | tuple[float, ...]  # a turn of the colour circle, or RGB


def plain_hues(hues: Sequence[Hue]) -> tuple[Hue, ...]:
    """Hues as Python numbers and tuples, which compiled functions accept as constants."""
    return tuple(
        tuple(map(float, hue)) if isinstance(hue, Iterable) else float(hue)
        for hue in hues
    )


def check_hues(field: str, hues: Sequence[Hue]) -> None:
    """Refuses colours that are neither a turn of the colour circle nor RGB."""
    for hue in hues:
        if np.shape(hue) not in ((), (3,)) or not np.all(
            (np.asarray(hue) >= 0) & (np.asarray(hue) <= 1)
        ):
            raise ValueError(
                f"{field} contains {hue}; expected turns of the colour circle in [0, 1], "
                "or (red, green, blue) in [0, 1]."
            )


def check_known(field: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Refuses names that a renderer does not have."""
    if unknown := sorted({*names} - {*known}):
        raise ValueError(
            f"{field} contains {unknown}; expected some of {tuple(known)}."
        )


def check_scales(scales: Sequence[float]) -> None:
    """Refuses sizes that are not positive."""
    if not all(0 < scale < math.inf for scale in scales):
        raise ValueError(f"scales contains {scales}; expected positive numbers.")


def check_degrees(field: str, degrees: Sequence[float]) -> None:
    """Refuses angles that are not finite."""
    if not all(map(math.isfinite, degrees)):
        raise ValueError(f"{field} contains {degrees}; expected degrees.")


def check_side(side: int) -> None:
    """Refuses images that are too small or too large."""
    if not 4 <= side <= 1024:
        raise ValueError(f"side is {side}; expected 4 to 1024 pixels.")


def check_not_empty(fields: Iterable[str], sizes: Iterable[int]) -> None:
    """Refuses factors without a value."""
    for field, count in zip(fields, sizes, strict=True):
        if not count:
            raise ValueError(f"{field} is empty; expected at least one value.")


def kind_of_angles(degrees: Sequence[float]) -> Kind:
    """Kind of angles: circular if they cover the circle in equal steps, else ordered."""
    steps = np.diff(degrees)
    if len(degrees) > 2 and steps[0] and np.allclose(steps, steps[0]):
        period = 360 / abs(float(steps[0]))
        whole = math.isclose(period, round(period), rel_tol=1e-6)
        # The last angle may equal the first, as in dSprites.
        if whole and 3 <= round(period) <= len(degrees):
            return ("circular", round(period))
    return "ordered"


def kind_of_hues(hues: tuple[Hue, ...]) -> Kind:
    """Kind of hues: circular if they cover the circle in equal steps, else categorical."""
    count = len(hues)
    turns = [hue for hue in hues if isinstance(hue, float)]
    if len(turns) == count > 2:
        steps = np.diff([*turns, turns[0] + 1])
        if np.allclose(steps, 1 / count):
            return ("circular", count)
    return "categorical"


def colours_of(hues: tuple[Hue, ...]) -> Float[np.ndarray, "hue 3"]:
    """RGB in [0, 1] of each hue."""
    turned = (
        colorsys.hsv_to_rgb(hue % 1, 1, 1) if isinstance(hue, float) else hue
        for hue in hues
    )
    return np.array([*turned], np.float32)
