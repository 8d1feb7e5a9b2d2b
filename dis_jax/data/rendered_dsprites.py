"""dSprites rendered on the device from its factors, pixel for pixel."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dis_jax.data.catalogue import DSPRITES_FACTORS
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.image_set import ImageSet, drawn_grid

_SIZES = (3, 6, 40, 32, 32)
_SIDE = 64
_HALF_WIDTH = 9.6  # of the square at scale 1, in pixels; the others follow from it
_SUBPIXELS = 256  # the original's rasteriser rounded vertices to this grid
_EDGES_A_SIDE = 38  # a shape is 152 edges, each under a pixel long


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
    image_set = drawn_grid(
        "rendered_dsprites",
        DSPRITES_FACTORS,
        _SIZES,
        (_SIDE, _SIDE, 1),
        draw_sprites,
        _masks,
        (("sprite", DSPRITES_FACTORS), ("background", ())),
    )
    return with_kinds(image_set, "dsprites")


def _masks(factors: Array) -> Array:
    sprite = draw_sprites(factors)[..., 0] > 0
    return jnp.stack([sprite, ~sprite], axis=1)


@jax.jit
def draw_sprites(factors: Int[Array, "batch 5"]) -> Float[Array, "batch 64 64 1"]:
    """Renders dSprites images from rows of (shape, scale, orientation, pos_x, pos_y).

    The outlines are polygons whose vertices are rounded to 1/256 pixel, as they were by
    the original's rasteriser; a pixel is on where its centre is inside. An edge is
    shorter than a pixel, so it crosses the centre line of at most one row, where it
    marks the start or the end of a run of pixels; no row has more than two runs.

    Args:
      factors: integers in the ranges of `rendered_dsprites`.

    Returns:
      Images of zeros and ones.

    Raises:
      ValueError: if `factors` does not have five columns.

    Example:
      >>> squares = draw_sprites(jnp.array([[0, 0, 0, 16, 16], [0, 5, 0, 16, 16]]))
      >>> squares.sum((1, 2, 3)).tolist()
      [81.0, 361.0]
    """
    if factors.ndim != 2 or factors.shape[1] != len(_SIZES):
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, {len(_SIZES)}): "
            f"{', '.join(DSPRITES_FACTORS)}."
        )
    x, y = _outline(factors)
    next_x, next_y = jnp.roll(x, -1, axis=1), jnp.roll(y, -1, axis=1)
    row = jnp.floor(jnp.maximum(y, next_y) - 0.5)
    crosses = row + 0.5 > jnp.minimum(y, next_y)
    slope = (next_x - x) / jnp.where(crosses, next_y - y, 1.0)
    column = jnp.ceil(x + (row + 0.5 - y) * slope - 0.5).astype(jnp.int32).ravel()

    rows = factors.shape[0] * _SIDE
    line = jnp.arange(0, rows, _SIDE)[:, None] + row.astype(jnp.int32)
    # Edges that go up start runs, edges that go down end them: two tables, one after
    # the other. The lowest start and end of a row are its first run, the highest its
    # second.
    slot = line + jnp.where(next_y > y, rows, 0)
    slot = jnp.where(crosses, slot, 2 * rows).ravel()
    lowest = jnp.full((2 * rows,), _SIDE).at[slot].min(column, mode="drop")
    highest = jnp.zeros((2 * rows,), jnp.int32).at[slot].max(column, mode="drop")
    runs = [a.reshape(2, -1, _SIDE, 1) for a in (lowest, highest)]
    inside = [_between(jnp.arange(_SIDE), *run) for run in runs]
    return (inside[0] | inside[1])[..., None].astype(jnp.float32)


def _between(pixel: Array, start: Array, end: Array) -> Array:
    """Whether start <= pixel < end, in one unsigned comparison."""
    return (pixel - start).astype(jnp.uint32) < (end - start).astype(jnp.uint32)


def _outline(factors: Array) -> tuple[Array, Array]:
    """Vertices (batch, edge) of the outlines, in pixels from the image's corner."""
    shape, scale, orientation, pos_x, pos_y = (factors[:, i] for i in range(5))
    vertices, fraction = (jnp.asarray(a) for a in _polygons())
    radius, angle = 0.5 + 0.1 * scale, orientation * (2 * math.pi / 39)
    cos, sin = (radius * f(angle) for f in (jnp.cos, jnp.sin))
    u, v = vertices[shape, :, 0], vertices[shape, :, 1]
    x = cos[:, None] * u + sin[:, None] * v + (16 + pos_x * (32 / 31))[:, None]
    y = cos[:, None] * v - sin[:, None] * u + (16 + pos_y * (32 / 31))[:, None]
    x, y = (jnp.round(a * _SUBPIXELS) / _SUBPIXELS for a in (x, y))
    part = fraction[shape]
    x, y = (a + part * (jnp.roll(a, -_EDGES_A_SIDE, axis=1) - a) for a in (x, y))
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
