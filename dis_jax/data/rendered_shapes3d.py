"""Scenes like those of Shapes3D, rendered on the device from their factors."""

from __future__ import annotations

import colorsys
import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dis_jax.data.catalogue import SHAPES3D
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.image_set import ImageSet, Kind, drawn_grid
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

SHAPES = ("cube", "cylinder", "sphere", "capsule")
Hue = float | tuple[float, ...]  # a turn of the colour circle, or RGB
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


def _single(number: float) -> float:
    return float(np.float32(number))


class World(NamedTuple):
    """The factor values of `rendered_rooms`, by index."""

    floor_hues: tuple[Hue, ...] = tuple(i / 10 for i in range(10))
    wall_hues: tuple[Hue, ...] = tuple(i / 10 for i in range(10))
    object_hues: tuple[Hue, ...] = tuple(i / 10 for i in range(10))
    # Rounded as XLA does it, so that images equal those of the formulas bit for bit.
    scales: tuple[float, ...] = tuple(
        _single(0.75 + 0.5 * i * _single(1 / 7)) for i in range(8)
    )
    shapes: tuple[str, ...] = SHAPES
    orientations: tuple[float, ...] = tuple(
        _single(-30 + 60 * i * _single(1 / 14)) for i in range(15)
    )
    side: int = 64

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values of each factor."""
        return (
            *map(len, (self.floor_hues, self.wall_hues, self.object_hues)),
            *map(len, (self.scales, self.shapes, self.orientations)),
        )


_ORIGINAL = World()


def rendered_rooms(
    *,
    floor_hues: Sequence[Hue] = _ORIGINAL.floor_hues,
    wall_hues: Sequence[Hue] = _ORIGINAL.wall_hues,
    object_hues: Sequence[Hue] = _ORIGINAL.object_hues,
    scales: Sequence[float] = _ORIGINAL.scales,
    shapes: Sequence[str] = SHAPES,
    orientations: Sequence[float] = _ORIGINAL.orientations,
    side: int = 64,
    name: str = "rendered_rooms",
) -> ImageSet:
    """Scenes like those of Shapes3D with your own factor values, rendered on the device.

    In a config, name a function of your own file that returns the set:
    `config.dataset = "my_module:my_rooms"`.

    Args:
      floor_hues: hues from 0 to 1, 0 = red, 1/3 = green; or (red, green, blue)
        in [0, 1].
      wall_hues: likewise.
      object_hues: likewise.
      scales: of the object; the original's are .75 to 1.25.
      shapes: of "cube", "cylinder", "sphere" and "capsule".
      orientations: of the camera, in degrees; the original's are -30 to 30.
      side: of the square images, in pixels.
      name: of the set.

    Returns:
      The full grid, with masks and kinds of factors: hues that go around the whole circle
      in equal steps are circular, other colours categorical.

    Raises:
      ValueError: names the argument that is empty or out of range.

    Example:
      >>> rooms = rendered_rooms(wall_hues=[0.6], shapes=["cube", "sphere"], side=32)
      >>> rooms.sizes, rooms.take(np.array([0]))[0].shape
      ((10, 1, 10, 8, 2, 15), (1, 32, 32, 3))
    """
    hues = {
        "floor_hues": _plain(floor_hues),
        "wall_hues": _plain(wall_hues),
        "object_hues": _plain(object_hues),
    }
    world = World(
        **hues,
        scales=tuple(map(float, scales)),
        shapes=tuple(shapes),
        orientations=tuple(map(float, orientations)),
        side=side,
    )
    _check(world, hues)
    kinds = map(_kind_of_hues, hues.values())
    return dataclasses.replace(
        _rooms(world, name),
        kinds=(*kinds, "ordered", "categorical", "ordered"),
        value_names=((), (), (), (), world.shapes, ()),
    )


def _plain(hues: Sequence[Hue]) -> tuple[Hue, ...]:
    """Numbers and triples of Python, which compiled functions take as constants."""
    return tuple(
        tuple(map(float, hue)) if isinstance(hue, Iterable) else float(hue)
        for hue in hues
    )


def _check(world: World, hues: Mapping[str, tuple[Hue, ...]]) -> None:
    for field, count in zip(World._fields, world.sizes, strict=False):
        if not count:
            raise ValueError(f"{field} is empty; expected at least one value.")
    for field, values in hues.items():
        for hue in values:
            if np.shape(hue) not in ((), (3,)) or not np.all(
                (np.asarray(hue) >= 0) & (np.asarray(hue) <= 1)
            ):
                raise ValueError(
                    f"{field} holds {hue}; expected turns of the colour circle in [0, 1], "
                    "or (red, green, blue) in [0, 1]."
                )
    if unknown := set(world.shapes) - set(SHAPES):
        raise ValueError(f"shapes holds {sorted(unknown)}; expected some of {SHAPES}.")
    if not all(0 < scale < math.inf for scale in world.scales):
        raise ValueError(f"scales holds {world.scales}; expected positive numbers.")
    if not all(map(math.isfinite, world.orientations)):
        raise ValueError(f"orientations holds {world.orientations}; expected degrees.")
    if not 4 <= world.side <= 1024:
        raise ValueError(f"side is {world.side}; expected 4 to 1024 pixels.")


def _kind_of_hues(hues: tuple[Hue, ...]) -> Kind:
    count = len(hues)
    turns = [hue for hue in hues if isinstance(hue, float)]
    if len(turns) == count > 2:
        steps = np.diff([*turns, turns[0] + 1])
        if np.allclose(steps, 1 / count):
            return ("circular", count)
    return "categorical"


def rendered_shapes3d() -> ImageSet:
    """480,000 images like those of Shapes3D, rendered from their factors: no download.

    Factors, their order and values are the original's (Burgess & Kim 2018): ten hues of
    floor, wall and object, scale .75 to 1.25, shape (cube, cylinder, sphere, capsule),
    orientation -30 to 30 degrees. The scene is our own, without the texture of the walls.

    Returns:
      The full grid, images 64x64x3 in [0, 1].

    Example:
      >>> rooms = rendered_shapes3d()
      >>> rooms.sizes, rooms.take(np.array([0]))[0].shape
      ((10, 10, 10, 8, 4, 15), (1, 64, 64, 3))
    """
    return with_kinds(_rooms(_ORIGINAL, "rendered_shapes3d"), "shapes3d")


def _rooms(world: World, name: str) -> ImageSet:
    return drawn_grid(
        name,
        SHAPES3D.factor_names,
        world.sizes,
        (world.side, world.side, 3),
        functools.partial(draw_rooms, world=world),
        functools.partial(room_masks, world=world),
        (
            ("floor", ("floor_hue",)),
            ("walls", ("wall_hue",)),
            ("sky", ()),
            ("object", ("object_hue",)),
            ("shadow", ()),
        ),
    )


@functools.partial(jax.jit, static_argnames="world")
def draw_rooms(
    factors: Int[Array, "batch 6"], world: World = _ORIGINAL
) -> Float[Array, "batch side side 3"]:
    """Renders scenes from rows of (floor, wall, object hue, scale, shape, orientation).

    Args:
      factors: indices of the values of a world.
      world: the values; by default those of `rendered_shapes3d`.

    Returns:
      Images in [0, 1], antialiased.

    Raises:
      ValueError: if `factors` does not have six columns.

    Example:
      >>> room = draw_rooms(jnp.array([[0, 1, 2, 4, 0, 7]]))
      >>> room[0, -1, 32].tolist()  # the floor is red
      [1.0, 0.0, 0.0]
    """
    room = _room(factors, world)
    floor, wall, thing = (factors[:, i, None, None] for i in range(3))
    is_thing, is_floor, is_wall = room.is_thing, room.is_floor, room.is_wall

    thing_shade, gloss = room.body.shading(room.ray, room.to_thing)
    wall_shade = _wall_shade(room.ray, *_to_wall(room.ray))
    shade = jnp.where(is_wall, wall_shade, 1.0)
    shade = jnp.where(is_floor, _floor_shade(room), shade)
    shade = jnp.where(is_thing, thing_shade, shade)
    gloss = jnp.where(is_thing, gloss, 0.0)
    floors, walls, things = (
        jnp.asarray(_colours(hues))
        for hues in (world.floor_hues, world.wall_hues, world.object_hues)
    )
    channels = []
    for i in range(3):
        colour = jnp.where(is_wall, walls[wall, i], _SKY[i])
        colour = jnp.where(is_floor, floors[floor, i], colour)
        colour = jnp.where(is_thing, things[thing, i], colour)
        channels.append(colour * shade * (1 - gloss) + gloss)
    return antialiased(channels)


def _colours(hues: tuple[Hue, ...]) -> Float[np.ndarray, "hue 3"]:
    turned = (
        colorsys.hsv_to_rgb(hue % 1, 1, 1) if isinstance(hue, float) else hue
        for hue in hues
    )
    return np.array([*turned], np.float32)


@functools.partial(jax.jit, static_argnames="world")
def room_masks(
    factors: Int[Array, "batch 6"], world: World = _ORIGINAL
) -> Bool[Array, "batch 5 side side"]:
    """Masks of the lit floor, walls, sky, object, and shadow on the floor.

    Args:
      factors: indices of the values of a world.
      world: the values; by default those of `rendered_shapes3d`.

    Returns:
      Masks that cover each pixel once.

    Raises:
      ValueError: if `factors` does not have six columns.

    Example:
      >>> masks = room_masks(jnp.array([[0, 1, 2, 4, 0, 7]]))
      >>> bool(masks[0, 0, -1, 32])  # floor, in the middle of the lowest row
      True
    """
    room = _room(factors, world)
    on_floor = jnp.where(_in_shadow(room), 4, 0)
    label = jnp.where(room.is_floor, on_floor, jnp.where(room.is_wall, 1, 2))
    return majority(jnp.where(room.is_thing, 3, label), 5)


class _Room(NamedTuple):
    """What rays through the corners of pixels hit: (batch, corner, corner) each.

    Whatever is neither the object nor the floor nor a wall is sky; the object stands
    before the floor, and the floor before walls.
    """

    ray: Camera
    body: _Body
    to_thing: Plane
    to_floor: Plane
    is_thing: Mask
    is_floor: Mask
    is_wall: Mask


def _room(factors: Int[Array, "batch 6"], world: World) -> _Room:
    if factors.ndim != 2 or factors.shape[1] != len(SHAPES3D.sizes):
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, 6): "
            f"{', '.join(SHAPES3D.factor_names)}."
        )
    scale, shape, orientation = (factors[:, i, None, None] for i in range(3, 6))
    kinds = jnp.asarray([SHAPES.index(shape) for shape in world.shapes])
    scales = jnp.asarray(world.scales, jnp.float32)
    degrees = jnp.asarray(world.orientations, jnp.float32)
    body = _Body(kinds[shape], scales[scale])
    ray = orbit(degrees[orientation] * (math.pi / 180), side=world.side, **_CAMERA)
    to_thing, to_floor = body.distance(ray), _to_floor(ray)
    to_wall, _ = _to_wall(ray)
    is_thing = to_thing < jnp.minimum(to_floor, to_wall)
    is_floor = jnp.less(to_floor, to_wall)
    is_wall = jnp.less(ray.origin.y + to_wall * ray.direction.y, _WALL_HEIGHT)
    return _Room(ray, body, to_thing, to_floor, is_thing, is_floor, is_wall)


class _Body(NamedTuple):
    """The object: a cube, a cylinder, a sphere or a capsule that stands on the floor."""

    shape: Int[Array, "batch 1 1"]
    scale: Float[Array, "batch 1 1"]

    def _spans(self, ray: Camera) -> tuple[Sequence[Plane], Sequence[Plane]]:
        """Where rays enter and leave it; the round ones are three parts."""
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
        """t at which rays hit it, or FAR."""
        spans = zip(*self._spans(ray), strict=True)
        nearest = [met(*span) for span in spans]
        return jnp.minimum(jnp.minimum(nearest[0], nearest[1]), nearest[2])

    def hides_sun(self, ray: Camera) -> Mask:
        """Whether rays towards the sun hit it."""
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
        """Brightness of its colour, and the amount of white highlight."""
        at = ray.origin + ray.direction.scaled(jnp.minimum(t, 100.0))
        light = jnp.maximum(self._normal(at).dot(_TO_LAMP), 0)
        shade = jnp.minimum(0.627 + 0.521 * light, 1.0)
        return shade, 0.124 * jnp.clip((light - 0.69) * 8, 0, 1)


def _to_floor(ray: Camera) -> Plane:
    falls = ray.direction.y < 0
    return jnp.where(falls, -ray.origin.y / nonzero(ray.direction.y), FAR)


def _to_wall(ray: Camera) -> tuple[Plane, Plane]:
    """t at which rays hit a wall, and whether it is the back one."""
    dx, dz = nonzero(ray.direction.x), nonzero(ray.direction.z)
    side = (jnp.sign(dx) * _SIDE_WALL - ray.origin.x) / dx
    back = jnp.where(dz < 0, (-_BACK_WALL - ray.origin.z) / dz, FAR)
    return jnp.minimum(side, back), back <= side


def _wall_shade(ray: Camera, t: Plane, is_back: Plane) -> Plane:
    across = jnp.clip(1.077 - 0.035 * (ray.origin.x + t * ray.direction.x), 0, 1)
    return jnp.where(is_back, across, jnp.where(ray.direction.x > 0, 0.677, 0.74))


def _on_floor(room: _Room) -> Vector:
    t = jnp.where(room.to_floor < FAR, room.to_floor, 0.0)
    at = room.ray.origin + room.ray.direction.scaled(t)
    return at._replace(y=jnp.zeros_like(at.x))


def _in_shadow(room: _Room) -> Mask:
    return room.body.hides_sun(Camera(_on_floor(room), _TO_SUN))


def _floor_shade(room: _Room) -> Plane:
    at = _on_floor(room)
    shade = jnp.clip(1.032 - 0.107 * at.x + 0.009 * at.z, 0, 1)
    return jnp.where(_in_shadow(room), shade * _SHADOW, shade)
