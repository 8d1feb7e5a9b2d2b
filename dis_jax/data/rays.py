"""Ray casting with x, y and z as separate arrays, which is fast on a CPU.

A ray is an origin and a direction; it hits a surface at origin + t direction.
Everything broadcasts: rays are (batch, row, column), values of an image (batch, 1, 1).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

FAR = 1e9  # t of a surface that is not hit
_SMALL = 1e-6
Plane = Float[Array, "*shape"] | float
Mask = Bool[Array, "*shape"]
Span = tuple[Plane, Plane]  # t at which a ray enters a body, and t at which it leaves


class Vector(NamedTuple):
    """The x, y and z components, one array each."""

    x: Plane
    y: Plane
    z: Plane

    def __add__(self, other: Vector) -> Vector:  # type: ignore[override]
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def scaled(self, factor: Plane) -> Vector:
        """Scales the vector."""
        return Vector(self.x * factor, self.y * factor, self.z * factor)

    def times(self, other: Vector) -> Vector:
        """Multiplies component by component."""
        return Vector(self.x * other.x, self.y * other.y, self.z * other.z)

    def dot(self, other: Vector) -> Plane:
        """Scalar product."""
        return self.x * other.x + self.y * other.y + self.z * other.z


class Camera(NamedTuple):
    """Origin and directions of the rays through the corners of pixels."""

    origin: Vector
    direction: Vector


def orbit(
    angle: Float[Array, "batch 1 1"],
    *,
    side: int,
    distance: Plane,
    height: Plane,
    target: float,
    field_of_view: float,
) -> Camera:
    """A camera on a circle around the vertical axis, directed at the axis.

    Args:
      angle: radians about the vertical axis y; 0 looks from +z.
      side: pixels per side; there are side + 1 rays, through the corners.
      distance: of the camera from the axis, in the horizontal plane.
      height: of the camera.
      target: height of the point that the camera is directed at.
      field_of_view: degrees.

    Returns:
      Origin (batch, 1, 1) and directions (batch, side + 1, side + 1), not normalised.
    """
    half = math.tan(math.radians(field_of_view) / 2)
    steps = jnp.asarray(np.linspace(-half, half, side + 1, dtype=np.float32))
    up, right = -steps[:, None], steps[None, :]
    pitch = jnp.arctan2(jnp.asarray(height - target), jnp.asarray(distance))
    cos, sin = jnp.cos(pitch), jnp.sin(pitch)
    away, rise = up * sin + cos, up * cos - sin  # towards the axis, and upwards
    turn, tilt = jnp.cos(angle), jnp.sin(angle)
    direction = Vector(turn * right - tilt * away, rise, -tilt * right - turn * away)
    direction = Vector(*jnp.broadcast_arrays(*direction))
    return Camera(Vector(distance * tilt, height, distance * turn), direction)


def nonzero(plane: Plane) -> Plane:
    """Replaces values near 0, so that a division by them does not overflow."""
    return jnp.where(abs(plane) < _SMALL, _SMALL, plane)


def slab(origin: Plane, direction: Plane, centre: Plane, half: Plane) -> Span:
    """Where a ray enters and leaves centre - half < coordinate < centre + half."""
    inverse = 1 / nonzero(direction)
    middle, reach = (centre - origin) * inverse, abs(half * inverse)
    return middle - reach, middle + reach


def box(ray: Camera, centre: Vector, half: Vector) -> Span:
    """Where a ray enters and leaves a box; it misses the box if enters >= leaves."""
    spans = [slab(*axis) for axis in zip(*ray, centre, half, strict=True)]
    enters = jnp.maximum(jnp.maximum(spans[0][0], spans[1][0]), spans[2][0])
    leaves = jnp.minimum(jnp.minimum(spans[0][1], spans[1][1]), spans[2][1])
    return enters, leaves


def cylinder(ray: Camera, radius: Plane) -> Span:
    """Where a ray enters and leaves an infinite upright cylinder about the axis."""
    (ox, _, oz), (dx, _, dz) = ray
    return _quadratic(
        dx * dx + dz * dz, ox * dx + oz * dz, ox * ox + oz * oz - radius * radius
    )


def ellipsoid(ray: Camera, centre: Vector, half: Vector) -> Span:
    """Where a ray enters and leaves an ellipsoid with axes along x, y and z."""
    inverse = Vector(1 / half.x, 1 / half.y, 1 / half.z)
    origin = (ray.origin - centre).times(inverse)
    d = ray.direction.times(inverse)
    return _quadratic(d.dot(d), origin.dot(d), origin.dot(origin) - 1)


def _quadratic(a: Plane, half_b: Plane, c: Plane) -> Span:
    """Roots of a t^2 + 2 half_b t + c; an empty interval if there are none."""
    discriminant = half_b * half_b - a * c
    root = jnp.sqrt(jnp.maximum(discriminant, 0))
    inverse = 1 / jnp.maximum(a, _SMALL * _SMALL)
    missed = discriminant <= 0
    return (
        jnp.where(missed, FAR, (-half_b - root) * inverse),
        jnp.where(missed, -FAR, (root - half_b) * inverse),
    )


def met(enters: Plane, leaves: Plane) -> Plane:
    """t of the nearest point ahead of a ray's start, or FAR."""
    return jnp.where((enters < leaves) & (enters > 0), enters, FAR)


