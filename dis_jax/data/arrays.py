"""Image sets from arrays, which are checked and then stored on the device."""

from __future__ import annotations

import functools
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dis_jax.data.image_set import ImageSet, index_of_factors
from dis_jax.data.numpy_files import read_npz
from dis_jax.data.reading import LARGEST_LABEL, named


class LabelledImages(NamedTuple):
    """The result of a reader: images for `from_arrays`, and their factors."""

    images: np.ndarray
    factors: np.ndarray
    factor_names: tuple[str, ...]
    sizes: tuple[int, ...]


def from_arrays(
    images: np.ndarray,
    factors: np.ndarray | None = None,
    *,
    name: str,
    factor_names: Sequence[str] = (),
    sizes: Sequence[int] | None = None,
    value_names: Sequence[Sequence[str]] = (),
) -> ImageSet:
    """An image set from arrays, stored on the device in compact form.

    Booleans are stored as bits, bytes (0 to 255 means 0 to 1) as bytes, floats as
    float32. If the factors form a full grid, in any order, the set is a grid.

    Args:
      images: (n, height, width) or (n, height, width, channels) with 1 or 3 channels;
        bool, uint8, or floating point in [0, 1].
      factors: (n, f) integers from 0, unknown = -1; (n,) for a single factor.
      name: of the set.
      factor_names: a name for each column of `factors`.
      sizes: the number of values of each factor; by default one more than the largest,
        and 1 if no label is known.
      value_names: for each factor the names of its values, empty if they are numbers.

    Returns:
      The image set.

    Raises:
      ValueError: if images or factors are not as described above; the message says what
        was found.

    Example:
      >>> dots = from_arrays(np.eye(4, dtype=bool).reshape(4, 2, 2), name="dots")
      >>> dots.take(np.array([3]))[0][0, :, :, 0].tolist()
      [[0.0, 0.0], [0.0, 1.0]]
    """
    images = checked_images(np.asarray(images), name)
    labels, sizes = checked_factors(factors, len(images), factor_names, sizes, name)
    words = tuple(tuple(names) for names in value_names) if any(value_names) else ()
    if words:
        _check_value_names(words, factor_names, sizes, name)
    shape = images.shape[1:]
    arrays: dict[str, Any] = {"images": jnp.asarray(_stored(images))}
    if labels.shape[1]:
        arrays["factors"] = jnp.asarray(labels)
    position = grid_position(labels, sizes)
    if position is not None:
        arrays["position"] = jnp.asarray(position)
    decode = _decoder(images.dtype.kind, shape)
    return ImageSet(
        arrays=arrays,
        name=name,
        factor_names=tuple(factor_names),
        sizes=sizes,
        image_shape=shape,
        num_images=len(images),
        take_fn=_taker(decode),
        images_fn=None if position is None else _grid_images(decode, sizes),
        value_names=words,
    )


def _check_value_names(
    value_names: tuple[tuple[str, ...], ...],
    factor_names: Sequence[str],
    sizes: Sequence[int],
    name: str,
) -> None:
    if len(value_names) != len(sizes):
        raise ValueError(
            f"{name}: value_names has names for {len(value_names)} factors; expected "
            f"{len(sizes)}, one tuple each."
        )
    for factor, size, names in zip(factor_names, sizes, value_names, strict=True):
        if names and len(names) != size:
            raise ValueError(
                f"{name}: {factor!r} has {size} values and {len(names)} names for them."
            )


