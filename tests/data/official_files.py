"""Small files in the official formats, for tests to read."""

import gzip
import pathlib

import numpy as np

from dis_jax.data.catalogue import PUBLISHED

NORB_MAGIC = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}


def norb_matrix(array):
    """A SmallNORB matrix: magic number, axes, a shape of at least 3 numbers, values."""
    shape = [*array.shape, 1, 1][: max(3, array.ndim)]
    header = np.array([NORB_MAGIC[str(array.dtype)], array.ndim, *shape], "<i4")
    return header.tobytes() + array.astype(array.dtype.newbyteorder("<")).tobytes()


def idx(array):
    shape = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


def write_smallnorb(folder: pathlib.Path, count=3, seed=0):
    """Writes both halves; returns {split: (images of two cameras, factors)}."""
    rng = np.random.default_rng(seed)
    written = {}
    instances = {"train": (4, 6, 7, 8, 9), "test": (0, 1, 2, 3, 5)}
    for split, files in PUBLISHED["smallnorb"].files.items():
        images = rng.integers(0, 256, (count, 2, 96, 96), np.uint8)
        category = rng.integers(0, 5, count).astype(np.int32)
        info = np.stack(
            [
                rng.choice(instances[split], count),
                rng.integers(0, 9, count),
                2 * rng.integers(0, 18, count),
                rng.integers(0, 6, count),
            ],
            axis=-1,
        ).astype(np.int32)
        for file, array in zip(files, (images, category, info), strict=True):
            (folder / file.name).write_bytes(gzip.compress(norb_matrix(array)))
        factors = np.column_stack([category, info])
        factors[:, 3] //= 2
        written[split] = (images, factors)
    return written


def write_dsprites(folder: pathlib.Path, count=5):
    """Writes the HDF5 file; returns (images of 0 and 1, factors)."""
    import h5py

    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (count, 64, 64), np.uint8)
    classes = np.column_stack(
        [np.zeros(count, int), rng.integers(0, (3, 6, 40, 32, 32), (count, 5))]
    )
    (file,) = PUBLISHED["dsprites"].files["train"]
    with h5py.File(folder / file.name, "w") as target:
        target["imgs"] = images
        target["latents/classes"] = classes
    return images, classes[:, 1:]


def write_shapes3d(folder: pathlib.Path, count=15):
    """Writes the HDF5 file, an image per orientation; returns (images, orientations)."""
    import h5py

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 64, 64, 3), np.uint8)
    values = np.zeros((count, 6))
    values[:, 5] = np.linspace(-30, 30, count)
    (file,) = PUBLISHED["shapes3d"].files["train"]
    with h5py.File(folder / file.name, "w") as target:
        target["images"] = images
        target["labels"] = values
    return images, np.arange(count)


def write_mnist(folder: pathlib.Path, counts=(6, 4)):
    """Writes the four IDX files; returns {split: (images, digits)}."""
    rng = np.random.default_rng(0)
    written = {}
    for (split, files), count in zip(
        PUBLISHED["mnist"].files.items(), counts, strict=True
    ):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        digits = rng.integers(0, 10, count).astype(np.uint8)
        for file, array in zip(files, (images, digits), strict=True):
            (folder / file.name).write_bytes(gzip.compress(idx(array)))
        written[split] = (images, digits)
    return written
