"""Scenes like those of Shapes3D, rendered on the device from their factors."""

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

from dis_jax.data.catalogue import SHAPES3D
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.image_set import ImageSet, rendered_grid
from dis_jax.data.rays import (
    FAR,
    Camera,
    Mask,
    Plane,
    Vector,
    antialiased,
    box,
    crosses,
    cylinder,
    ellipsoid,
    majority,
    met,
    nonzero,
    orbit,
    slab,
)
from dis_jax.data.shapes3d_values import (
    ORIGINAL_SHAPES3D,
    SHAPES,
    Shapes3DValues,
    check_shapes3d,
)
from dis_jax.data.value_checks import (
    Hue,
    colours_of,
    kind_of_hues,
    plain_hues,
)

_SKY = np.array([153, 226, 249], np.float32) / 255

# Lengths, angles and lights were fitted to published pictures of the original.
_CAMERA = {"distance": 4.77, "height": 1.413, "target": 1.24, "field_of_view": 44.0}
_BACK_WALL, _SIDE_WALL, _WALL_HEIGHT = 5.16, 5.02, 2.9
_CUBE, _SPHERE = 0.62, 0.775  # half an edge, the radius; at scale 1
_CYLINDER = (0.639, 0.634)  # radius, half the height
_CAPSULE = (0.530, 2.026)  # radius, height
_TO_SUN = Vector(-0.254, 1.0, -0.123)
_TO_LAMP = Vector(-0.510, 0.629, 0.586)  # lights the object
_SHADOW = 0.337


def custom_shapes3d(
    *,
    floor_hues: Sequence[Hue] = ORIGINAL_SHAPES3D.floor_hues,
    wall_hues: Sequence[Hue] = ORIGINAL_SHAPES3D.wall_hues,
    object_hues: Sequence[Hue] = ORIGINAL_SHAPES3D.object_hues,
    scales: Sequence[float] = ORIGINAL_SHAPES3D.scales,
    shapes: Sequence[str] = SHAPES,
    orientations: Sequence[float] = ORIGINAL_SHAPES3D.orientations,
    side: int = 64,
    name: str = "custom_shapes3d",
) -> ImageSet:
    """Scenes like those of Shapes3D with your own factor values, rendered on the device.

    In a config, name a function of your own file that returns the set:
    `config.dataset = "my_module:my_scenes"`.

    Args:
      floor_hues: hues from 0 to 1, 0 = red, 1/3 = green; or (red, green, blue)
        in [0, 1].
      wall_hues: as `floor_hues`.
      object_hues: as `floor_hues`.
      scales: of the object; the original's are .75 to 1.25.
      shapes: of "cube", "cylinder", "sphere" and "capsule".
      orientations: of the camera, in degrees; the original's are -30 to 30.
      side: of the square images, in pixels.
      name: of the set.

    Returns:
      The full grid, with masks and kinds of factors: hues that cover the whole circle in
      equal steps are circular, other colours categorical.

    Raises:
      ValueError: if an argument is empty or out of range; the message names it.

    Example:
      >>> scenes = custom_shapes3d(wall_hues=[0.6], shapes=["cube", "sphere"], side=32)
      >>> scenes.sizes, scenes.image_shape
      ((10, 1, 10, 8, 2, 15), (32, 32, 3))
    """
    values = Shapes3DValues(
        floor_hues=plain_hues(floor_hues),
        wall_hues=plain_hues(wall_hues),
        object_hues=plain_hues(object_hues),
        scales=tuple(map(float, scales)),
        shapes=tuple(shapes),
        orientations=tuple(map(float, orientations)),
        side=side,
    )
    check_shapes3d(values)
    kinds = map(kind_of_hues, values.hues().values())
    return dataclasses.replace(
        _grid(values, name),
        kinds=(*kinds, "ordered", "categorical", "ordered"),
        value_names=((), (), (), (), values.shapes, ()),
    )


