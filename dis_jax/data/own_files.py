"""Image sets from the user's own files, by path."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping

from absl import logging

from dis_jax.data.arrays import from_arrays, from_npz
from dis_jax.data.data_dir import dsprites_npz
from dis_jax.data.factor_kinds import declared, read_kinds, with_kinds
from dis_jax.data.image_files import KINDS, TABLE, from_folder, image_paths
from dis_jax.data.image_set import ImageSet, Kind
from dis_jax.data.numpy_files import Header, npz_headers
from dis_jax.data.reading import named
from dis_jax.data.suffixes import varied

_KINDS = {
    "O": "Python objects", "U": "words", "S": "words", "f": "real numbers",
    "b": "true or false", "V": "records", "i": "integers", "u": "integers",
}  # fmt: skip


def is_path(name: str) -> bool:
    """Whether a name is a path: it ends in `.npz` or has a separator."""
    return name.endswith(".npz") or "/" in name or os.sep in name


def from_path(
    path: str | os.PathLike[str],
    *,
    side: int | None = None,
    kinds: Mapping[str, Kind] | None = None,
) -> ImageSet:
    """An image set from an `.npz` file or a folder of images, with its labels.

    Args:
      path: a file with the array `images`, whose other arrays with one integer per image
        are factors; the published `.npz` of dSprites; or a folder. In a folder,
        `labels.csv` gives the factors; without it, the first subfolder of a file is its
        class. If some images are in no subfolder, no image has a label.
      side: height and width after resizing: of the middle square of each image in a folder,
        of the images in a file as by `resized`. By default all images in a folder must have
        the same size.
      kinds: kinds of factors by name, such as `{"angle": ("circular", 36)}`, the period in
        steps of the factor. `kinds.json` in the folder, or `<file>.kinds.json` next to
        `<file>.npz`, declares the same; this argument takes precedence. Other factors are
        categories.

    Returns:
      The image set.

    Raises:
      FileNotFoundError: if there is no such file or folder, or no image in it.
      ValueError: if a file is damaged, or images or labels do not fit; if a kind is
        unknown, or names a factor that does not exist.

    Example:
      >>> import tempfile
      >>> import numpy as np
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     file = f"{folder}/grey.npz"
      ...     np.savez(file, images=np.zeros((2, 8, 8), np.uint8), kind=np.array([1, 0]))
      ...     grey = from_path(file)
      >>> grey.factor_names, grey.sizes
      (('kind',), (2,))
    """
    path = pathlib.Path(path)
    table = path.with_suffix(".kinds.json") if path.suffix == ".npz" else path / KINDS
    image_set = _read(path, side)
    if table.is_file():
        with named(table):
            image_set = declared(image_set, read_kinds(str(table)))
    return declared(image_set, kinds) if kinds else image_set


def _read(path: pathlib.Path, side: int | None) -> ImageSet:
    """The set of a path, without declared kinds."""
    if path.suffix == ".npz":
        own = _from_npz(path)
        return own if side is None else varied(own, f"resized{side}")
    if path.is_file():
        raise ValueError(
            f"{path} is not a supported file; expected an .npz file, or a folder of "
            "images. `from_arrays` takes arrays."
        )
    name = path.name if side is None else f"{path.name}+resized{side}"
    labels = None
    if (path / TABLE).is_file():
        labels = path / TABLE
    elif path.is_dir():
        files = image_paths(path)
        stray = [file for file in files if file.parent == path]
        if not stray:
            labels = "folders"
        elif len(stray) < len(files):
            logging.warning(
                "%s: subfolders are not used as classes, since %d of %d images (such as "
                "%s) are outside them",
                *(path, len(stray), len(files), stray[0].name),
            )
    return from_folder(path, labels=labels, side=side, name=name)


def _from_npz(path: pathlib.Path) -> ImageSet:
    headers = npz_headers(path)
    if "images" not in headers and {"imgs", "latents_classes"} <= headers.keys():
        published = dsprites_npz(path)
        image_set = from_arrays(
            published.images,
            published.factors,
            name=path.stem,
            factor_names=published.factor_names,
            sizes=published.sizes,
        )
        return with_kinds(image_set, "dsprites")
    factors = _factors(path, headers)
    return from_npz(path, factors=factors)


def _factors(path: pathlib.Path, headers: Mapping[str, Header]) -> list[str]:
    """Names of the one-dimensional integer arrays with one value per image.

    The log names all other arrays, because the user may have meant them as labels.
    """
    count = headers["images"].shape[:1] if "images" in headers else None
    factors, others = [], []
    for name, (shape, dtype) in headers.items():
        if dtype.kind in "iu" and shape == count:
            factors.append(name)
        elif name != "images":
            others.append(f"{name} ({_KINDS.get(dtype.kind, dtype)} {shape})")
    if others:
        logging.warning(
            "%s: ignored %s; factors are integer arrays, %s",
            *(path, ", ".join(others), "one value per image"),
        )
    return factors
