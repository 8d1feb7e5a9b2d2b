"""Traversals of latent dimensions, their KL, and reconstructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dis_jax import losses
from dis_jax.figures.pixels import Pixels, image_grid, image_rows, to_gif

Batch = Float[Any, "batch height width channels"]
Latents = Float[Any, "batch latent"]
Encode = Callable[[Batch], tuple[Latents, Latents]]
Decode = Callable[[Latents], Batch]

UNUSED_KL = 0.1  # nats; a dimension below this encodes almost nothing
_LABELLED_WIDTH = 48  # pixels that "-2.0 σ" needs


def kl_per_dimension(mean: Latents, logvar: Latents) -> Float[np.ndarray, " latent"]:
    """KL of each latent dimension, averaged over a batch.

    `KL_j = E[KL(N(mean_j, exp(logvar_j)) || N(0, 1))]`; close to 0 = not used.

    Args:
      mean: (batch, latent).
      logvar: (batch, latent).

    Returns:
      (latent,), nats, never negative.

    Raises:
      ValueError: if the two are not of one shape (batch, latent).

    Example:
      >>> kl_per_dimension(np.array([[0.0, 2.0]]), np.zeros((1, 2))).tolist()
      [0.0, 2.0]
    """
    mean, logvar = _gaussian(mean, logvar)
    kl = losses.gaussian_kl(
        jnp.asarray(mean.reshape(-1, 1)), jnp.asarray(logvar.reshape(-1, 1))
    )
    return np.asarray(kl).reshape(mean.shape).mean(axis=0)


def traversal_values(
    mean: Latents, logvar: Latents, *, num_std: float = 2.0, num_values: int = 11
) -> Float[np.ndarray, "latent values"]:
    """Evenly spaced values over the range of the data in each latent dimension.

    From `m_j - num_std s_j` to `m_j + num_std s_j`, where m and s are mean and standard
    deviation of the aggregate posterior: `s_j² = E[exp(logvar_j)] + Var[mean_j]`.

    Args:
      mean: (batch, latent), the posteriors of a representative batch.
      logvar: (batch, latent).
      num_std: how many standard deviations to each side.
      num_values: how many values, at least 2; an odd number has `m_j` in the middle.

    Returns:
      (latent, values), increasing.

    Raises:
      ValueError: if the two are not of one shape (batch, latent), or `num_values` < 2.

    Example:
      >>> traversal_values(np.ones((4, 1)), np.zeros((4, 1)), num_values=3).tolist()
      [[-1.0, 1.0, 3.0]]
    """
    if num_values < 2:
        raise ValueError(f"num_values is {num_values}; a range has at least 2 values.")
    mean, logvar = _gaussian(mean, logvar)
    centre, covariance = losses.aggregate_gaussian(
        jnp.asarray(mean), jnp.asarray(logvar)
    )
    std = np.sqrt(np.diagonal(covariance))
    steps = np.linspace(-num_std, num_std, num_values, dtype=std.dtype)
    return np.asarray(centre)[:, None] + std[:, None] * steps


def traverse(
    decode: Decode,
    base: Float[Any, " latent"],
    values: Float[Any, " values"] | Float[Any, "latent values"],
    *,
    dims: Sequence[int] | None = None,
    offsets: bool = False,
) -> Float[np.ndarray, "rows values height width channels"]:
    """Images along one latent dimension at a time, with all others fixed.

    Image (i, v) decodes `base` with `z_j = values[j, v]`, j = dims[i]; with `offsets`,
    `z_j = base_j + values[j, v]`, so that an offset of 0 is the base's reconstruction.

    Args:
      decode: codes (batch, latent) -> images (batch, height, width, channels).
      base: (latent,), the code that is varied.
      values: (values,) for all dimensions alike, or (latent, values).
      dims: the dimensions, in the order of the rows; all by default.
      offsets: whether values are added to the values of the base instead of replacing them.

    Returns:
      (rows, values, height, width, channels), as `decode` returns them.

    Raises:
      ValueError: if the shapes do not fit, or a dimension does not exist.

    Example:
      >>> decode = lambda z: np.tile(z[:, None, None, :1], (1, 8, 8, 1))
      >>> images = traverse(decode, np.zeros(2), np.linspace(0, 1, 3), dims=[0])
      >>> images[:, :, 0, 0, 0].tolist()
      [[0.0, 0.5, 1.0]]
    """
    base, values = np.asarray(base, np.float32), np.asarray(values, np.float32)
    if base.ndim != 1:
        raise ValueError(f"base has shape {base.shape}; expected (latent,), one code.")
    if values.ndim not in (1, 2) or (values.ndim == 2 and len(values) != len(base)):
        raise ValueError(
            f"values has shape {values.shape}; expected (values,) or "
            f"({len(base)}, values) for a base of {len(base)} dimensions."
        )
    dims = list(range(len(base)) if dims is None else dims)
    if absent := [j for j in dims if not 0 <= j < len(base)]:
        raise ValueError(
            f"dims has {absent}; the code has dimensions 0..{len(base) - 1}."
        )
    moves = np.broadcast_to(values, (len(base), values.shape[-1]))[dims]
    codes = np.tile(base, (len(dims), values.shape[-1], 1))
    for row, j in enumerate(dims):
        codes[row, :, j] = moves[row] + (base[j] if offsets else 0)
    images = np.asarray(decode(codes.reshape(-1, len(base))))
    return images.reshape(*codes.shape[:2], *images.shape[1:])


def by_kl(kl: Float[Any, " latent"]) -> list[int]:
    """Latent dimensions from the most to the least informative; ties keep their order.

    Args:
      kl: (latent,), nats.

    Returns:
      The dimensions in the order of decreasing KL.

    Raises:
      ValueError: if `kl` is not (latent,).

    Example:
      >>> by_kl(np.array([0.1, 2.0, 0.0]))
      [1, 0, 2]
    """
    kl = np.asarray(kl)
    if kl.ndim != 1:
        raise ValueError(f"kl has shape {kl.shape}; expected (latent,).")
    return np.argsort(-kl, kind="stable").tolist()


def traversals(
    encode: Encode,
    decode: Decode,
    images: Batch,
    *,
    base: int = 0,
    values: Float[Any, " values"] | Float[Any, "latent values"] | None = None,
    dims: Sequence[int] | None = None,
    offsets: bool = False,
    scale: int | None = None,
) -> Pixels:
    """Picture of latent traversals: rows are dimensions by decreasing KL, columns values.

    In a disentangled code, each row changes one factor, and the rows at the bottom, whose
    KL is close to 0, change nothing.

    Args:
      encode: images -> (mean, logvar), each (batch, latent).
      decode: codes (batch, latent) -> images in [0, 1].
      images: (batch, height, width, channels), a few hundred; they set ranges and KL.
      base: position in `images` of the image whose code is varied.
      values: as in `traverse`; by default the range of `traversal_values`; with `offsets`,
        this range minus its middle.
      dims: the rows; by default all, sorted by KL.
      offsets: whether values are added to the values of the base.
      scale: side of each image pixel in the picture; by default large enough for a label
        above each column.

    Returns:
      (height, width, channels) uint8.

    Raises:
      ValueError: if shapes do not fit or the images are not in [0, 1].

    Example:
      >>> encode = lambda x: (x[:, 0, :2, 0], x[:, 1, :2, 0])
      >>> decode = lambda z: np.clip(np.tile(z[:, None, None, :1], (1, 8, 8, 1)), 0, 1)
      >>> traversals(encode, decode, np.ones((4, 8, 8, 1))).shape
      (118, 640, 1)
    """
    mean, logvar = _gaussian(*encode(images))
    kl = kl_per_dimension(mean, logvar)
    dims = by_kl(kl) if dims is None else list(dims)
    ranged = values is None
    moved = traversal_values(mean, logvar) if values is None else np.asarray(values)
    if ranged and offsets:
        moved = moved - moved.mean(axis=1, keepdims=True)
    frames = traverse(decode, mean[base], moved, dims=dims, offsets=offsets)
    shared = moved if moved.ndim == 1 else None
    steps = np.linspace(-2, 2, moved.shape[-1]) if ranged else shared
    return image_grid(
        frames,
        # The KL of a code without variance is infinite and not informative.
        row_labels=[
            f"z{j}" + (f"  {kl[j]:.2f} nats" if np.isfinite(kl[j]) else "")
            for j in dims
        ],
        column_labels=None
        if steps is None
        else [f"{step:+.1f}{' σ' if ranged else ''}" for step in steps],
        scale=scale or -(-_LABELLED_WIDTH // frames.shape[-2]),
    )


def traversal_gif(
    encode: Encode,
    decode: Decode,
    images: Batch,
    *,
    bases: Sequence[int] = (0, 1, 2, 3),
    num_values: int = 15,
    dims: Sequence[int] | None = None,
    scale: int = 1,
) -> bytes:
    """Animated traversals: a column per dimension, by decreasing KL; a row per image.

    Args:
      encode: images -> (mean, logvar), each (batch, latent).
      decode: codes (batch, latent) -> images in [0, 1].
      images: (batch, height, width, channels), a few hundred; they set ranges and KL.
      bases: positions in `images` of the images whose codes are varied.
      num_values: frames from one end of the range to the other; then it plays backwards.
      dims: the columns; by default all, sorted by KL.
      scale: side of each image pixel in the picture.

    Returns:
      The bytes of a GIF file.

    Raises:
      ValueError: if shapes do not fit or the images are not in [0, 1].

    Example:
      >>> encode = lambda x: (x[:, 0, :2, 0], x[:, 1, :2, 0])
      >>> decode = lambda z: np.clip(np.tile(z[:, None, None, :1], (1, 8, 8, 1)), 0, 1)
      >>> traversal_gif(encode, decode, np.random.rand(4, 8, 8, 1))[:3]
      b'GIF'
    """
    mean, logvar = _gaussian(*encode(images))
    kl = kl_per_dimension(mean, logvar)
    dims = by_kl(kl) if dims is None else list(dims)
    values = traversal_values(mean, logvar, num_values=num_values)
    frames = [traverse(decode, mean[b], values, dims=dims) for b in bases]
    return sweep_gif(np.stack(frames), [f"z{j}" for j in dims], scale=scale)


def sweep_gif(
    frames: Float[Any, "bases dims values height width channels"],
    names: Sequence[str],
    *,
    scale: int = 1,
) -> bytes:
    """Decoded traversals as a GIF: a column per dimension, a row per base image.

    Args:
      frames: (bases, dims, values, height, width, channels), from `traverse` for each
        base.
      names: a name for each dimension.
      scale: side of each image pixel in the picture.

    Returns:
      The bytes of a GIF file with a frame per value, forwards and backwards.

    Raises:
      ValueError: if the names do not fit, or the images are not in [0, 1].

    Example:
      >>> sweep_gif(np.zeros((1, 2, 3, 8, 8, 1)), ["z0", "z1"])[:3]
      b'GIF'
    """
    pictures = [
        image_grid(frames[:, :, v], column_labels=names, scale=scale)
        for v in range(frames.shape[2])
    ]
    return to_gif(np.stack(pictures))


def reconstructions(
    images: Batch, decoded: Batch, *, columns: int = 8, scale: int = 1
) -> Pixels:
    """Picture of images, each with its reconstruction below it.

    Args:
      images: (batch, height, width, channels) in [0, 1].
      decoded: the same shape, in [0, 1].
      columns: images per row; a longer batch makes more pairs of rows.
      scale: side of each image pixel in the picture.

    Returns:
      (height, width, channels) uint8: rows of originals alternate with rows of
      reconstructions.

    Raises:
      ValueError: if the two differ in shape or are not images in [0, 1].

    Example:
      >>> images = np.zeros((4, 8, 8, 1))
      >>> reconstructions(images, images, columns=2).shape
      (44, 22, 1)
    """
    images, decoded = np.asarray(images), np.asarray(decoded)
    if images.shape != decoded.shape:
        raise ValueError(
            f"decoded has shape {decoded.shape}; expected {images.shape}, the shape of "
            "images."
        )
    rows = zip(image_rows(images, columns), image_rows(decoded, columns), strict=True)
    return np.concatenate([image_grid(np.stack(pair), scale=scale) for pair in rows])


def _gaussian(mean: Latents, logvar: Latents) -> tuple[np.ndarray, np.ndarray]:
    mean, logvar = np.asarray(mean, np.float32), np.asarray(logvar, np.float32)
    if mean.ndim != 2 or mean.shape != logvar.shape:
        raise ValueError(
            f"mean has shape {mean.shape} and logvar {logvar.shape}; expected both "
            "(batch, latent)."
        )
    return mean, logvar
