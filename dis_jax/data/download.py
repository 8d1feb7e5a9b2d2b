"""Downloads, checks and reads the published files of data sets."""

from __future__ import annotations

import hashlib
import math
import pathlib
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dis_jax.data.hdf5 import read_hdf5
from dis_jax.data.idx import read_bytes, read_idx
from dis_jax.data.numpy_files import read_npz
from dis_jax.data.reading import ranks, whole_numbers

Arrays = dict[str, np.ndarray]  # image, perhaps image2, and factors

_NORB_MAGIC = {0x1E3D4C55: "u1", 0x1E3D4C54: "<i4"}
# Largest value of each column; azimuths are stored as 0, 2, ..., 34.
_NORB_INFO = {"instance": 9, "elevation": 8, "azimuth": 34, "lighting": 5}
_SPRITE_CLASSES = {
    "color": 1, "shape": 3, "scale": 6, "orientation": 40, "pos_x": 32, "pos_y": 32
}  # fmt: skip
_SHAPES = {
    "floor_hue": 10, "wall_hue": 10, "object_hue": 10, "scale": 8, "shape": 4,
    "orientation": 15,
}  # fmt: skip


class File(NamedTuple):
    """A published file.

    Attributes:
      name: its name.
      url: where it is published.
      size: in bytes.
      sha256: valid hex digests; for a `.gz`, the digest of its content may be valid too.
    """

    name: str
    url: str
    size: int
    sha256: tuple[str, ...]


class Published(NamedTuple):
    """A data set as it is published.

    Attributes:
      files: the files of each split.
      factor_names: a name for each factor.
      sizes: the number of values of each factor.
      image_shape: (height, width, channels).
      num_images: images of each split.
      features: the names of the factors in the catalogue of tfds.
      cameras: the images of an example: `image`, and `image2` if there are two.
      binary: whether bytes are 0 and 1, and not 0 to 255.
      read: `paths of a split's files -> arrays`.
    """

    files: Mapping[str, tuple[File, ...]]
    factor_names: tuple[str, ...]
    sizes: tuple[int, ...]
    image_shape: tuple[int, int, int]
    num_images: Mapping[str, int]
    features: tuple[str, ...]
    cameras: tuple[str, ...]
    binary: bool
    read: Callable[[Sequence[pathlib.Path]], Arrays]


