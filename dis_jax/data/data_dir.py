"""Real sets from a folder of the user: layout of the files and their readers."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from dis_jax import shipped
from dis_jax.data import prepared
from dis_jax.data.arrays import LabelledImages
from dis_jax.data.augmented_grid import turned_and_shrunk
from dis_jax.data.catalogue import DSPRITES, MNIST, PUBLISHED, SHAPES3D, SMALLNORB
from dis_jax.data.download import found, read_dsprites_npz, verify
from dis_jax.data.host_memory import kept
from dis_jax.data.image_set import ImageSet
from dis_jax.data.numpy_files import read_npz
from dis_jax.data.raw_sets import coil100
from dis_jax.data.reading import whole_numbers
from dis_jax.data.streaming import from_source

DSPRITES_NPZ = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
_DSPRITES_PART = "dsprites_real_grid_46080.npz"
NORB_INSTANCES = {"train": (4, 6, 7, 8, 9), "test": (0, 1, 2, 3, 5)}


def mnist(data_dir: pathlib.Path, split: str) -> LabelledImages:
    """MNIST: 28x28x1, factor `digit`."""
    arrays = published_arrays("mnist", data_dir / "mnist", _halves(split))
    return LabelledImages(
        arrays["image"], arrays["factors"], MNIST.factor_names, MNIST.sizes
    )


def shapes3d(data_dir: pathlib.Path, split: str) -> LabelledImages:
    """Shapes3D: 480,000 images 64x64x3, a full grid."""
    del split
    arrays = published_arrays("shapes3d", data_dir / "shapes3d", ["train"])
    names, sizes = SHAPES3D.factor_names, SHAPES3D.sizes
    return LabelledImages(arrays["image"], arrays["factors"], names, sizes)


def dsprites(data_dir: pathlib.Path, split: str) -> LabelledImages:
    """The dSprites images, or the subset of 46,080 images; both are full grids.

    The whole set comes from a prepared version or from one of the two published files;
    `.hdf5` takes precedence over `.npz`. The subset has every 4th orientation and every
    2nd position.
    """
    del split
    folder = data_dir / "dsprites"
    if is_published("dsprites", folder):
        return _sprites(published_arrays("dsprites", folder, ["train"]))
    for place in (folder, folder / "raw"):
        if (place / DSPRITES_NPZ).is_file():
            return dsprites_npz(place / DSPRITES_NPZ)
    if not (folder / _DSPRITES_PART).is_file():  # raises, and names the file
        return _sprites(published_arrays("dsprites", folder, ["train"]))
    return _dsprites_part(folder / _DSPRITES_PART)


def dsprites_npz(path: pathlib.Path) -> LabelledImages:
    """The published `.npz` file of dSprites."""
    return _sprites(read_dsprites_npz(path))


def _sprites(arrays: dict[str, np.ndarray]) -> LabelledImages:
    images, factors = arrays["image"].view(np.bool_), arrays["factors"]
    return LabelledImages(images, factors, DSPRITES.factor_names, DSPRITES.sizes)


def _dsprites_part(path: pathlib.Path) -> LabelledImages:
    arrays = read_npz(path, ["imgs", "latents_classes"])
    images, classes = arrays["imgs"], arrays["latents_classes"]
    names, steps, sizes = DSPRITES.factor_names, (1, 1, 4, 2, 2), (3, 6, 10, 16, 16)
    if images.dtype.kind not in "bu" or images.shape[1:] != (64, 64):
        raise ValueError(
            f"'imgs' in {path} has the shape {images.shape} and dtype {images.dtype}; "
            "expected uint8 (images, 64, 64)."
        )
    if classes.shape[1:] != (len(names),) or images.max(initial=0) > 1:
        raise ValueError(
            f"{path} has latents_classes of shape {classes.shape} and imgs up to "
            f"{images.max(initial=0)}; expected (images, {len(names)}), and 0 and 1."
        )
    factors = [
        whole_numbers(path, name, column, len(images), high=step * size - 1) // step
        for name, column, step, size in zip(names, classes.T, steps, sizes, strict=True)
    ]
    return LabelledImages(images.astype(bool), np.stack(factors, -1), names, sizes)


def smallnorb(data_dir: pathlib.Path, split: str) -> LabelledImages:
    """SmallNORB's left camera at 64x64.

    The published halves have five instances of each category: the test half 0, 1, 2, 3,
    5 and the training half 4, 6, 7, 8, 9. In a single half `instance` counts these from
    0, which makes the half a full grid. With both halves `instance` is the original
    number. If the set is read from the files `smallnorb_<half>_left_64x64.npz`, the
    training half's elevation, azimuth and lighting are unknown.
    """
    folder = data_dir / "smallnorb"
    if is_published("smallnorb", folder) or not _norb_part(folder, "test").is_file():
        arrays = published_arrays("smallnorb", folder, _halves(split))
        images, factors = shrunk(arrays["image"], 64), arrays["factors"]
    else:
        parts = [_read_norb_part(folder, half) for half in _halves(split)]
        images, factors = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
    return _norb_arrays(images, factors, split)


def smallnorb_96(data_dir: pathlib.Path, split: str) -> LabelledImages:
    """SmallNORB's left camera at its full size, 96x96; from the published files."""
    arrays = published_arrays("smallnorb", data_dir / "smallnorb", _halves(split))
    return _norb_arrays(arrays["image"], arrays["factors"], split)


