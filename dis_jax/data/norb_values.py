"""The values of the factors in rendered NORB, and in sets with your own values."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dis_jax.data.value_checks import (
    check_degrees,
    check_known,
    check_not_empty,
    check_side,
)

NORB_CATEGORIES = ("animal", "human", "airplane", "truck", "car")
INSTANCES = 10  # of each category
PAINT = 0.84  # brightness of an object in a light of 1
_SINGLE = np.float32


class Light(NamedTuple):
    """A lamp with a fixed position, while the object rotates.

    Attributes:
      azimuth: degrees around the object, from the camera.
      elevation: degrees above the table.
      ambient: brightness of faces that the lamp does not light.
      directed: brightness that the lamp adds to a face at a right angle to its light.
      table: brightness of the table.
    """

    azimuth: float
    elevation: float
    ambient: float
    directed: float
    table: float


# Close to the brightness of the real images.
LIGHTS = (
    Light(-60, 58, 0.38, 0.60, 0.88),
    Light(60, 55, 0.34, 0.54, 0.80),
    Light(10, 72, 0.24, 0.36, 0.52),
    Light(130, 55, 0.38, 0.60, 0.89),
    Light(-130, 62, 0.30, 0.48, 0.70),
    Light(-20, 76, 0.44, 0.60, 0.98),
)


class NorbValues(NamedTuple):
    """The factor values of `custom_norb`, by index."""

    categories: tuple[str, ...] = NORB_CATEGORIES
    instances: tuple[int, ...] = tuple(range(INSTANCES))
    elevations: tuple[float, ...] = tuple(30.0 + 5 * i for i in range(9))
    # Rounded as XLA rounds 2 pi i / 18, so that images stay the same bit for bit.
    azimuths: tuple[float, ...] = tuple(
        math.degrees(_SINGLE(i) * _SINGLE(2 * math.pi / 18)) for i in range(18)
    )
    lightings: tuple[Light, ...] = LIGHTS
    side: int = 64

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor."""
        return tuple(map(len, self[:5]))


ORIGINAL_NORB = NorbValues()


def check_norb(values: NorbValues) -> None:
    """Raises a ValueError that names the argument of `custom_norb` that is wrong."""
    check_not_empty(NorbValues._fields[:5], values.sizes)
    check_known("categories", values.categories, NORB_CATEGORIES)
    if unknown := sorted({*values.instances} - {*range(INSTANCES)}):
        raise ValueError(
            f"instances contains {unknown}; expected some of 0 to {INSTANCES - 1}."
        )
    for elevation in values.elevations:
        # Below, the camera would look at the table's rim; above, azimuth has no meaning.
        if not 5 <= elevation < 90:
            raise ValueError(
                f"elevations contains {elevation:g}; expected degrees from 5 to below 90."
            )
    check_degrees("azimuths", values.azimuths)
    for light in values.lightings:
        bright = PAINT * (light.ambient + light.directed)
        shares = light.ambient, light.directed, light.table, bright
        above = 0 < light.elevation <= 90 and math.isfinite(light.azimuth)
        if not above or not all(0 <= share <= 1 for share in shares):
            raise ValueError(
                f"lightings contains {light}; expected an elevation above 0 up to 90 "
                f"degrees, a table in [0, 1], and ambient + directed up to {1 / PAINT:.2f}."
            )
    check_side(values.side)
