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
from dis_jax.data.dsprites_values import (
    DSPRITES_SHAPES,
    ORIGINAL_DSPRITES,
    DSpritesValues,
    check_dsprites,
)
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.image_set import ImageSet, rendered_grid
from dis_jax.data.value_checks import (
    Hue,
    colours_of,
    kind_of_angles,
    kind_of_hues,
    plain_hues,
)

_SIDE = 64  # side of the original images; lengths are in their pixels
_HALF_WIDTH = 9.6  # of the square at scale 1, in pixels; other shapes scale with it
_SUBPIXELS = 256  # the original's rasteriser rounded vertices to this grid
_EDGES_A_SIDE = 38  # a shape has 152 edges, each shorter than a pixel at scale 1
_ZOOM = 4  # antialiased sprites are rendered at 4 times the resolution


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
    return with_kinds(_grid(ORIGINAL_DSPRITES, "rendered_dsprites"), "dsprites")


def custom_dsprites(
    *,
    shapes: Sequence[str] = DSPRITES_SHAPES,
    scales: Sequence[float] = ORIGINAL_DSPRITES.scales,
    orientations: Sequence[float] = ORIGINAL_DSPRITES.orientations,
    positions_x: Sequence[float] = ORIGINAL_DSPRITES.positions_x,
    positions_y: Sequence[float] = ORIGINAL_DSPRITES.positions_y,
    colours: Sequence[Hue] = (),
    side: int = _SIDE,
    antialias: bool = False,
    name: str = "custom_dsprites",
) -> ImageSet:
    """Images like those of dSprites with your own factor values, rendered on the device.

    In a config, name a function of your own file that returns the set:
    `config.dataset = "my_module:my_dsprites"`.

    Args:
      shapes: of "square", "ellipse" and "heart".
      scales: the original's are .5 to 1; a square of scale 1 is .3 of the side wide.
      orientations: in degrees; the original's are 0 to 360 in 39 steps.
      positions_x: of the centre, as shares of the side; the original's are .25 to .75.
      positions_y: as `positions_x`, from the top.
      colours: hues from 0 to 1, 0 = red, 1/3 = green; or (red, green, blue) in [0, 1].
        With colours, images have three channels and a first factor, `colour`; without,
        sprites are white.
      side: of the square images, in pixels.
      antialias: whether pixels at edges are grey, the mean of 4x4 finer pixels.
      name: of the set.

    Returns:
      The full grid, with masks and kinds of factors: orientations and colours that cover
      the whole circle in equal steps are circular.

    Raises:
      ValueError: if an argument is empty or out of range; the message names it.

    Example:
      >>> sprites = custom_dsprites(shapes=["heart"], colours=[0.0, 0.5], side=32)
      >>> sprites.sizes, sprites.image_shape
      ((2, 1, 6, 40, 32, 32), (32, 32, 3))
    """
    values = DSpritesValues(
        shapes=tuple(shapes),
        scales=tuple(map(float, scales)),
        orientations=tuple(map(float, orientations)),
        positions_x=tuple(map(float, positions_x)),
        positions_y=tuple(map(float, positions_y)),
        colours=plain_hues(colours),
        side=side,
        antialias=antialias,
    )
    check_dsprites(values)
    colour = (kind_of_hues(values.colours),) if values.colours else ()
    turn = kind_of_angles(values.orientations)
    return dataclasses.replace(
        _grid(values, name),
        kinds=(*colour, "categorical", "ordered", turn, "ordered", "ordered"),
        value_names=(*((),) * len(colour), values.shapes, (), (), (), ()),
    )


@functools.cache  # the functions of a set are part of compiled programs
def _grid(values: DSpritesValues, name: str) -> ImageSet:
    names = (*(("colour",) if values.colours else ()), *DSPRITES_FACTORS)
    return rendered_grid(
        name,
        names,
        values.sizes,
        (values.side, values.side, 3 if values.colours else 1),
        functools.partial(render_dsprites, values=values),
        functools.partial(_masks, values=values),
        (("sprite", names), ("background", ())),
    )


def _masks(factors: Array, values: DSpritesValues) -> Array:
    sprite = _rendered(factors, values) >= 0.5
    return jnp.stack([sprite, ~sprite], axis=1)


