"""Real sets from a folder of the user's: what lies where, and how it is read."""

from __future__ import annotations

import pathlib

import numpy as np

from dis_jax.data import sprites
from dis_jax.data.arrays import from_arrays, read_npz
from dis_jax.data.augmented_grid import turned_and_shrunk
from dis_jax.data.idx import read_idx
from dis_jax.data.image_set import ImageSet

NORB_FACTORS = ("category", "instance", "elevation", "azimuth", "lighting")
NORB_INSTANCES = {"train": (4, 6, 7, 8, 9), "test": (0, 1, 2, 3, 5)}


def mnist(data_dir: pathlib.Path, split: str) -> ImageSet:
    """MNIST from its four IDX files, gzipped or not: 28x28x1, factor `digit`."""
    folder = data_dir / "mnist"
    halves = {"train": ["train"], "test": ["t10k"], "all": ["train", "t10k"]}[split]
    images, digits = [], []
    for half in halves:
        images.append(_idx(folder, f"{half}-images-idx3-ubyte"))
        digits.append(_idx(folder, f"{half}-labels-idx1-ubyte"))
        if len(images[-1]) != len(digits[-1]):
            raise ValueError(
                f"{folder} has {len(images[-1])} {half} images and {len(digits[-1])} "
                "labels; expected as many of each."
            )
    return from_arrays(
        np.concatenate(images),
        np.concatenate(digits),
        name="mnist",
        factor_names=("digit",),
        sizes=(10,),
    )


def dsprites(data_dir: pathlib.Path, split: str) -> ImageSet:
    """Real dSprites images, a full grid of every 4th orientation and 2nd position."""
    del split
    path = data_dir / "dsprites" / "dsprites_real_grid_46080.npz"
    _want(path, "46,080 of the images of dSprites (imgs, latents_classes)")
    arrays = read_npz(path, ["imgs", "latents_classes"])
    steps = np.array([1, 1, 4, 2, 2])
    return from_arrays(
        arrays["imgs"].astype(bool),
        arrays["latents_classes"] // steps,
        name="dsprites",
        factor_names=sprites.FACTOR_NAMES,
        sizes=(3, 6, 10, 16, 16),
    )


def smallnorb(data_dir: pathlib.Path, split: str) -> ImageSet:
    """SmallNORB's left camera at 64x64, from one .npz file a half.

    The published halves have five instances of each category: the test half 0, 1, 2, 3,
    5 and the training half 4, 6, 7, 8, 9. In a single half `instance` counts these from
    0; the test half is then a full grid. With both halves `instance` is the original
    number. The training half's elevation, azimuth and lighting are unknown.
    """
    halves = ["train", "test"] if split == "all" else [split]
    images, factors = [], []
    for half in halves:
        path = data_dir / "smallnorb" / f"smallnorb_{half}_left_64x64.npz"
        _want(path, "SmallNORB's left camera (images, category, instance, ...)")
        known = NORB_FACTORS if half == "test" else NORB_FACTORS[:2]
        arrays = read_npz(path, ["images", *known])
        labels = np.full((len(arrays["images"]), len(NORB_FACTORS)), -1, np.int32)
        for column, factor in enumerate(known):
            labels[:, column] = arrays[factor]
        if len(halves) == 1:
            labels[:, 1] = np.searchsorted(NORB_INSTANCES[half], labels[:, 1])
        images.append(arrays["images"])
        factors.append(labels)
    return from_arrays(
        np.concatenate(images),
        np.concatenate(factors),
        name="smallnorb",
        factor_names=NORB_FACTORS,
        sizes=(5, 5 * len(halves), 9, 18, 6),
    )


def coil100(data_dir: pathlib.Path, split: str) -> ImageSet:
    """COIL-100 at 64x64: 7,098 views of 100 objects on a turntable."""
    del split
    arrays = _coil100_arrays(data_dir)
    return from_arrays(
        arrays["images"],
        np.stack([arrays["object"] - 1, arrays["angle_deg"] // 5], axis=-1),
        name="coil100",
        factor_names=("object", "pose"),
        sizes=(100, 72),
    )


def coil100_augmented(data_dir: pathlib.Path, split: str) -> ImageSet:
    """The 83 objects of COIL-100 with all 72 views, turned and shrunk: a full grid."""
    del split
    arrays = _coil100_arrays(data_dir)
    rank = np.searchsorted(arrays["complete_objects"], arrays["object"])
    rank = np.minimum(rank, len(arrays["complete_objects"]) - 1)
    complete = arrays["complete_objects"][rank] == arrays["object"]
    order = np.lexsort((arrays["angle_deg"], rank))
    order = order[complete[order]]
    return turned_and_shrunk(
        arrays["images"][order],
        name="coil100_augmented",
        factor_names=("object", "pose"),
        sizes=(len(arrays["complete_objects"]), 72),
    )


def _coil100_arrays(data_dir: pathlib.Path) -> dict[str, np.ndarray]:
    path = data_dir / "coil100" / "coil100_64x64.npz"
    names = ["images", "object", "angle_deg", "complete_objects"]
    _want(path, f"COIL-100 at 64x64 ({', '.join(names)})")
    return read_npz(path, names)


def _idx(folder: pathlib.Path, name: str) -> np.ndarray:
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        return read_idx(plain)
    _want(packed, "one of MNIST's four IDX files, gzipped or not")
    return read_idx(packed)


def _want(path: pathlib.Path, what: str) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path}: put there {what}, or point data_dir (or the environment "
            "variable DIS_JAX_DATA_DIR) at the folder that holds "
            f"{path.parent.name}/{path.name}."
        )
