"""Reads `.npz` and `.npy` files of NumPy in full, without unpickling."""

from __future__ import annotations

import math
import pathlib
import zipfile
from collections.abc import Sequence
from typing import IO, NamedTuple

import numpy as np

from dis_jax.data.reading import whole

_NPZ, _NPY = ".npz file", ".npy file"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # differs in the encoding of names
}


class Header(NamedTuple):
    """The header of an array in a file.

    Attributes:
      shape: of the array.
      dtype: of the array; arrays of objects contain pickles and are not read.
    """

    shape: tuple[int, ...]
    dtype: np.dtype


def npz_headers(path: pathlib.Path) -> dict[str, Header]:
    """Names, shapes and types of the arrays in an `.npz` file, without reading the arrays.

    Args:
      path: the file.

    Returns:
      The header of each array, by its name.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is damaged or not an `.npz`; the message names it.

    Example:
      >>> import tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "mine.npz")
      >>> np.savez(path, kind=np.array([0, 1], np.int8))
      >>> npz_headers(path)
      {'kind': Header(shape=(2,), dtype=dtype('int8'))}
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; expected an .npz file.")
    found = {}
    with whole(path, _NPZ), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue  # not an array
            with archive.open(member) as stream:
                header = _header(stream)
                _check_size(header, member.file_size - stream.tell())
            found[member.filename.removesuffix(".npy")] = header
    return found


def read_npz(path: pathlib.Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The named arrays of an `.npz` file.

    Args:
      path: the file.
      names: of the arrays.

    Returns:
      The arrays.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is damaged or lacks an array, or an array contains Python objects;
        the message says what the file contains.
    """
    headers = npz_headers(path)
    for name in names:
        if name not in headers:
            raise ValueError(
                f"{path} has no array {name!r}; it contains {sorted(headers)}."
            )
        if headers[name].dtype.hasobject:
            raise ValueError(
                f"{name!r} in {path} contains Python objects, which are pickles and can "
                "run code: they are never read here. Save it as numbers."
            )
    with whole(path, _NPZ), zipfile.ZipFile(path) as archive:
        arrays = {}
        for name in names:
            # zipfile compares the checksum only if all bytes are read. This reads all:
            # the size in the header is that of the member.
            with archive.open(f"{name}.npy") as stream:
                arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
        return arrays


def read_npy(path: pathlib.Path) -> np.ndarray:
    """The array in an `.npy` file.

    Args:
      path: the file.

    Returns:
      The array.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is damaged or not an `.npy`, or contains Python objects; the
        message names it.

    Example:
      >>> import tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "labels.npy")
      >>> np.save(path, np.array([2, 0]))
      >>> read_npy(path)
      array([2, 0])
    """
    with whole(path, _NPY), path.open("rb") as stream:
        header = _header(stream)
        if not header.dtype.hasobject:
            _check_size(header, path.stat().st_size - stream.tell())
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
    raise ValueError(
        f"{path} contains Python objects, which are pickles and can run code: they are "
        "never read here. Save it as numbers."
    )


def _header(stream: IO[bytes]) -> Header:
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"an array of the format's version {version}")
    shape, _, dtype = _HEADERS[version](stream)
    return Header(shape, dtype)


def _check_size(header: Header, left: int) -> None:
    """Refuses a wrong size: a header with too few bytes would read a part of the array."""
    wanted = math.prod(header.shape) * header.dtype.itemsize
    if not header.dtype.hasobject and wanted != left:
        raise ValueError(
            f"shape {header.shape} and dtype {header.dtype} call for {wanted} bytes, "
            f"{left} are there"
        )
