"""A grid of real images with rotation and scale as two more factors."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8

from dis_jax.data.arrays import checked_images
from dis_jax.data.image_set import ImageSet, factors_of_index, index_of_factors
from dis_jax.data.warps import source_points

ROTATIONS = 18  # every 20 degrees
SCALES = tuple(np.linspace(1.0, 0.5, 9).tolist())


def turned_and_shrunk(
    images: UInt8[np.ndarray, "image side side channels"],
    *,
    name: str,
    factor_names: Sequence[str],
    sizes: Sequence[int],
) -> ImageSet:
    """Every image of a grid in 18 rotations and 9 scales (Dapueto et al. 2024).

    Nearest-neighbour sampling; black outside the image. Only the original images are
    stored.

    Args:
      images: square uint8 images of the full grid, in C order.
      name: of the set.
      factor_names: names of the grid's factors.
      sizes: the number of values of each.

    Returns:
      The grid of these factors, `rotation` (20 degrees per step, anticlockwise) and
      `scale` (1 down to .5).

    Raises:
      ValueError: if the images are not square, or not as many as the grid has cells.

    Example:
      >>> squares = np.full((2, 8, 8, 1), 255, np.uint8)
      >>> grid = turned_and_shrunk(squares, name="s", factor_names=["which"], sizes=[2])
      >>> grid.num_images, grid.factor_names
      (324, ('which', 'rotation', 'scale'))
    """
    images = checked_images(np.asarray(images), name)
    if len(images) != math.prod(sizes) or images.shape[1] != images.shape[2]:
        raise ValueError(
            f"images of {name!r} have shape {images.shape}; expected {math.prod(sizes)} "
            f"square images, a grid of {tuple(sizes)}."
        )
    grid = (*sizes, ROTATIONS, len(SCALES))
    draw = _drawer(tuple(sizes))
    return ImageSet(
        arrays={"images": jnp.asarray(images)},
        name=name,
        factor_names=(*factor_names, "rotation", "scale"),
        sizes=grid,
        image_shape=images.shape[1:],
        num_images=math.prod(grid),
        take_fn=_taker(draw, grid),
        images_fn=draw,
    )


@functools.cache
def _drawer(sizes: tuple[int, ...]) -> Callable[..., Array]:
    def draw(arrays, factors):
        images = arrays["images"]
        side = images.shape[1]
        angle = factors[:, -2] * (2 * math.pi / ROTATIONS)
        row, column = source_points(side, angle, jnp.asarray(SCALES)[factors[:, -1]])
        # Round half up after a small shift: at a quarter turn rounding errors would
        # otherwise select a neighbouring pixel.
        row, column = (
            jnp.floor(a + 0.5 + 1e-4).astype(jnp.int32) for a in (row, column)
        )
        inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
        which = index_of_factors(factors[:, :-2], sizes)[:, None, None]
        pixels = images[which, row.clip(0, side - 1), column.clip(0, side - 1)]
        return jnp.where(inside[..., None], pixels.astype(jnp.float32) / 255, 0.0)

    return draw


@functools.cache
def _taker(draw: Callable[..., Array], sizes: tuple[int, ...]) -> Callable[..., tuple]:
    def take(arrays, index):
        factors = factors_of_index(index, sizes)
        return draw(arrays, factors), factors

    return take