def from_npz(
    path: str | os.PathLike[str],
    *,
    images: str = "images",
    factors: Sequence[str] = (),
    name: str | None = None,
    sizes: Sequence[int] | None = None,
) -> ImageSet:
    """An image set from an `.npz` file.

    Args:
      path: the file.
      images: name of the array of images, in a form that `from_arrays` accepts.
      factors: names of integer arrays (n,), one for each factor; these names are also the
        names of the factors.
      name: of the set; by default the file's name.
      sizes: the number of values of each factor; by default one more than the largest,
        and 1 if no label is known.

    Returns:
      The image set.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it lacks one of the arrays, or `from_arrays` does not accept them.

    Example:
      >>> import pathlib, tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     path = pathlib.Path(folder) / "grey.npz"
      ...     np.savez(path, images=np.full((2, 8, 8), 51, np.uint8))
      ...     grey = from_npz(path)
      >>> grey.name, grey.num_images, grey.image_shape
      ('grey', 2, (8, 8, 1))
    """
    path = pathlib.Path(path)
    arrays = read_npz(path, [images, *factors])
    labels = [np.asarray(arrays[key]) for key in factors]
    for key, label in zip(factors, labels, strict=True):
        if label.ndim != 1:
            raise ValueError(
                f"factor {key!r} in {path} has shape {label.shape}; expected (n,), one "
                "integer per image."
            )
        if len(label) != len(arrays[images]):
            raise ValueError(
                f"factor {key!r} in {path} has {len(label)} values; there are "
                f"{len(arrays[images])} images."
            )
    with named(path):
        return from_arrays(
            arrays[images],
            np.stack(labels, axis=-1) if labels else None,
            name=path.stem if name is None else name,
            factor_names=factors,
            sizes=sizes,
        )


def checked_images(images: np.ndarray, name: str) -> np.ndarray:
    """Images as (n, height, width, channels), bool, uint8 or float32 in [0, 1]."""
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"images of {name!r} have shape {images.shape}; expected (n, height, "
            "width) or (n, height, width, channels), with 1 or 3 channels and n > 0."
        )
    if images.dtype == np.bool_:
        return images
    if images.dtype == np.uint8:
        if images.max() == 1:
            raise ValueError(
                f"images of {name!r} are uint8 with values 0 and 1 only, but uint8 images "
                "range from 0 to 255; for binary images pass `images.astype(bool)`."
            )
        return images
    if images.dtype.kind != "f":
        raise ValueError(
            f"images of {name!r} have dtype {images.dtype}; expected bool, uint8 (0 to "
            "255) or floating point in [0, 1]."
        )
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        count = np.count_nonzero(~np.isfinite(images))
        first = np.argwhere(~np.isfinite(images))[0]
        raise ValueError(
            f"images of {name!r} have {count} non-finite values, the first at "
            f"{tuple(first.tolist())}: {images[tuple(first)]}; expected [0, 1]."
        )
    if low < 0 or high > 1:
        raise ValueError(
            f"images of {name!r} go from {low:g} to {high:g}; expected [0, 1]. Scale "
            "them, or pass bytes as uint8."
        )
    return images.astype(np.float32, copy=False)