def crosses(enters: Plane, leaves: Plane) -> Mask:
    """Whether any part of a body is ahead of a ray's start: for shadows."""
    return jnp.logical_and(enters < leaves, is_ahead(leaves))


def is_ahead(t: Plane) -> Mask:
    """Whether t is ahead of the start of a ray, which may lie on a surface itself."""
    return jnp.greater(t, _SMALL)


def antialiased(
    channels: Sequence[Float[Array, "batch corner corner"]],
) -> Float[Array, "batch side side channel"]:
    """Pixels as the mean of the rays through their four corners, rounded to 1/255.

    Args:
      channels: one or three planes in [0, 1], with one more corner than pixels per side.

    Returns:
      Images in [0, 1].
    """
    # The channels of a corner are packed into one integer.
    channel_bytes = [
        jnp.round(plane * 255).astype(jnp.uint32) << (8 * i)
        for i, plane in enumerate(channels)
    ]
    packed = functools.reduce(jnp.bitwise_or, channel_bytes)
    packed = _joined(packed, _mean_down, _mean_up)
    shifts = 8 * jnp.arange(len(channels), dtype=jnp.uint32)
    return ((packed[..., None] >> shifts) & 255).astype(jnp.float32) / 255


def _mean_down(a: Array, b: Array) -> Array:
    """The mean of packed integers, byte by byte, rounded down."""
    return (a & b) + (((a ^ b) & jnp.uint32(0xFEFEFE)) >> 1)


def _mean_up(a: Array, b: Array) -> Array:
    """The same mean, rounded up: used after `_mean_down`, so that errors cancel."""
    return (a | b) - (((a ^ b) & jnp.uint32(0xFEFEFE)) >> 1)


def majority(
    label: Int[Array, "batch corner corner"], count: int
) -> Bool[Array, "batch label side side"]:
    """A mask for each label: the pixels in which most of the four corners have it.

    Args:
      label: 0 to count - 1, for the rays through the corners of pixels.
      count: number of labels, up to 10.

    Returns:
      Masks that cover each pixel once; of labels with equally many corners the smaller one
      is used.
    """
    # Three bits for each label count its corners.
    packed = jnp.uint32(1) << (3 * label.astype(jnp.uint32))
    packed = _joined(packed, jnp.add, jnp.add)
    shifts = 3 * jnp.arange(count, dtype=jnp.uint32)[:, None, None]
    most = ((packed[:, None] >> shifts) & 7).argmax(axis=1)
    return most[:, None] == jnp.arange(count)[:, None, None]


def _joined(
    corners: Array,
    rows: Callable[[Array, Array], Array],
    columns: Callable[[Array, Array], Array],
) -> UInt32[Array, "batch side side"]:
    """Joins the four corners of each pixel: first neighbouring rows, then columns.

    The loop stops XLA from fusing this with the ray casting; on a CPU the fused program
    would cast every ray again for each pixel that it belongs to. The loop has two steps,
    because XLA removes loops of one step; the second step changes nothing.
    """

    def step(i: int, planes: Array) -> Array:
        return jnp.where(i == 0, rows(planes, jnp.roll(planes, -1, axis=1)), planes)

    joined = jax.lax.fori_loop(0, 2, step, corners)[:, :-1]
    return columns(joined[:, :, :-1], joined[:, :, 1:])