def rendered_shapes3d() -> ImageSet:
    """480,000 images like those of Shapes3D, rendered from their factors: no download.

    Factors, their order and values are the original's (Burgess & Kim 2018): ten hues of
    floor, wall and object, scale .75 to 1.25, shape (cube, cylinder, sphere, capsule),
    orientation -30 to 30 degrees. The scene is our own, without the texture of the walls.

    Returns:
      The full grid, images 64x64x3 in [0, 1].

    Example:
      >>> scenes = rendered_shapes3d()
      >>> scenes.sizes, scenes.image_shape
      ((10, 10, 10, 8, 4, 15), (64, 64, 3))
    """
    return with_kinds(_grid(ORIGINAL_SHAPES3D, "rendered_shapes3d"), "shapes3d")


@functools.cache  # the functions of a set are part of compiled programs
def _grid(values: Shapes3DValues, name: str) -> ImageSet:
    return rendered_grid(
        name,
        SHAPES3D.factor_names,
        values.sizes,
        (values.side, values.side, 3),
        functools.partial(render_shapes3d, values=values),
        functools.partial(shapes3d_masks, values=values),
        (
            ("floor", ("floor_hue",)),
            ("walls", ("wall_hue",)),
            ("sky", ()),
            ("object", ("object_hue",)),
            ("shadow", ()),
        ),
    )


@functools.partial(jax.jit, static_argnames="values")
def render_shapes3d(
    factors: Int[Array, "batch 6"], values: Shapes3DValues = ORIGINAL_SHAPES3D
) -> Float[Array, "batch side side 3"]:
    """Renders scenes from rows of (floor, wall, object hue, scale, shape, orientation).

    Args:
      factors: indices of the factor values.
      values: the factor values; by default those of `rendered_shapes3d`.

    Returns:
      Images in [0, 1], antialiased.

    Raises:
      ValueError: if `factors` does not have six columns.

    Example:
      >>> image = render_shapes3d(jnp.array([[0, 1, 2, 4, 0, 7]]))
      >>> image[0, -1, 32].tolist()  # the floor is red
      [1.0, 0.0, 0.0]
    """
    scene = _scene(factors, values)
    floor, wall, thing = (factors[:, i, None, None] for i in range(3))
    is_thing, is_floor, is_wall = scene.is_thing, scene.is_floor, scene.is_wall

    thing_shade, gloss = scene.body.shading(scene.ray, scene.to_thing)
    wall_shade = _wall_shade(scene.ray, *_to_wall(scene.ray))
    shade = jnp.where(is_wall, wall_shade, 1.0)
    shade = jnp.where(is_floor, _floor_shade(scene), shade)
    shade = jnp.where(is_thing, thing_shade, shade)
    gloss = jnp.where(is_thing, gloss, 0.0)
    floors, walls, things = (
        jnp.asarray(colours_of(hues)) for hues in values.hues().values()
    )
    channels = []
    for i in range(3):
        colour = jnp.where(is_wall, walls[wall, i], _SKY[i])
        colour = jnp.where(is_floor, floors[floor, i], colour)
        colour = jnp.where(is_thing, things[thing, i], colour)
        channels.append(colour * shade * (1 - gloss) + gloss)
    return antialiased(channels)


@functools.partial(jax.jit, static_argnames="values")
def shapes3d_masks(
    factors: Int[Array, "batch 6"], values: Shapes3DValues = ORIGINAL_SHAPES3D
) -> Bool[Array, "batch 5 side side"]:
    """Masks of the lit floor, walls, sky, object, and shadow on the floor.

    Args:
      factors: indices of the factor values.
      values: the factor values; by default those of `rendered_shapes3d`.

    Returns:
      Masks that cover each pixel once.

    Raises:
      ValueError: if `factors` does not have six columns.

    Example:
      >>> masks = shapes3d_masks(jnp.array([[0, 1, 2, 4, 0, 7]]))
      >>> bool(masks[0, 0, -1, 32])  # floor, in the middle of the lowest row
      True
    """
    scene = _scene(factors, values)
    on_floor = jnp.where(_in_shadow(scene), 4, 0)
    label = jnp.where(scene.is_floor, on_floor, jnp.where(scene.is_wall, 1, 2))
    return majority(jnp.where(scene.is_thing, 3, label), 5)


