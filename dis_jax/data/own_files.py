"""Files of the user's own, by their path."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from dis_jax.data.arrays import from_npz
from dis_jax.data.image_files import from_folder, image_paths
from dis_jax.data.image_set import ImageSet
from dis_jax.data.suffixes import varied

_TABLE = "labels.csv"


def is_path(name: str) -> bool:
    """Whether a name is that of files: it ends in `.npz` or has a separator."""
    return name.endswith(".npz") or "/" in name or os.sep in name


def from_path(path: str | os.PathLike[str], *, side: int | None = None) -> ImageSet:
    """An image set of an `.npz` file or of a folder of images, with what labels it has.

    Args:
      path: a file with the array `images`, whose other arrays of one whole number an
        image are factors; or a folder. There `labels.csv` gives factors, or else the
        first subfolder of a file is its class; images that lie in the folder itself have
        no labels.
      side: height and width that images are brought to: of a folder's the middle square
        of each, a file's as by `resized`. By default a folder's must all have one size.

    Returns:
      The image set.

    Raises:
      FileNotFoundError: if there is no such file or folder, or no image in it.
      ValueError: if a file is damaged, or images or labels do not fit.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     file = f"{folder}/grey.npz"
      ...     np.savez(file, images=np.zeros((2, 8, 8), np.uint8), kind=np.array([1, 0]))
      ...     grey = from_path(file)
      >>> grey.factor_names, grey.sizes
      (('kind',), (2,))
    """
    path = pathlib.Path(path)
    if path.suffix == ".npz":
        own = from_npz(path, factors=_columns(path) if path.is_file() else ())
        return own if side is None else varied(own, f"resized{side}")
    name = path.name if side is None else f"{path.name}+resized{side}"
    labels = None
    if (path / _TABLE).is_file():
        labels = path / _TABLE
    elif path.is_dir() and all(file.parent != path for file in image_paths(path)):
        labels = "folders"
    return from_folder(path, labels=labels, side=side, name=name)


def _columns(path: pathlib.Path) -> list[str]:
    """Names of the arrays of whole numbers along one axis, one an image."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    shape = arrays["images"].shape[:1] if "images" in arrays else None
    return [n for n, a in arrays.items() if a.shape == shape and a.dtype.kind in "iu"]