def read_norb_matrix(path: pathlib.Path) -> np.ndarray:
    """The array in one of SmallNORB's binary matrix files, gzipped or not.

    Args:
      path: the file.

    Returns:
      The array.

    Raises:
      ValueError: if it is damaged or not such a file; the message says what was found.
    """
    content = read_bytes(path)
    header = np.frombuffer(content[: len(content) // 4 * 4][:8], "<i4")
    if len(header) < 2 or int(header[0]) not in _NORB_MAGIC:
        known = " or ".join(f"{magic:#x}" for magic in _NORB_MAGIC)
        found = f"{int(header[0]):#x}" if len(header) else "(nothing)"
        raise ValueError(
            f"{path} is not a SmallNORB matrix: it starts with the number {found}; "
            f"expected {known}."
        )
    dtype, ndim = np.dtype(_NORB_MAGIC[int(header[0])]), int(header[1])
    start = 8 + 4 * max(3, ndim)  # a shape is padded to three numbers
    numbers = content[8 : 8 + 4 * max(ndim, 0)]
    if not 0 < ndim <= 4 or len(numbers) < 4 * ndim:
        raise ValueError(
            f"{path}: its header requires {ndim} axes; expected 1 to 4, and their "
            "lengths. The file is damaged: fetch it again."
        )
    shape = tuple(np.frombuffer(numbers, "<i4").tolist())
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(content) != wanted or min(shape) < 0:
        raise ValueError(
            f"{path} has {len(content)} bytes; its header, shape {shape}, requires "
            f"{wanted}. The file is damaged: fetch it again."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def read_smallnorb(paths: Sequence[pathlib.Path]) -> Arrays:
    """Both cameras and all labels of one half, from its dat, cat and info files."""
    data, category, info = (read_norb_matrix(path) for path in paths)
    count = len(category)
    for path, array, shape in zip(
        paths, (data, category, info), ((2, 96, 96), (), (4,)), strict=True
    ):
        if array.shape != (count, *shape):
            raise ValueError(
                f"{path} has the shape {array.shape}; expected {(count, *shape)}, for "
                f"the {count} categories in {paths[1].name}."
            )
    if data.dtype != np.uint8:
        raise ValueError(f"{paths[0]} contains {data.dtype}; expected bytes (uint8).")
    columns = [whole_numbers(paths[1], "category", category, count, high=4)]
    for column, (name, high) in zip(info.T, _NORB_INFO.items(), strict=True):
        columns.append(whole_numbers(paths[2], name, column, count, high=high))
    factors = np.stack(columns, axis=-1)
    odd = np.flatnonzero(factors[:, 3] % 2)
    if len(odd):
        raise ValueError(
            f"'azimuth' in {paths[2]} is {factors[odd[0], 3]} at row {odd[0]}; expected 0, "
            "2, ..., 34, as published."
        )
    factors[:, 3] //= 2
    image, image2 = data[:, 0, ..., None], data[:, 1, ..., None]
    return {"image": image, "image2": image2, "factors": factors}


def read_dsprites(paths: Sequence[pathlib.Path]) -> Arrays:
    """All of dSprites, from its HDF5 file, without the constant factor colour."""
    images, classes = read_hdf5(paths[0], ["imgs", "latents/classes"])
    return sprites(paths[0], images, classes)


def read_dsprites_npz(path: pathlib.Path) -> Arrays:
    """All of dSprites, from its `.npz` file, without unpickling its metadata."""
    arrays = read_npz(path, ["imgs", "latents_classes"])
    return sprites(path, arrays["imgs"], arrays["latents_classes"])


def sprites(path: pathlib.Path, images: np.ndarray, classes: np.ndarray) -> Arrays:
    """Checks images of 0 and 1, and takes the five factors from six columns of classes."""
    if images.dtype not in (np.uint8, np.bool_) or images.shape[1:] != (64, 64):
        raise ValueError(
            f"'imgs' in {path} has the shape {images.shape} and dtype {images.dtype}; "
            "expected uint8 (images, 64, 64)."
        )
    if images.size and images.max() > 1:
        raise ValueError(f"'imgs' in {path} goes to {images.max()}; expected 0 and 1.")
    if classes.ndim != 2 or classes.shape[1] != len(_SPRITE_CLASSES):
        raise ValueError(
            f"the classes in {path} have the shape {classes.shape}; expected (images, "
            f"{len(_SPRITE_CLASSES)}): {', '.join(_SPRITE_CLASSES)}."
        )
    factors = [
        whole_numbers(path, name, column, len(images), high=size - 1)
        for (name, size), column in zip(_SPRITE_CLASSES.items(), classes.T, strict=True)
    ]
    return {
        "image": images.view(np.uint8)[..., None],
        "factors": np.stack(factors[1:], axis=-1),  # there is one colour
    }


def read_shapes3d(paths: Sequence[pathlib.Path]) -> Arrays:
    """All of Shapes3D, from its HDF5 file, whose labels are real values."""
    (path,) = paths
    images, values = read_hdf5(path, ["images", "labels"])
    factors = ranks(path, _SHAPES.keys(), _SHAPES.values(), values)
    if images.dtype != np.uint8 or images.shape != (len(factors), 64, 64, 3):
        raise ValueError(
            f"'images' in {path} has the shape {images.shape} and dtype {images.dtype}; "
            f"expected uint8 {(len(factors), 64, 64, 3)}, for as many labels."
        )
    return {"image": images, "factors": factors}


def read_mnist(paths: Sequence[pathlib.Path]) -> Arrays:
    """One half of MNIST, from its IDX files of images and labels."""
    images, digits = (read_idx(path) for path in paths)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(
            f"{paths[0]} has the shape {images.shape} and dtype {images.dtype}; expected "
            "uint8 (images, 28, 28)."
        )
    if digits.ndim != 1 or len(images) != len(digits):
        raise ValueError(
            f"{paths[0]} has {len(images)} images and {paths[1]} {len(digits)} labels; "
            "expected equal numbers."
        )
    factors = whole_numbers(paths[1], "digit", digits, len(images), high=9)
    return {"image": images[..., None], "factors": factors[:, None]}


def found(folder: pathlib.Path, file: File) -> pathlib.Path:
    """Path of a published file in a folder, gzipped or unpacked."""
    for path in (folder / file.name, folder / file.name.removesuffix(".gz")):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"no file {folder / file.name}; fetch it from {file.url} ({file.size:,} bytes)."
    )


def verify(path: pathlib.Path, file: File) -> None:
    """Compares a file with the published checksum.

    Args:
      path: the file.
      file: the published file.

    Raises:
      ValueError: if the checksum differs.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest in file.sha256:
        return
    if path.suffix == ".gz":
        inner = hashlib.sha256(read_bytes(path)).hexdigest()
        if inner in file.sha256:
            return
    raise ValueError(
        f"{path} has the sha256 {digest}; expected {' or '.join(file.sha256)}. It is not "
        "the published file, or it is damaged: fetch it again."
    )


def fetch(file: File, folder: pathlib.Path) -> pathlib.Path:
    """Downloads a published file unless it exists; no partial file is left behind.

    Args:
      file: the published file.
      folder: the folder to write it to.

    Returns:
      Its path.

    Raises:
      ConnectionError: if it cannot be downloaded.
      ValueError: if its checksum differs.
    """
    from tqdm import tqdm

    path = folder / file.name
    if path.is_file():
        verify(path, file)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    bar = tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name)
    # In the same folder, so that the final move is a rename within one file system.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch, bar:
        part = pathlib.Path(scratch) / file.name
        try:
            with (
                urllib.request.urlopen(file.url, timeout=60) as source,
                part.open("wb") as target,
            ):
                while block := source.read(1 << 20):
                    target.write(block)
                    bar.update(len(block))
        except OSError as error:
            raise ConnectionError(
                f"could not fetch {file.url} ({error}); download it manually into a folder "
                "and pass that folder as --raw_dir."
            ) from error
        verify(part, file)
        shutil.move(part, path)
    return path