class _Scene(NamedTuple):
    """What rays through the corners of pixels hit: (batch, corner, corner) each.

    A ray that hits neither object, floor nor wall hits the sky. If several masks are true,
    the object takes precedence over the floor, and the floor over walls.
    """

    ray: Camera
    body: _Body
    to_thing: Plane
    to_floor: Plane
    is_thing: Mask
    is_floor: Mask
    is_wall: Mask


def _scene(factors: Int[Array, "batch 6"], values: Shapes3DValues) -> _Scene:
    if factors.ndim != 2 or factors.shape[1] != len(SHAPES3D.sizes):
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, 6): "
            f"{', '.join(SHAPES3D.factor_names)}."
        )
    scale, shape, orientation = (factors[:, i, None, None] for i in range(3, 6))
    kinds = jnp.asarray([SHAPES.index(shape) for shape in values.shapes])
    scales = jnp.asarray(values.scales, jnp.float32)
    degrees = jnp.asarray(values.orientations, jnp.float32)
    body = _Body(kinds[shape], scales[scale])
    ray = orbit(degrees[orientation] * (math.pi / 180), side=values.side, **_CAMERA)
    to_thing, to_floor = body.distance(ray), _to_floor(ray)
    to_wall, _ = _to_wall(ray)
    is_thing = to_thing < jnp.minimum(to_floor, to_wall)
    is_floor = jnp.less(to_floor, to_wall)
    is_wall = jnp.less(ray.origin.y + to_wall * ray.direction.y, _WALL_HEIGHT)
    return _Scene(ray, body, to_thing, to_floor, is_thing, is_floor, is_wall)


