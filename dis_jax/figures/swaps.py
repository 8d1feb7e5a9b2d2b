"""Pictures of swapped codes, of interpolations, and of nearest neighbours in a code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from dis_jax.figures.pixels import Pixels, image_grid, to_uint8

Batch = Float[Any, "batch height width channels"]

_SAME = (46, 139, 87)
_OTHER = (205, 72, 58)


def swap_grid(
    decode: Callable[[Any, Any], Batch],
    row_codes: Float[Any, "rows row_latent"],
    column_codes: Float[Any, "columns column_latent"],
    *,
    row_images: Float[Any, "rows height width channels"] | None = None,
    column_images: Float[Any, "columns height width channels"] | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    scale: int = 1,
) -> Pixels:
    """Picture of all combinations of row codes and column codes: style against class.

    If the two codes are disentangled, a row keeps its style and a column keeps its class.
    Row codes of noise and column codes of categories show samples of a generator.

    Args:
      decode: (row codes, column codes), each (batch, ...) -> images in [0, 1].
      row_codes: (rows, row_latent).
      column_codes: (columns, column_latent).
      row_images: the images of the row codes, shown as the first column.
      column_images: the images of the column codes, shown as the first row.
      row_labels: a text for each row.
      column_labels: a text for each column.
      scale: side of each image pixel in the picture.

    Returns:
      (height, width, channels) uint8.

    Raises:
      ValueError: if the shapes do not fit, or the images are not in [0, 1].

    Example:
      >>> decode = lambda style, content: np.tile(
      ...     (style * content)[:, None, None], (1, 8, 8, 1)
      ... )
      >>> swap_grid(decode, np.ones((2, 1)), np.zeros((3, 1))).shape
      (22, 32, 1)
    """
    row_codes, column_codes = np.asarray(row_codes), np.asarray(column_codes)
    rows, columns = len(row_codes), len(column_codes)
    decoded = np.asarray(
        decode(
            np.repeat(row_codes, columns, axis=0),
            np.tile(column_codes, (rows,) + (1,) * (column_codes.ndim - 1)),
        )
    )
    cells = to_uint8(decoded).reshape(rows, columns, *decoded.shape[1:])
    if column_images is not None:
        top = _header("column_images", column_images, cells[0])
        cells = np.concatenate([top[None], cells])
        row_labels = row_labels and ["", *row_labels]
    if row_images is not None:
        side = _header(
            "row_images", row_images, decoded.reshape(cells[-rows:].shape)[:, 0]
        )
        corner = np.full((len(cells) - rows, *side.shape[1:]), 255, np.uint8)
        side = np.concatenate([corner, side])
        cells = np.concatenate([side[:, None], cells], axis=1)
        column_labels = column_labels and ["", *column_labels]
    return image_grid(
        cells,
        row_labels=row_labels,
        column_labels=column_labels,
        header_row=column_images is not None,
        header_column=row_images is not None,
        scale=scale,
    )


def interpolations(
    decode: Callable[[Any], Batch],
    start: Float[Any, "rows latent"],
    stop: Float[Any, "rows latent"],
    *,
    num_values: int = 9,
    scale: int = 1,
) -> Pixels:
    """Picture of linear interpolations between codes, one row each.

    Column v decodes `start + v / (num_values - 1) (stop - start)`.

    Args:
      decode: codes (batch, latent) -> images in [0, 1].
      start: (rows, latent).
      stop: the same shape.
      num_values: images per row, both ends included.
      scale: side of each image pixel in the picture.

    Returns:
      (height, width, channels) uint8.

    Raises:
      ValueError: if the shapes do not fit, or `num_values` < 2.

    Example:
      >>> decode = lambda z: np.tile(z[:, None, None, :1], (1, 8, 8, 1))
      >>> z = np.ones((1, 2))
      >>> int(interpolations(decode, 0 * z, z, num_values=3)[5, 15, 0])
      128
    """
    start, stop = np.asarray(start, np.float32), np.asarray(stop, np.float32)
    if start.shape != stop.shape or start.ndim != 2 or num_values < 2:
        raise ValueError(
            f"start has shape {start.shape}, stop {stop.shape}, num_values is "
            f"{num_values}; expected two of (rows, latent) and at least 2."
        )
    share = np.linspace(0, 1, num_values, dtype=np.float32)[:, None]
    codes = start[:, None] + share * (stop - start)[:, None]
    images = np.asarray(decode(codes.reshape(-1, codes.shape[-1])))
    return image_grid(images.reshape(*codes.shape[:2], *images.shape[1:]), scale=scale)


def nearest(
    queries: Float[Any, "query latent"],
    codes: Float[Any, "batch latent"],
    count: int,
) -> Int[np.ndarray, "query count"]:
    """Positions of the codes nearest to each query, by Euclidean distance.

    Args:
      queries: (query, latent).
      codes: (batch, latent), without the queries themselves.
      count: how many neighbours.

    Returns:
      (query, count), positions in `codes`, nearest first; ties by position.

    Raises:
      ValueError: if the shapes do not fit, or there are fewer codes than `count`.

    Example:
      >>> nearest(np.array([[0.9]]), np.array([[0.0], [1.0], [3.0]]), 2).tolist()
      [[1, 0]]
    """
    queries, codes = np.asarray(queries), np.asarray(codes)
    if queries.ndim != 2 or codes.ndim != 2 or queries.shape[1] != codes.shape[1]:
        raise ValueError(
            f"queries has shape {queries.shape} and codes {codes.shape}; expected "
            "(query, latent) and (batch, latent)."
        )
    if not 1 <= count <= len(codes):
        raise ValueError(f"count is {count}; there are {len(codes)} codes.")
    distance = ((queries[:, None] - codes) ** 2).sum(axis=-1)
    return np.argsort(distance, axis=1, kind="stable")[:, :count]


def retrieval_grid(
    query_images: Float[Any, "query height width channels"],
    found_images: Float[Any, "query count height width channels"],
    *,
    same: Bool[Any, "query count"] | None = None,
    row_labels: Sequence[str] | None = None,
    scale: int = 1,
) -> Pixels:
    """Picture of queries, each followed by the images with the nearest codes.

    Args:
      query_images: (query, height, width, channels) in [0, 1].
      found_images: (query, count, height, width, channels), nearest first.
      same: whether each found image agrees with its query in the attributes that the code
        should encode; the frame is green if it does, else red.
      row_labels: a text for each query.
      scale: side of each image pixel in the picture.

    Returns:
      (height, width, channels) uint8; in colour if `same` is given.

    Raises:
      ValueError: if the shapes do not fit, or the images are not in [0, 1].

    Example:
      >>> found = np.zeros((2, 3, 8, 8, 1))
      >>> retrieval_grid(found[:, 0], found, same=np.ones((2, 3), bool)).shape
      (30, 64, 3)
    """
    queries, found = to_uint8(query_images), to_uint8(found_images)
    if found.ndim != 5 or queries.shape != found[:, 0].shape:
        raise ValueError(
            f"query_images has shape {queries.shape} and found_images {found.shape}; "
            "expected (query, ...) and (query, count, ...) of one image size."
        )
    cells = np.concatenate([queries[:, None], found], axis=1)
    if same is not None:
        same = np.asarray(same, bool)
        if same.shape != found.shape[:2]:
            raise ValueError(
                f"same has shape {same.shape}; expected {found.shape[:2]}."
            )
        cells = _framed(cells, same)
    return image_grid(cells, row_labels=row_labels, header_column=True, scale=scale)


def _header(name: str, images: Batch, like: np.ndarray) -> np.ndarray:
    images = to_uint8(images)
    if images.shape != like.shape:
        raise ValueError(f"{name} has shape {images.shape}; expected {like.shape}.")
    return images


def _framed(cells: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Adds a coloured frame of 2 pixels to each cell, white in the first column."""
    frames = np.full((*cells.shape[:2], 3), 255, np.uint8)
    frames[:, 1:] = np.where(same[..., None], _SAME, _OTHER)
    height, width = cells.shape[2:4]
    framed = np.empty((*cells.shape[:2], height + 4, width + 4, 3), np.uint8)
    framed[:] = frames[:, :, None, None]
    framed[:, :, 2:-2, 2:-2] = cells
    return framed
