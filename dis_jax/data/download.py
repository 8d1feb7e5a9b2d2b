"""Published files: fetching, checking and reading them in their own formats."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dis_jax.data.idx import read_bytes, read_idx

Arrays = dict[str, np.ndarray]  # image, perhaps image2, and factors

_NORB_MAGIC = {0x1E3D4C55: "u1", 0x1E3D4C54: "<i4"}


class File(NamedTuple):
    """A published file.

    Attributes:
      name: its name.
      url: where it is published.
      size: bytes.
      sha256: hex digests that are right; for a `.gz` that of what it holds is as good.
    """

    name: str
    url: str
    size: int
    sha256: tuple[str, ...]


class Published(NamedTuple):
    """A data set as it is published.

    Attributes:
      files: the files of each split.
      factor_names: one name a factor.
      sizes: the number of values of each factor.
      image_shape: (height, width, channels).
      num_images: images of each split.
      features: the names under which the catalogue of tfds keeps the factors.
      cameras: images an example has: `image`, and `image2` where there are two.
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
      ValueError: if it is damaged or not such a file; says what was found.
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
    shape = tuple(np.frombuffer(content[8 : 8 + 4 * ndim], "<i4").tolist())
    wanted = start + int(np.prod(shape)) * dtype.itemsize
    if len(content) != wanted:
        raise ValueError(
            f"{path} holds {len(content)} bytes; its header, shape {shape}, calls for "
            f"{wanted}. The file is damaged: fetch it again."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def read_smallnorb(paths: Sequence[pathlib.Path]) -> Arrays:
    """Both cameras and all labels of one half, from its dat, cat and info files."""
    data, category, info = (read_norb_matrix(path) for path in paths)
    factors = np.concatenate([category.reshape(-1, 1), info], axis=1).astype(np.int32)
    factors[:, 3] //= 2  # azimuths are stored as 0, 2, ..., 34
    image, image2 = data[:, 0, ..., None], data[:, 1, ..., None]
    return {"image": image, "image2": image2, "factors": factors}


def read_dsprites(paths: Sequence[pathlib.Path]) -> Arrays:
    """All of dSprites, from its HDF5 file; the factor colour, of one value, is left out."""
    images, factors = read_hdf5(paths[0], ["imgs", "latents/classes"])
    return {"image": images[..., None], "factors": factors[:, 1:]}


def read_shapes3d(paths: Sequence[pathlib.Path]) -> Arrays:
    """All of Shapes3D, from its HDF5 file, which has values for labels."""
    images, values = read_hdf5(paths[0], ["images", "labels"])
    ranks = [np.unique(column, return_inverse=True)[1] for column in values.T]
    return {"image": images, "factors": np.stack(ranks, axis=-1)}


def read_mnist(paths: Sequence[pathlib.Path]) -> Arrays:
    """One half of MNIST, from its IDX files of images and labels."""
    images, digits = (read_idx(path) for path in paths)
    if len(images) != len(digits):
        raise ValueError(
            f"{paths[0]} has {len(images)} images and {paths[1]} {len(digits)} labels; "
            "expected as many of each."
        )
    return {"image": images[..., None], "factors": digits[:, None]}


def read_hdf5(path: pathlib.Path, names: list[str]) -> list[np.ndarray]:
    """The named arrays of an HDF5 file; errors name the file."""
    import h5py

    try:
        with h5py.File(path) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise ValueError(
                    f"{path} has no array {missing[0]!r}; it holds {sorted(file)}."
                )
            return [np.asarray(file[name]) for name in names]
    except OSError as error:
        raise ValueError(f"{path} is not a whole HDF5 file ({error}).") from error


def found(folder: pathlib.Path, file: File) -> pathlib.Path:
    """Where a published file lies in a folder, gzipped or unpacked."""
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
      file: what it ought to be.

    Raises:
      ValueError: if the checksum is another.
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
    """Downloads a published file, unless it is there; all of it or nothing.

    Args:
      file: which.
      folder: where to.

    Returns:
      Its path.

    Raises:
      ConnectionError: if it cannot be fetched.
      ValueError: if what came has another checksum.
    """
    from tqdm import tqdm

    path = folder / file.name
    if path.is_file():
        verify(path, file)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    bar = tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name)
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
                f"could not fetch {file.url} ({error}); fetch it by other means, put it "
                f"into a folder and name that folder (--raw_dir)."
            ) from error
        verify(part, file)
        shutil.move(part, path)
    return path
