"""Pictures of training for TensorBoard: reconstructions and traversals of fixed images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dis_jax.data import ImageSet
from dis_jax.methods import Categorical, Gaussian, Method, State, point
from dis_jax.training.program import member

_NUM_SHOWN = 8  # images with their reconstructions
_NUM_ENCODED = 64  # for the range of each dimension
_NUM_VALUES = 7  # of a traversal
_NUM_STD = 2.0

Pictures = Mapping[str, np.ndarray]


def painter(
    method: Method, image_set: ImageSet, *, population: bool = False
) -> Callable[[State], Pictures] | None:
    """A function that draws reconstructions and traversals of a few images.

    Args:
      method: the system.
      image_set: the training images.
      population: whether states are stacked; the first member is drawn.

    Returns:
      state -> pictures by name, (height, width, channels) uint8: "reconstructions", a row
      of images above a row of reconstructions, and "traversals/<code>" for each Gaussian
      code, a row for each dimension over two standard deviations in both directions.
      None if there is no decoder, or images have neither 1 nor 3 channels.
    """
    if method.decode is None or image_set.image_shape[-1] not in (1, 3):
        return None
    count = min(_NUM_ENCODED, image_set.num_images)
    index = image_set.choose(np.random.default_rng(0), count)
    program = jax.jit(lambda state, images: _draw(method, state, images))

    @functools.cache  # loaded for the first pictures, so the first step does not wait
    def images() -> Array:
        return image_set.take(jnp.asarray(index))[0]

    def paint(state: State) -> Pictures:
        one = member(state, 0) if population else state
        return {name: _grid(grid) for name, grid in program(one, images()).items()}

    return paint


def _draw(method: Method, state: State, images: Array) -> dict[str, Array]:
    """Grids of images, (rows, columns, height, width, channels)."""
    assert method.decode is not None
    codes = method.encode(state, {"image": images})
    points = {name: point(code) for name, code in codes.items()}
    shown = {name: p[:_NUM_SHOWN] for name, p in points.items()}
    pair = images[:_NUM_SHOWN], method.decode(state, shown)
    grids = {"reconstructions": jnp.stack(pair)}
    for name, code in codes.items():
        if isinstance(code, Categorical):
            continue
        own = jnp.exp(code.logvar).mean(0) if isinstance(code, Gaussian) else 0.0
        mean = points[name]
        # The range of the aggregate posterior, as in `figures.traversal_values`.
        std = jnp.sqrt(own + mean.var(0))
        steps = jnp.linspace(-_NUM_STD, _NUM_STD, _NUM_VALUES)
        values = mean.mean(0)[:, None] + std[:, None] * steps
        dims = mean.shape[1]
        moved = jnp.tile(mean[0], (dims, _NUM_VALUES, 1))
        moved = jnp.where(jnp.eye(dims, dtype=bool)[:, None], values[..., None], moved)
        rows = {k: jnp.tile(p[:1], (dims * _NUM_VALUES, 1)) for k, p in points.items()}
        rows[name] = moved.reshape(-1, dims)
        frames = method.decode(state, rows)
        grids[f"traversals/{name}"] = frames.reshape(
            dims, _NUM_VALUES, *frames.shape[1:]
        )
    return grids


def _grid(images: Any) -> np.ndarray:
    """Rows and columns of images as one picture of bytes; NaN is black."""
    rows, columns, height, width, channels = images.shape
    joined = np.asarray(images, np.float32).swapaxes(1, 2)
    joined = joined.reshape(rows * height, columns * width, channels)
    return np.floor(np.clip(np.nan_to_num(joined), 0, 1) * 255 + 0.5).astype(np.uint8)
