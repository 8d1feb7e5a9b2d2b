"""Objects like those of SmallNORB, rendered on the device from their factors."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dis_jax.data.catalogue import SMALLNORB
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.image_set import ImageSet, rendered_grid
from dis_jax.data.norb_shapes import norb_parts
from dis_jax.data.norb_values import (
    LIGHTS,
    NORB_CATEGORIES,
    ORIGINAL_NORB,
    PAINT,
    Light,
    NorbValues,
    check_norb,
)
from dis_jax.data.rays import (
    FAR,
    Camera,
    Mask,
    Plane,
    Span,
    Vector,
    antialiased,
    box,
    crosses,
    ellipsoid,
    is_ahead,
    majority,
    met,
    nonzero,
    orbit,
)
from dis_jax.data.value_checks import kind_of_angles

_ROUND = 4  # the first four of an object's eight parts are ellipsoids, the others boxes
_DISTANCE, _TARGET, _FIELD_OF_VIEW = 7.0, 0.5, 25.0
_SHADOW = 0.82


def rendered_norb() -> ImageSet:
    """48,600 images like those of SmallNORB, rendered from their factors: no download.

    Factors and their order are the original's (LeCun et al. 2004): 5 categories, 10
    instances, 9 elevations from 30 to 70 degrees, 18 azimuths 20 degrees apart, 6
    lightings. The objects are our own, composed of ellipsoids and boxes.

    Returns:
      The full grid, images 64x64x1 in [0, 1].

    Example:
      >>> norb = rendered_norb()
      >>> norb.num_images, norb.image_shape
      (48600, (64, 64, 1))
    """
    return with_kinds(_grid(ORIGINAL_NORB, "rendered_norb"), "norb")


def custom_norb(
    *,
    categories: Sequence[str] = NORB_CATEGORIES,
    instances: Sequence[int] = ORIGINAL_NORB.instances,
    elevations: Sequence[float] = ORIGINAL_NORB.elevations,
    azimuths: Sequence[float] = ORIGINAL_NORB.azimuths,
    lightings: Sequence[Light] = LIGHTS,
    side: int = 64,
    name: str = "custom_norb",
) -> ImageSet:
    """Objects like those of SmallNORB with your own factor values, rendered on the device.

    In a config, name a function of your own file that returns the set:
    `config.dataset = "my_module:my_norb"`.

    Args:
      categories: of "animal", "human", "airplane", "truck" and "car".
      instances: of 0 to 9.
      elevations: of the camera, in degrees; the original's are 30 to 70.
      azimuths: of the camera, in degrees; the original's are 0 to 340.
      lightings: each a `Light`, or its five numbers.
      side: of the square images, in pixels.
      name: of the set.

    Returns:
      The full grid, with masks and kinds of factors: azimuths that cover the whole circle
      in equal steps are circular.

    Raises:
      ValueError: if an argument is empty or out of range; the message names it.

    Example:
      >>> norb = custom_norb(categories=["car"], azimuths=[0, 90, 180, 270], side=32)
      >>> norb.sizes, norb.image_shape
      ((1, 10, 9, 4, 6), (32, 32, 1))
    """
    values = NorbValues(
        categories=tuple(categories),
        instances=tuple(map(int, instances)),
        elevations=tuple(map(float, elevations)),
        azimuths=tuple(map(float, azimuths)),
        lightings=tuple(Light(*map(float, light)) for light in lightings),
        side=side,
    )
    check_norb(values)
    turn = kind_of_angles(values.azimuths)
    return dataclasses.replace(
        _grid(values, name),
        kinds=("categorical", "categorical", "ordered", turn, "categorical"),
        value_names=(values.categories, (), (), (), ()),
    )


@functools.cache  # the functions of a set are part of compiled programs
def _grid(values: NorbValues, name: str) -> ImageSet:
    return rendered_grid(
        name,
        SMALLNORB.factor_names,
        values.sizes,
        (values.side, values.side, 1),
        functools.partial(render_norb, values=values),
        functools.partial(norb_masks, values=values),
        (("object", ()), ("table", ()), ("shadow", ())),
    )


@functools.partial(jax.jit, static_argnames="values")
def render_norb(
    factors: Int[Array, "batch 5"], values: NorbValues = ORIGINAL_NORB
) -> Float[Array, "batch side side 1"]:
    """Renders objects from rows of (category, instance, elevation, azimuth, lighting).

    Args:
      factors: indices of the factor values.
      values: the factor values; by default those of `rendered_norb`.

    Returns:
      Images in [0, 1], antialiased.

    Raises:
      ValueError: if `factors` does not have five columns.

    Example:
      >>> image = render_norb(jnp.array([[4, 0, 0, 0, 5]]))
      >>> round(float(image[0, 0, 0, 0]), 2)  # the table in the brightest light
      0.98
    """
    scene = _scene(factors, values)
    lit = scene.light[:, 2] + scene.light[:, 3] * jnp.maximum(scene.facing, 0)
    table = scene.light[:, 4] * jnp.where(scene.dark, _SHADOW, 1.0)
    return antialiased([jnp.where(scene.is_object, PAINT * lit, table)])


@functools.partial(jax.jit, static_argnames="values")
def norb_masks(
    factors: Int[Array, "batch 5"], values: NorbValues = ORIGINAL_NORB
) -> Bool[Array, "batch 3 side side"]:
    """Masks of the object, of the lit table, and of the shadow on the table.

    Args:
      factors: indices of the factor values.
      values: the factor values; by default those of `rendered_norb`.

    Returns:
      Masks that cover each pixel once.

    Raises:
      ValueError: if `factors` does not have five columns.

    Example:
      >>> masks = norb_masks(jnp.array([[4, 0, 0, 0, 5]]))
      >>> masks.shape, bool(masks[0, 1, 0, 0])  # the corner is table
      ((1, 3, 64, 64), True)
    """
    scene = _scene(factors, values)
    return majority(jnp.where(scene.is_object, 0, jnp.where(scene.dark, 2, 1)), 3)


class _Scene(NamedTuple):
    """What rays through the corners of pixels hit: (batch, corner, corner) each."""

    is_object: Mask
    dark: Mask  # whether the table is in shadow at this point
    facing: Plane  # cosine between the object's surface and the light
    light: Float[Array, "batch 5 1 1"]


def _scene(factors: Int[Array, "batch 5"], values: NorbValues) -> _Scene:
    if factors.ndim != 2 or factors.shape[1] != len(SMALLNORB.sizes):
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, 5): "
            f"{', '.join(SMALLNORB.factor_names)}."
        )
    category, instance, elevation, azimuth, lighting = (factors[:, i] for i in range(5))
    kinds = [NORB_CATEGORIES.index(category) for category in values.categories]
    parts = norb_parts()[kinds][:, list(values.instances)]
    thing = _Object(jnp.asarray(parts)[category, instance][..., None, None])
    degrees = jnp.asarray(values.elevations, jnp.float32)[elevation]
    height = degrees[:, None, None] * (math.pi / 180)
    turns = jnp.asarray(np.radians(values.azimuths), jnp.float32)
    turn = turns[azimuth][:, None, None]
    ray = orbit(
        turn,
        side=values.side,
        distance=_DISTANCE * jnp.cos(height),
        height=_TARGET + _DISTANCE * jnp.sin(height),
        target=_TARGET,
        field_of_view=_FIELD_OF_VIEW,
    )
    light = jnp.asarray(values.lightings, jnp.float32)[lighting][..., None, None]
    # The lights are fixed relative to the camera; the object rotates.
    around, above = turn + light[:, 0] * (math.pi / 180), light[:, 1] * (math.pi / 180)
    flat = jnp.cos(above)
    to_light = Vector(flat * jnp.sin(around), jnp.sin(above), flat * jnp.cos(around))

    to_object, facing = thing.surface(ray, to_light)
    to_table = -ray.origin.y / nonzero(ray.direction.y)
    on_table = ray.origin + ray.direction.scaled(to_table)
    dark = thing.hides(Camera(on_table._replace(y=0.0 * to_table), to_light))
    return _Scene(jnp.less(to_object, to_table), dark, facing, light)


class _Object(NamedTuple):
    """An object as its parts: (batch, part, centre and half size, 1, 1).

    XLA fuses all of this into one loop over rays, unless two values share a square root or
    a quotient: it stores these as planes in memory, and repeats the computation of them.
    """

    parts: Float[Array, "batch 8 6 1 1"]

    def _part(self, i: int) -> tuple[Vector, Vector]:
        numbers = [self.parts[:, i, j] for j in range(6)]
        return Vector(*numbers[:3]), Vector(*numbers[3:])

    def _spans(self, ray: Camera) -> tuple[list[Span], list[Span]]:
        """Where rays enter and leave the ellipsoids, and the boxes, of the object."""
        parts = [self._part(i) for i in range(self.parts.shape[1])]
        ellipsoids = [ellipsoid(ray, *part) for part in parts[:_ROUND]]
        return ellipsoids, [box(ray, *part) for part in parts[_ROUND:]]

    def hides(self, ray: Camera) -> Mask:
        """Whether rays hit any part of the object."""
        ellipsoids, boxes = self._spans(ray)
        # For ellipsoids `leaves` alone decides: it is behind the start if the ray misses.
        # `enters` would share its square root.
        hidden = [is_ahead(leaves) for _, leaves in ellipsoids]
        hidden += [crosses(*span) for span in boxes]
        return functools.reduce(jnp.logical_or, hidden)

    def surface(self, ray: Camera, to_light: Vector) -> tuple[Plane, Plane]:
        """t at which rays hit the object, or FAR, and the cosine of normal and light."""
        ellipsoids, boxes = self._spans(ray)
        hits = [jnp.where(enters > 0, enters, FAR) for enters, _ in ellipsoids]
        hits += [met(*span) for span in boxes]
        nothing = jnp.zeros_like(ray.direction.x)
        nearest, is_box = nothing + FAR, nothing > 0
        centre = inverse = Vector(nothing, nothing, nothing)
        for i, t in enumerate(hits):
            choose = functools.partial(jnp.where, t < nearest)
            middle, half = self._part(i)
            centre = Vector(*map(choose, middle, centre))
            inverse = Vector(*map(choose, [1 / h for h in half], inverse))
            nearest, is_box = choose(t, nearest), choose(i >= _ROUND, is_box)
        at = ray.origin + ray.direction.scaled(jnp.minimum(nearest, 100.0)) - centre
        return nearest, _facing(at, inverse, is_box, to_light)


def _facing(at: Vector, inverse: Vector, is_box: Mask, to_light: Vector) -> Plane:
    """Cosine between the normal of a part and the light, at a point from its centre."""
    unit = at.times(inverse)
    x, y, z = map(abs, unit)
    side = jnp.where(
        (x > y) & (x >= z),
        jnp.sign(unit.x) * to_light.x,
        jnp.sign(unit.z) * to_light.z,
    )
    # The camera is above the table, so it never sees the lower face of a box.
    face = jnp.where((y >= x) & (y >= z), to_light.y, side)
    normal = unit.times(inverse)
    length = jnp.maximum(normal.dot(normal), 1e-9)
    return jnp.where(is_box, face, normal.dot(to_light) * jax.lax.rsqrt(length))
