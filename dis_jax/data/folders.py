"""Real sets from a folder of the user's: what lies where, and how it is read."""

from __future__ import annotations

import pathlib

import numpy as np

from dis_jax.data.arrays import from_arrays, read_npz
from dis_jax.data.idx import read_idx
from dis_jax.data.image_set import ImageSet

DSPRITES_FACTORS = ("shape", "scale", "orientation", "pos_x", "pos_y")


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
        factor_names=DSPRITES_FACTORS,
        sizes=(3, 6, 10, 16, 16),
    )


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
