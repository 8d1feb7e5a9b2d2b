"""The values of the factors in rendered dSprites, and in sets with your own values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dis_jax.data.value_checks import (
    Hue,
    check_degrees,
    check_hues,
    check_known,
    check_not_empty,
    check_scales,
    check_side,
)

DSPRITES_SHAPES = ("square", "ellipse", "heart")
_SINGLE = np.float32


class DSpritesValues(NamedTuple):
    """The factor values of `custom_dsprites`, by index.

    The defaults are those of dSprites, rounded as XLA rounds their formulas, so that
    images stay the same bit for bit.
    """

    shapes: tuple[str, ...] = DSPRITES_SHAPES
    scales: tuple[float, ...] = tuple(
        float(_SINGLE(0.5) + _SINGLE(0.1) * _SINGLE(i)) for i in range(6)
    )
    orientations: tuple[float, ...] = tuple(
        math.degrees(_SINGLE(i) * _SINGLE(2 * math.pi / 39)) for i in range(40)
    )
    positions_x: tuple[float, ...] = tuple(
        float(_SINGLE(16) + _SINGLE(i) * _SINGLE(32 / 31)) / 64 for i in range(32)
    )
    positions_y: tuple[float, ...] = tuple(
        float(_SINGLE(16) + _SINGLE(i) * _SINGLE(32 / 31)) / 64 for i in range(32)
    )
    colours: tuple[Hue, ...] = ()
    side: int = 64
    antialias: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor; colour is the first if there is one."""
        return (*((len(self.colours),) if self.colours else ()), *map(len, self[:5]))


ORIGINAL_DSPRITES = DSpritesValues()


def check_dsprites(values: DSpritesValues) -> None:
    """Raises a ValueError that names the argument of `custom_dsprites` that is wrong."""
    check_not_empty(DSpritesValues._fields[:5], map(len, values[:5]))
    check_known("shapes", values.shapes, DSPRITES_SHAPES)
    check_scales(values.scales)
    check_degrees("orientations", values.orientations)
    for field in ("positions_x", "positions_y"):
        for value in getattr(values, field):
            if not 0 <= value <= 1:
                raise ValueError(
                    f"{field} contains {value:g}; "
                    "expected shares of the image's side, 0 to 1."
                )
    check_hues("colours", values.colours)
    check_side(values.side)
