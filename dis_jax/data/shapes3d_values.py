"""The values of the factors in rendered Shapes3D, and in sets with your own values."""

from __future__ import annotations

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

SHAPES = ("cube", "cylinder", "sphere", "capsule")


def _single(number: float) -> float:
    return float(np.float32(number))


class Shapes3DValues(NamedTuple):
    """The factor values of `custom_shapes3d`, by index."""

    floor_hues: tuple[Hue, ...] = tuple(i / 10 for i in range(10))
    wall_hues: tuple[Hue, ...] = tuple(i / 10 for i in range(10))
    object_hues: tuple[Hue, ...] = tuple(i / 10 for i in range(10))
    # Rounded as XLA rounds, so that images equal those of the formulas bit for bit.
    scales: tuple[float, ...] = tuple(
        _single(0.75 + 0.5 * i * _single(1 / 7)) for i in range(8)
    )
    shapes: tuple[str, ...] = SHAPES
    orientations: tuple[float, ...] = tuple(
        _single(-30 + 60 * i * _single(1 / 14)) for i in range(15)
    )
    side: int = 64

    def hues(self) -> dict[str, tuple[Hue, ...]]:
        """The fields that contain colours."""
        return {
            "floor_hues": self.floor_hues,
            "wall_hues": self.wall_hues,
            "object_hues": self.object_hues,
        }

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor."""
        return (
            *map(len, self.hues().values()),
            *map(len, (self.scales, self.shapes, self.orientations)),
        )


ORIGINAL_SHAPES3D = Shapes3DValues()


def check_shapes3d(values: Shapes3DValues) -> None:
    """Raises a ValueError that names the argument of `custom_shapes3d` that is wrong."""
    check_not_empty(Shapes3DValues._fields[:6], values.sizes)
    for field, hues in values.hues().items():
        check_hues(field, hues)
    check_known("shapes", values.shapes, SHAPES)
    check_scales(values.scales)
    check_degrees("orientations", values.orientations)
    check_side(values.side)
