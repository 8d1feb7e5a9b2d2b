"""Reads the arrays stored in an HDF5 file, never those of other files that it links to."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dis_jax.data.reading import whole

_KIND = "HDF5 file"


def read_hdf5(path: pathlib.Path, names: Sequence[str]) -> list[np.ndarray]:
    """The named arrays of an HDF5 file.

    An HDF5 file can refer to other files: by a link, storage outside the file, or a virtual
    array. A stranger's file could thus show files of this machine as images, so such
    arrays are refused.

    Args:
      path: the file.
      names: of arrays, with "/" between the groups.

    Returns:
      The arrays.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if the file is damaged or lacks an array, or if an array is not numeric or
        not stored in the file itself; the message names it.
    """
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; expected an HDF5 file.")
    with whole(path, _KIND):
        file = h5py.File(path, "r")
    with file:
        return [_array(path, file, name) for name in names]


def _array(path: pathlib.Path, file: Any, name: str) -> np.ndarray:
    import h5py

    found: Any = file
    for part in name.split("/"):
        with whole(path, _KIND):
            link = (
                found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
            )
        if link is None:
            with whole(path, _KIND):
                names = sorted(file)
            raise ValueError(f"{path} has no array {name!r}; it contains {names}.")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(
                f"{name!r} in {path} is a link to {_target(link)}; expected the array "
                "itself: links can lead to other files, and are not followed."
            )
        with whole(path, _KIND):
            found = found[part]
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"{name!r} in {path} is a group; expected an array.")
    with whole(path, _KIND):
        elsewhere, dtype = bool(found.external) or found.is_virtual, found.dtype
        absent = _is_absent(found)
    if elsewhere:
        raise ValueError(
            f"{name!r} in {path} has its values in another file; expected them in the "
            "file itself: other files are not read."
        )
    if dtype.kind not in "biuf":
        raise ValueError(f"{name!r} in {path} has dtype {dtype}; expected numbers.")
    if absent:
        raise ValueError(
            f"{path} is not a complete {_KIND}: values of {name!r} were never written, and "
            "would be read as zeros. Fetch it again."
        )
    with whole(path, _KIND):
        return np.asarray(found)


def _target(link: Any) -> str:
    file = getattr(link, "filename", None)
    return f"{link.path!r}" + (f" in the file {file!r}" if file else "")


def _is_absent(dataset: Any) -> bool:
    """Whether values are missing, which HDF5 silently replaces with a fill value."""
    if not dataset.size:
        return False
    if dataset.chunks is None:
        return dataset.id.get_storage_size() < dataset.size * dataset.dtype.itemsize
    sides = zip(dataset.shape, dataset.chunks, strict=True)
    wanted = math.prod(-(-length // side) for length, side in sides)
    return dataset.id.get_num_chunks() < wanted
