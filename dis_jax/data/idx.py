"""Reads IDX files, the format in which MNIST is published."""

from __future__ import annotations

import gzip
import math
import os
import pathlib
import struct

import numpy as np

from dis_jax.data.reading import whole

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an IDX file, plain or gzipped.

    Args:
      path: the file; one that ends in `.gz` is unpacked.

    Returns:
      The array, in the machine's byte order.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is damaged or not an IDX file; the message says what was found.

    Example:
      >>> import pathlib, tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     path = pathlib.Path(folder) / "labels"
      ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
      ...     read_idx(path)
      array([7, 2, 1], dtype=uint8)
    """
    path = pathlib.Path(path)
    content = read_bytes(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise ValueError(
            f"{path} is not an IDX file: it starts with the bytes "
            f"{content[:4].hex(' ') or '(none)'}; expected 00 00, a type "
            f"({', '.join(f'{code:02x}' for code in _DTYPES)}) and a number of axes."
        )
    dtype, ndim = np.dtype(_DTYPES[content[2]]), content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise ValueError(f"{path} ends inside its header, at byte {len(content)}.")
    shape = struct.unpack(f">{ndim}I", content[4:start])
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        raise ValueError(
            f"{path} has {len(content)} bytes; its header, shape {shape}, requires "
            f"{wanted}. The file is damaged: fetch it again."
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def read_bytes(path: pathlib.Path) -> bytes:
    """The content of a file, unpacked if its name ends in `.gz`; errors name the file."""
    if path.suffix != ".gz":
        return path.read_bytes()
    with whole(path, "gzip file"), gzip.open(path) as file:
        return file.read()
