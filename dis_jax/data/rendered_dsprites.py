"""dSprites rendered on the device from its factors, pixel for pixel."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dis_jax.data.catalogue import DSPRITES_FACTORS
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.image_set import ImageSet, drawn_grid
from dis_jax.data.sprite_worlds import (
    ORIGINAL_SPRITES,
    SPRITE_SHAPES,
    SpriteWorld,
    check_sprites,
)
from dis_jax.data.world_values import (
    Hue,
    colours_of,
    kind_of_angles,
    kind_of_hues,
    plain_hues,
)

_SIDE = 64  # of the original's images, in which lengths are given
_HALF_WIDTH = 9.6  # of the square at scale 1, in pixels; the others follow from it
_SUBPIXELS = 256  # the original's rasteriser rounded vertices to this grid
_EDGES_A_SIDE = 38  # a shape is 152 edges, each under a pixel long at scale 1
_ZOOM = 4  # antialiased sprites are drawn on as many times finer pixels


def rendered_dsprites() -> ImageSet:
    """The 737,280 images of dSprites, rendered from their factors: no download.

    Factors, their order and values are the original's (Matthey et al. 2017): shape
    (square, ellipse, heart), scale .5 to 1, orientation 2 pi k / 39, position x and y.

    Returns:
      The full grid, images 64x64x1 of zeros and ones.

    Example:
      >>> sprites = rendered_dsprites()
      >>> images, factors = sprites.take(np.array([0, 737279]))
      >>> images.shape, factors[1].tolist()
      ((2, 64, 64, 1), [2, 5, 39, 31, 31])
    """
    return with_kinds(_sprites(ORIGINAL_SPRITES, "rendered_dsprites"), "dsprites")


def rendered_sprites(
    *,
    shapes: Sequence[str] = SPRITE_SHAPES,
    scales: Sequence[float] = ORIGINAL_SPRITES.scales,
    orientations: Sequence[float] = ORIGINAL_SPRITES.orientations,
    positions_x: Sequence[float] = ORIGINAL_SPRITES.positions_x,
    positions_y: Sequence[float] = ORIGINAL_SPRITES.positions_y,
    colours: Sequence[Hue] = (),
    side: int = _SIDE,
    antialias: bool = False,
    name: str = "rendered_sprites",
) -> ImageSet:
    """Sprites like those of dSprites with your own factor values, rendered on the device.

    In a config, name a function of your own file that returns the set:
    `config.dataset = "my_module:my_sprites"`.

    Args:
      shapes: of "square", "ellipse" and "heart".
      scales: the original's are .5 to 1; a square of scale 1 is .3 of the side wide.
      orientations: in degrees; the original's are 0 to 360 in 39 steps.
      positions_x: of the centre, as shares of the side; the original's are .25 to .75.
      positions_y: likewise, from the top.
      colours: hues from 0 to 1, 0 = red, 1/3 = green; or (red, green, blue) in [0, 1].
        With colours, images have three channels and a first factor, `colour`; without,
        sprites are white.
      side: of the square images, in pixels.
      antialias: whether pixels at edges are grey, the mean of 4x4 finer ones.
      name: of the set.

    Returns:
      The full grid, with masks and kinds of factors: orientations and colours that go
      around the whole circle in equal steps are circular.

    Raises:
      ValueError: names the argument that is empty or out of range.

    Example:
      >>> sprites = rendered_sprites(shapes=["heart"], colours=[0.0, 0.5], side=32)
      >>> sprites.sizes, sprites.image_shape
      ((2, 1, 6, 40, 32, 32), (32, 32, 3))
    """
    world = SpriteWorld(
        shapes=tuple(shapes),
        scales=tuple(map(float, scales)),
        orientations=tuple(map(float, orientations)),
        positions_x=tuple(map(float, positions_x)),
        positions_y=tuple(map(float, positions_y)),
        colours=plain_hues(colours),
        side=side,
        antialias=antialias,
    )
    check_sprites(world)
    colour = (kind_of_hues(world.colours),) if world.colours else ()
    turn = kind_of_angles(world.orientations)
    return dataclasses.replace(
        _sprites(world, name),
        kinds=(*colour, "categorical", "ordered", turn, "ordered", "ordered"),
        value_names=(*((),) * len(colour), world.shapes, (), (), (), ()),
    )


@functools.cache  # a world's functions are part of compiled programs
def _sprites(world: SpriteWorld, name: str) -> ImageSet:
    names = (*(("colour",) if world.colours else ()), *DSPRITES_FACTORS)
    return drawn_grid(
        name,
        names,
        world.sizes,
        (world.side, world.side, 3 if world.colours else 1),
        functools.partial(draw_sprites, world=world),
        functools.partial(_masks, world=world),
        (("sprite", names), ("background", ())),
    )


def _masks(factors: Array, world: SpriteWorld) -> Array:
    sprite = _drawn(factors, world) >= 0.5
    return jnp.stack([sprite, ~sprite], axis=1)


@functools.partial(jax.jit, static_argnames="world")
def draw_sprites(
    factors: Int[Array, "batch factor"], world: SpriteWorld = ORIGINAL_SPRITES
) -> Float[Array, "batch side side channel"]:
    """Renders dSprites images from rows of (shape, scale, orientation, pos_x, pos_y).

    The outlines are polygons whose vertices are rounded to 1/256 pixel, as they were by
    the original's rasteriser; a pixel is on where its centre is inside. An edge is
    shorter than a pixel, so it crosses the centre line of at most one row, where it
    marks the start or the end of a run of pixels; no row has more than two runs.

    Args:
      factors: indices of the values of a world; with colours, the colour first.
      world: the values; by default those of `rendered_dsprites`.

    Returns:
      Images of zeros and ones; (batch, 64, 64, 1) by default.

    Raises:
      ValueError: if `factors` does not have five columns, six with colours.

    Example:
      >>> squares = draw_sprites(jnp.array([[0, 0, 0, 16, 16], [0, 5, 0, 16, 16]]))
      >>> squares.sum((1, 2, 3)).tolist()
      [81.0, 361.0]
    """
    sprites = _drawn(factors, world)[..., None]
    if not world.colours:
        return sprites
    return sprites * jnp.asarray(colours_of(world.colours))[factors[:, 0], None, None]


def _drawn(factors: Array, world: SpriteWorld) -> Float[Array, "batch side side"]:
    """The share of each pixel that the sprite covers."""
    columns = len(world.sizes)
    if factors.ndim != 2 or factors.shape[1] != columns:
        names = (*(("colour",) * bool(world.colours)), *DSPRITES_FACTORS)
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, {columns}): "
            f"{', '.join(names)}."
        )
    zoom = _ZOOM if world.antialias else 1
    inside = _inside(factors[:, -5:], world, zoom * world.side).astype(jnp.float32)
    if zoom == 1:
        return inside
    return inside.reshape(-1, world.side, zoom, world.side, zoom).mean((2, 4))


def _inside(
    factors: Array, world: SpriteWorld, side: int
) -> Bool[Array, "batch side side"]:
    """Whether the centre of a pixel lies within the outline."""
    x, y = _outline(factors, world, side)
    next_x, next_y = jnp.roll(x, -1, axis=1), jnp.roll(y, -1, axis=1)
    row = jnp.floor(jnp.maximum(y, next_y) - 0.5)
    crosses = row + 0.5 > jnp.minimum(y, next_y)
    slope = (next_x - x) / jnp.where(crosses, next_y - y, 1.0)
    column = jnp.ceil(x + (row + 0.5 - y) * slope - 0.5).astype(jnp.int32).ravel()
    if world != ORIGINAL_SPRITES:  # whose sprites stay within the image
        crosses &= (row >= 0) & (row < side)

    rows = factors.shape[0] * side
    line = jnp.arange(0, rows, side)[:, None] + row.astype(jnp.int32)
    # Edges that go up start runs, edges that go down end them: two tables, one after
    # the other. The lowest start and end of a row are its first run, the highest its
    # second.
    slot = line + jnp.where(next_y > y, rows, 0)
    slot = jnp.where(crosses, slot, 2 * rows).ravel()
    lowest = jnp.full((2 * rows,), side).at[slot].min(column, mode="drop")
    highest = jnp.zeros((2 * rows,), jnp.int32).at[slot].max(column, mode="drop")
    runs = [a.reshape(2, -1, side, 1) for a in (lowest, highest)]
    inside = [_between(jnp.arange(side), *run) for run in runs]
    return inside[0] | inside[1]


def _between(pixel: Array, start: Array, end: Array) -> Array:
    """Whether start <= pixel < end, in one unsigned comparison."""
    return (pixel - start).astype(jnp.uint32) < (end - start).astype(jnp.uint32)


def _outline(factors: Array, world: SpriteWorld, side: int) -> tuple[Array, Array]:
    """Vertices (batch, edge) of the outlines, in pixels from the image's corner."""
    shape, scale, orientation, pos_x, pos_y = (factors[:, i] for i in range(5))
    vertices, fraction = (jnp.asarray(a) for a in _polygons())
    kinds = jnp.asarray([SPRITE_SHAPES.index(shape) for shape in world.shapes])
    shape = kinds[shape]
    zoom = side / _SIDE
    radius = jnp.asarray(np.asarray(world.scales, np.float32) * np.float32(zoom))[scale]
    angle = jnp.asarray(np.radians(world.orientations), jnp.float32)[orientation]
    centres = [
        jnp.asarray(np.multiply(values, side), jnp.float32)[index][:, None]
        for values, index in ((world.positions_x, pos_x), (world.positions_y, pos_y))
    ]
    cos, sin = (radius * f(angle) for f in (jnp.cos, jnp.sin))
    u, v = vertices[shape, :, 0], vertices[shape, :, 1]
    x = cos[:, None] * u + sin[:, None] * v + centres[0]
    y = cos[:, None] * v - sin[:, None] * u + centres[1]
    x, y = (jnp.round(a * _SUBPIXELS) / _SUBPIXELS for a in (x, y))
    part = fraction[shape]
    x, y = (a + part * (jnp.roll(a, -_EDGES_A_SIDE, axis=1) - a) for a in (x, y))
    # Larger sprites have longer edges, which are cut until each is below a pixel.
    pieces = math.ceil(max(world.scales) * zoom)
    if pieces == 1:
        return x, y
    steps = jnp.arange(pieces) / pieces
    x, y = (
        (a[..., None] + steps * (jnp.roll(a, -1, axis=1) - a)[..., None]).reshape(
            len(a), -1
        )
        for a in (x, y)
    )
    return x, y


@functools.cache
def _polygons() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (shape, edge, 2) at scale 1, and how far each lies along its side.

    The square's vertices are its corners, so that only these are rounded; its sides are
    cut afterwards. The ellipse has 100 vertices, the heart 150; the last is repeated.
    """
    edges = 4 * _EDGES_A_SIDE
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    square = np.repeat(corners, _EDGES_A_SIDE, axis=0)
    t = 2 * np.pi * np.minimum(np.arange(edges), 100) / 100
    ellipse = np.stack([1.33 * np.cos(t), np.sin(t) / 1.33], axis=-1)
    t = 2 * np.pi * np.minimum(np.arange(edges), 150) / 150
    lobes = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    heart = np.stack([np.sin(t) ** 3, -lobes / 14.5 - 0.15], axis=-1)
    vertices = _HALF_WIDTH * np.stack([square, ellipse, heart])
    fraction = np.zeros((3, edges))
    fraction[0] = np.tile(np.arange(_EDGES_A_SIDE) / _EDGES_A_SIDE, 4)
    return vertices.astype(np.float32), fraction.astype(np.float32)