def _norb_arrays(images: np.ndarray, factors: np.ndarray, split: str) -> LabelledImages:
    factors, sizes = _norb_factors(factors, split)
    return LabelledImages(images, factors, SMALLNORB.factor_names, sizes)


def _norb_factors(
    factors: np.ndarray, split: str
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Factors and sizes; in a single half, `instance` is from 0 to 4."""
    if split == "all":
        return factors, SMALLNORB.sizes
    factors, own = factors.copy(), NORB_INSTANCES[split]
    other = np.flatnonzero(~np.isin(factors[:, 1], own))
    if len(other):
        raise ValueError(
            f"'instance' of SmallNORB's {split} half is {factors[other[0], 1]} at row "
            f"{other[0]}; that half has {', '.join(map(str, own))}. Its files are mixed up "
            "with those of the other half, or damaged: fetch them again."
        )
    factors[:, 1] = np.searchsorted(own, factors[:, 1])
    return factors, (5, 5, 9, 18, 6)


def _norb_part(folder: pathlib.Path, half: str) -> pathlib.Path:
    return folder / f"smallnorb_{half}_left_64x64.npz"


def _read_norb_part(folder: pathlib.Path, half: str) -> tuple[np.ndarray, np.ndarray]:
    known = SMALLNORB.factor_names if half == "test" else SMALLNORB.factor_names[:2]
    path = _norb_part(folder, half)
    _want(path, f"the left camera at 64x64 (images, {', '.join(known)})")
    arrays = read_npz(path, ["images", *known])
    count = len(arrays["images"])
    if arrays["images"].dtype != np.uint8 or arrays["images"].shape[1:] != (64, 64):
        raise ValueError(
            f"'images' in {path} has the shape {arrays['images'].shape} and dtype "
            f"{arrays['images'].dtype}; expected uint8 (images, 64, 64)."
        )
    factors = np.full((count, len(SMALLNORB.sizes)), -1, np.int32)
    for column, name in enumerate(known):
        high = SMALLNORB.sizes[column] - 1
        factors[:, column] = whole_numbers(path, name, arrays[name], count, high=high)
    return arrays["images"], factors


def _halves(split: str) -> list[str]:
    return ["train", "test"] if split == "all" else [split]


def is_published(name: str, folder: pathlib.Path) -> bool:
    """Whether a folder contains a prepared set, or one of the published files."""
    files = itertools.chain(*PUBLISHED[name].files.values())
    names = {spelt for f in files for spelt in (f.name, f.name.removesuffix(".gz"))}
    return prepared.newest(folder) is not None or any(
        (place / spelt).is_file()
        for place in (folder, folder / "raw")
        for spelt in names
    )


def is_prepared(name: str, data_dir: pathlib.Path) -> bool:
    """Whether a set can be read from disk, image by image."""
    base = name.removesuffix("_96")
    return base in PUBLISHED and prepared.newest(data_dir / base) is not None


def on_disk(name: str, data_dir: pathlib.Path, split: str) -> ImageSet:
    """A prepared set whose images stay on disk.

    Args:
      name: "smallnorb", "smallnorb_96", "dsprites", "shapes3d" or "mnist".
      data_dir: the folder of real sets.
      split: as for `load`.

    Returns:
      The image set; its `read` is not None.
    """
    base = name.removesuffix("_96")
    published = PUBLISHED[base]
    directory = prepared.newest(data_dir / base)
    assert directory is not None
    splits = _halves(split) if len(published.files) > 1 else ["train"]
    factors = prepared.read_factors(base, directory, splits)
    sizes, shape = published.sizes, published.image_shape
    read = prepared.reader(directory, splits)
    if base == "smallnorb":
        factors, sizes = _norb_factors(factors, split)
    if name == "smallnorb":
        full, shape = read, (64, 64, 1)
        read = lambda index: shrunk(full(index), 64)
    if published.binary:
        bits = read
        read = lambda index: bits(index) * np.uint8(255)  # 0 and 1 to 0 and 255
    return from_source(
        kept(read, len(factors), shape),
        factors,
        name=name,
        factor_names=published.factor_names,
        sizes=sizes,
        image_shape=shape,
    )


def published_arrays(
    name: str, folder: pathlib.Path, splits: Sequence[str]
) -> dict[str, np.ndarray]:
    """Arrays of some splits of a published set, from its prepared or published files.

    Args:
      name: the name of the published set.
      folder: contains a version prepared by tfds, the published files, or a folder `raw`
        with the published files.
      splits: the splits, which are concatenated in this order.

    Returns:
      `image`, `image2` if there are two cameras, and `factors`.

    Raises:
      FileNotFoundError: if the folder contains neither.
      ValueError: if a file is damaged.
    """
    directory = prepared.newest(folder)
    if directory is not None:
        return prepared.read(name, directory, splits)
    published = PUBLISHED[name]
    place = folder / "raw" if (folder / "raw").is_dir() else folder
    try:
        paths = [[found(place, file) for file in published.files[s]] for s in splits]
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} Or run: {shipped.command('prepare_data')} --dataset={name} "
            f"--data_dir={folder.parent}"
        ) from error
    for split, files in zip(splits, paths, strict=True):
        for path, file in zip(files, published.files[split], strict=True):
            if path.stat().st_size == file.size:  # else it is unpacked, or a part
                verify(path, file)
    parts = [published.read(files) for files in paths]
    if len(parts) == 1:
        return parts[0]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def shrunk(images: np.ndarray, side: int) -> np.ndarray:
    """Resizes grey uint8 images by Lanczos interpolation."""
    from PIL import Image

    small = np.empty((len(images), side, side, 1), np.uint8)
    for image, target in zip(images[..., 0], small, strict=True):
        resized = Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)
        target[..., 0] = np.asarray(resized)
    return small


def coil100_augmented(data_dir: pathlib.Path) -> ImageSet:
    """The objects of COIL-100 with all 72 views, rotated and scaled: a full grid."""
    coil = coil100(data_dir / "coil100")
    objects, poses = coil.factors.T
    complete = np.flatnonzero(np.bincount(objects) == 72)
    order = np.lexsort((poses, objects))
    order = order[np.isin(objects[order], complete)]
    return turned_and_shrunk(
        coil.images[order],
        name="coil100_augmented",
        factor_names=coil.factor_names,
        sizes=(len(complete), 72),
    )


def _want(path: pathlib.Path, what: str) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path}: put {what} there, or point data_dir (or the environment "
            "variable DIS_JAX_DATA_DIR) at the folder that contains "
            f"{path.parent.name}/{path.name}."
        )