@functools.partial(jax.jit, static_argnames="values")
def render_dsprites(
    factors: Int[Array, "batch factor"], values: DSpritesValues = ORIGINAL_DSPRITES
) -> Float[Array, "batch side side channel"]:
    """Renders dSprites images from rows of (shape, scale, orientation, pos_x, pos_y).

    The outlines are polygons whose vertices are rounded to 1/256 pixel, as in the
    original's rasteriser; a pixel is on if its centre is inside. An edge is shorter than a
    pixel, so it crosses the centre line of at most one row. There it marks the start or
    the end of a run of pixels; no row has more than two runs.

    Args:
      factors: indices of the factor values; with colours, the colour first.
      values: the factor values; by default those of `rendered_dsprites`.

    Returns:
      Images of zeros and ones; (batch, 64, 64, 1) by default.

    Raises:
      ValueError: if `factors` does not have five columns, six with colours.

    Example:
      >>> squares = render_dsprites(jnp.array([[0, 0, 0, 16, 16], [0, 5, 0, 16, 16]]))
      >>> squares.sum((1, 2, 3)).tolist()
      [81.0, 361.0]
    """
    sprites = _rendered(factors, values)[..., None]
    if not values.colours:
        return sprites
    return sprites * jnp.asarray(colours_of(values.colours))[factors[:, 0], None, None]


def _rendered(
    factors: Array, values: DSpritesValues
) -> Float[Array, "batch side side"]:
    """The share of each pixel that the sprite covers."""
    columns = len(values.sizes)
    if factors.ndim != 2 or factors.shape[1] != columns:
        names = (*(("colour",) * bool(values.colours)), *DSPRITES_FACTORS)
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, {columns}): "
            f"{', '.join(names)}."
        )
    zoom = _ZOOM if values.antialias else 1
    inside = _inside(factors[:, -5:], values, zoom * values.side).astype(jnp.float32)
    if zoom == 1:
        return inside
    return inside.reshape(-1, values.side, zoom, values.side, zoom).mean((2, 4))


def _inside(
    factors: Array, values: DSpritesValues, side: int
) -> Bool[Array, "batch side side"]:
    """Whether the centre of a pixel is inside the outline."""
    x, y = _outline(factors, values, side)
    next_x, next_y = jnp.roll(x, -1, axis=1), jnp.roll(y, -1, axis=1)
    row = jnp.floor(jnp.maximum(y, next_y) - 0.5)
    crosses = row + 0.5 > jnp.minimum(y, next_y)
    slope = (next_x - x) / jnp.where(crosses, next_y - y, 1.0)
    column = jnp.ceil(x + (row + 0.5 - y) * slope - 0.5).astype(jnp.int32).ravel()
    if values != ORIGINAL_DSPRITES:  # the original's sprites stay inside the image
        crosses &= (row >= 0) & (row < side)

    rows = factors.shape[0] * side
    line = jnp.arange(0, rows, side)[:, None] + row.astype(jnp.int32)
    # Edges that go up start runs, edges that go down end them: two tables, one after
    # the other. The lowest start and end of a row bound its first run, the highest ones
    # its second run.
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


def _outline(factors: Array, values: DSpritesValues, side: int) -> tuple[Array, Array]:
    """Vertices (batch, edge) of the outlines, in pixels from the image's corner."""
    shape, scale, orientation, pos_x, pos_y = (factors[:, i] for i in range(5))
    vertices, fraction = (jnp.asarray(a) for a in _polygons())
    kinds = jnp.asarray([DSPRITES_SHAPES.index(shape) for shape in values.shapes])
    shape = kinds[shape]
    zoom = side / _SIDE
    radii = np.asarray(values.scales, np.float32) * np.float32(zoom)
    radius = jnp.asarray(radii)[scale]
    angle = jnp.asarray(np.radians(values.orientations), jnp.float32)[orientation]
    centres = [
        jnp.asarray(np.multiply(positions, side), jnp.float32)[index][:, None]
        for positions, index in (
            (values.positions_x, pos_x),
            (values.positions_y, pos_y),
        )
    ]
    cos, sin = (radius * f(angle) for f in (jnp.cos, jnp.sin))
    u, v = vertices[shape, :, 0], vertices[shape, :, 1]
    x = cos[:, None] * u + sin[:, None] * v + centres[0]
    y = cos[:, None] * v - sin[:, None] * u + centres[1]
    x, y = (jnp.round(a * _SUBPIXELS) / _SUBPIXELS for a in (x, y))
    part = fraction[shape]
    x, y = (a + part * (jnp.roll(a, -_EDGES_A_SIDE, axis=1) - a) for a in (x, y))
    # Larger sprites have longer edges, which are cut into pieces shorter than a pixel.
    pieces = math.ceil(max(values.scales) * zoom)
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
    """Vertices (shape, edge, 2) at scale 1, and the position of each along its side.

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