def checked_factors(
    factors: np.ndarray | None,
    num_images: int,
    names: Sequence[str],
    sizes: Sequence[int] | None,
    name: str,
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Factors as (n, f) int32, and their sizes."""
    labels = np.zeros((num_images, 0), np.int32) if factors is None else factors
    labels = np.asarray(labels)
    labels = labels[:, None] if labels.ndim == 1 else labels
    if labels.shape[1] and not names:
        raise ValueError(
            f"{name!r} has factors and no factor_names; give a name to each of its "
            f"{labels.shape[1]} columns."
        )
    if labels.shape != (num_images, len(names)):
        raise ValueError(
            f"factors of {name!r} have shape {labels.shape}; expected ({num_images}, "
            f"{len(names)}): {num_images} images and factor_names={tuple(names)}."
        )
    if len(set(names)) < len(names):
        raise ValueError(
            f"factor_names of {name!r} are {tuple(names)}; expected each name once."
        )
    _check_whole(labels, names, name)
    derived = sizes is None
    if sizes is None:
        sizes = [max(int(column.max()) + 1, 1) for column in labels.T]  # -1: unknown
    if len(sizes) != len(names):
        raise ValueError(
            f"sizes of {name!r} are {tuple(sizes)}; expected one for each of "
            f"factor_names={tuple(names)}."
        )
    for factor, size, column in zip(names, sizes, labels.T, strict=True):
        _check_range(column, min(size, LARGEST_LABEL + 1), factor, name)
        if derived and set(np.unique(column).tolist()) == {-1, 1}:
            raise ValueError(
                f"factor {factor!r} of {name!r} has only the labels -1 and 1. Here -1 "
                "stands for an unknown label: write 0 and 1, or pass `sizes` if -1 is "
                "unknown."
            )
    return labels.astype(np.int32), tuple(int(size) for size in sizes)


def _check_whole(labels: np.ndarray, names: Sequence[str], name: str) -> None:
    """Refuses labels that are not integers; the message depends on their type."""
    kind = labels.dtype.kind
    if kind in "iu" or not labels.size:
        return
    wanted = "expected integers from 0 (unknown = -1)."
    if kind in "fc" and not np.isfinite(labels).all():
        row, column = np.argwhere(~np.isfinite(labels))[0].tolist()
        raise ValueError(
            f"factor {names[column]!r} of {name!r} is {labels[row, column]} at row {row}; "
            f"{wanted}"
        )
    if kind in "OSU":
        wanted += " Number strings with np.unique(strings, return_inverse=True)[1]."
    raise ValueError(
        f"factors of {name!r} have dtype {labels.dtype}, the first {labels.flat[0]!r}; "
        f"{wanted}"
    )


def _check_range(column: np.ndarray, size: int, factor: str, name: str) -> None:
    wrong = np.flatnonzero((column < -1) | (column >= size))
    if not len(wrong):
        return
    raise ValueError(
        f"factor {factor!r} of {name!r} has {len(wrong)} labels out of range, the first "
        f"{column[wrong[0]]} at {wrong[0]}; expected 0 to {size - 1}, or -1 if unknown (no "
        "other number means unknown)."
    )


def grid_position(labels: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray | None:
    """Position of the image of each grid cell, or None if one is missing."""
    if not sizes or math.prod(sizes) != len(labels) or labels.min() < 0:
        return None
    cell = np.ravel_multi_index(tuple(labels.T), sizes)
    # As many images as cells: a cell that stays -1 means that another occurs twice.
    position = np.full(len(labels), -1, np.int32)
    position[cell] = np.arange(len(labels), dtype=np.int32)
    return None if position.min() < 0 else position


def _stored(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    return np.packbits(flat, axis=1) if images.dtype == np.bool_ else flat


# The functions below are cached so that two sets of the same form share one compiled
# program: a set's functions are compared by identity.
@functools.cache
def _decoder(kind: str, shape: tuple[int, ...]) -> Callable[..., Any]:
    """Stored rows -> images in [0, 1], for bits ("b"), bytes ("u") and floats ("f")."""

    def decode(rows):
        if kind == "b":
            # Eight pixels a byte, the first in the highest bit, as `np.packbits` stores
            # them.
            shifts = jnp.arange(7, -1, -1, dtype=jnp.uint8)
            bits = (rows[..., None] >> shifts) & jnp.uint8(1)
            rows = bits.reshape(*rows.shape[:-1], -1)[..., : math.prod(shape)]
        rows = rows.astype(jnp.float32)
        rows = rows / 255 if kind == "u" else rows
        return rows.reshape(*rows.shape[:-1], *shape)

    return decode


@functools.cache
def _taker(decode: Callable[..., Any]) -> Callable[..., Any]:
    def take(arrays, index):
        factors = arrays.get("factors")
        if factors is None:
            factors = jnp.zeros((arrays["images"].shape[0], 0), jnp.int32)
        return decode(arrays["images"][index]), factors[index]

    return take


@functools.cache
def _grid_images(decode: Callable[..., Any], sizes: tuple[int, ...]) -> Callable:
    def images(arrays, factors):
        position = arrays["position"][index_of_factors(factors, sizes)]
        return decode(arrays["images"][position])

    return images