class _Body(NamedTuple):
    """The object: a cube, a cylinder, a sphere or a capsule that stands on the floor."""

    shape: Int[Array, "batch 1 1"]
    scale: Float[Array, "batch 1 1"]

    def _spans(self, ray: Camera) -> tuple[Sequence[Plane], Sequence[Plane]]:
        """Where rays enter and leave the three parts; only round shapes have all three."""
        edge = _CUBE * self.scale
        cube = box(ray, Vector(0.0, edge, 0.0), Vector(edge, edge, edge))
        # A sphere is a capsule without a middle, so the two share their parts.
        radius = jnp.where(self.shape == 1, _CYLINDER[0], self._radius()) * self.scale
        around = cylinder(ray, radius)
        low, high = self._middle()
        between = slab(
            ray.origin.y, ray.direction.y, (low + high) / 2, (high - low) / 2
        )
        can = (
            jnp.maximum(around[0], between[0]),
            jnp.minimum(around[1], between[1]),
        )
        ends = [
            ellipsoid(ray, Vector(0.0, y, 0.0), Vector(radius, radius, radius))
            for y in (low, high)
        ]
        is_round = self.shape >= 2
        is_cube = self.shape == 0
        enters = [jnp.where(is_cube, cube[0], can[0])]
        leaves = [jnp.where(is_cube, cube[1], can[1])]
        for end in ends:
            enters.append(jnp.where(is_round, end[0], FAR))
            leaves.append(jnp.where(is_round, end[1], -FAR))
        return enters, leaves

    def _radius(self) -> Plane:
        return jnp.where(self.shape == 2, _SPHERE, _CAPSULE[0])

    def _middle(self) -> tuple[Plane, Plane]:
        """Heights between which the sides of the round shapes are vertical."""
        radius = self._radius()
        height = jnp.where(self.shape == 2, 2 * _SPHERE, _CAPSULE[1])
        low = jnp.where(self.shape == 1, 0.0, radius)
        high = jnp.where(self.shape == 1, 2 * _CYLINDER[1], height - radius)
        return low * self.scale, high * self.scale

    def distance(self, ray: Camera) -> Plane:
        """t at which rays hit the object, or FAR."""
        spans = zip(*self._spans(ray), strict=True)
        nearest = [met(*span) for span in spans]
        return jnp.minimum(jnp.minimum(nearest[0], nearest[1]), nearest[2])

    def hides_sun(self, ray: Camera) -> Mask:
        """Whether rays towards the sun hit the object."""
        spans = zip(*self._spans(ray), strict=True)
        hidden = [crosses(*span) for span in spans]
        return hidden[0] | hidden[1] | hidden[2]

    def _normal(self, at: Vector) -> Vector:
        edge = _CUBE * self.scale
        x, y, z = abs(at.x), abs(at.y - edge), abs(at.z)
        on_x, on_z = (x > y) & (x > z), (z > y) & (z >= x)
        on_y = ~(on_x | on_z)
        low, high = self._middle()
        radius = jnp.where(self.shape == 1, _CYLINDER[0], self._radius()) * self.scale
        on_top = (self.shape == 1) & (at.y > high * 0.999)
        rise = (
            jnp.where(self.shape == 1, 0.0, at.y - jnp.clip(at.y, low, high)) / radius
        )
        is_cube = self.shape == 0
        return Vector(
            jnp.where(is_cube, on_x * jnp.sign(at.x), ~on_top * at.x / radius),
            jnp.where(is_cube, on_y * 1.0, jnp.where(on_top, 1.0, rise)),
            jnp.where(is_cube, on_z * jnp.sign(at.z), ~on_top * at.z / radius),
        )

    def shading(self, ray: Camera, t: Plane) -> tuple[Plane, Plane]:
        """Brightness of the object's colour, and the amount of white highlight."""
        at = ray.origin + ray.direction.scaled(jnp.minimum(t, 100.0))
        light = jnp.maximum(self._normal(at).dot(_TO_LAMP), 0)
        shade = jnp.minimum(0.627 + 0.521 * light, 1.0)
        return shade, 0.124 * jnp.clip((light - 0.69) * 8, 0, 1)


def _to_floor(ray: Camera) -> Plane:
    falls = ray.direction.y < 0
    return jnp.where(falls, -ray.origin.y / nonzero(ray.direction.y), FAR)


def _to_wall(ray: Camera) -> tuple[Plane, Plane]:
    """t at which rays hit a wall, and whether it is the back wall."""
    dx, dz = nonzero(ray.direction.x), nonzero(ray.direction.z)
    side = (jnp.sign(dx) * _SIDE_WALL - ray.origin.x) / dx
    back = jnp.where(dz < 0, (-_BACK_WALL - ray.origin.z) / dz, FAR)
    return jnp.minimum(side, back), back <= side


def _wall_shade(ray: Camera, t: Plane, is_back: Plane) -> Plane:
    across = jnp.clip(1.077 - 0.035 * (ray.origin.x + t * ray.direction.x), 0, 1)
    return jnp.where(is_back, across, jnp.where(ray.direction.x > 0, 0.677, 0.74))


def _on_floor(scene: _Scene) -> Vector:
    t = jnp.where(scene.to_floor < FAR, scene.to_floor, 0.0)
    at = scene.ray.origin + scene.ray.direction.scaled(t)
    return at._replace(y=jnp.zeros_like(at.x))


def _in_shadow(scene: _Scene) -> Mask:
    return scene.body.hides_sun(Camera(_on_floor(scene), _TO_SUN))


def _floor_shade(scene: _Scene) -> Plane:
    at = _on_floor(scene)
    shade = jnp.clip(1.032 - 0.107 * at.x + 0.009 * at.z, 0, 1)
    return jnp.where(_in_shadow(scene), shade * _SHADOW, shade)
