"""Other public sets, read from the files in which they are published.

Each reader takes the folder of the set. COIL-100: Nene, Nayar & Murase 1996. MPI3D:
Gondal et al. 2019. Cars3D: Reed et al. 2015. Isaac3D: Nie et al. 2020. RGB-D Objects: Lai
et al. 2011.
"""

from __future__ import annotations

import itertools
import math
import pathlib
import re

import numpy as np

from dis_jax.data.arrays import LabelledImages
from dis_jax.data.image_files import image_paths, read_image, read_images
from dis_jax.data.numpy_files import read_npy, read_npz
from dis_jax.data.reading import LARGEST_LABEL, ranks, visible, whole, whole_numbers

_MPI3D_FACTORS = (
    "object_colour", "object_shape", "object_size", "camera_height",
    "background_colour", "horizontal_axis", "vertical_axis",
)  # fmt: skip
# The complex objects have four shapes and colours, the others six.
_MPI3D_SIZES = ((6, 6, 2, 3, 3, 40, 40), (4, 4, 2, 3, 3, 40, 40))
_ISAAC3D = {
    "object_shape": 3,
    "x_move": 8,
    "y_move": 5,
    "camera_height": 4,
    "object_scale": 4,
    "light_intensity": 4,
    "light_y_direction": 6,
    "object_colour": 4,
    "wall_colour": 4,
}
_COIL_NAME = re.compile(r"obj(\d+)__(\d+)\.png")
_RGBD_NAME = re.compile(r"(.+)_(\d+)_(\d+)_(\d+)_crop\.png")
_SIDE = 64


def coil100(folder: pathlib.Path) -> LabelledImages:
    """COIL-100: `obj<object>__<angle>.png`, 128x128; or `coil100_64x64.npz`.

    Args:
      folder: contains the `.npz` file, with the arrays `images` at 64x64, `object` from 1
        and `angle_deg`; or the published images, in it or below it, which are averaged
        over 2x2 pixels.

    Returns:
      Images 64x64x3 and their factors: object, pose (5 degrees per step).

    Raises:
      FileNotFoundError: if there is neither.
      ValueError: if an image is damaged, or has another size; the message names it.
    """
    file = folder / "coil100_64x64.npz"
    if file.is_file():
        arrays = read_npz(file, ["images", "object", "angle_deg"])
        images, views = arrays["images"], (arrays["object"], arrays["angle_deg"])
        if images.dtype != np.uint8 or images.shape[1:] != (_SIDE, _SIDE, 3):
            raise ValueError(
                f"'images' in {file} has the shape {images.shape} and dtype "
                f"{images.dtype}; expected uint8 (images, {_SIDE}, {_SIDE}, 3)."
            )
    else:
        file = folder
        images, views = _coil100_views(folder)
    objects = whole_numbers(file, "object", views[0], len(images), low=1, high=100)
    angles = whole_numbers(file, "angle_deg", views[1], len(images), high=355)
    between = np.flatnonzero(angles % 5)
    if len(between):
        raise ValueError(
            f"'angle_deg' in {file} is {angles[between[0]]} at row {between[0]}; expected "
            "multiples of 5 degrees, as in the published COIL-100."
        )
    factors = np.stack([objects - 1, angles // 5], axis=-1)
    return LabelledImages(images, factors, ("object", "pose"), (100, 72))


def _coil100_views(
    folder: pathlib.Path,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Published images at half size, and the objects and angles from their file names."""
    files = visible(folder.rglob("obj*.png"), folder)
    named = {file: _COIL_NAME.fullmatch(file.name) for file in files}
    found = sorted(
        (int(match[1]), int(match[2]), file) for file, match in named.items() if match
    )
    if not found:
        raise FileNotFoundError(
            f"{folder} contains neither coil100_64x64.npz nor obj<object>__<angle>.png; "
            "unpack COIL-100 there, as Columbia University publishes it: docs/data.md."
        )
    for number, angle, file in found:
        if not (1 <= number <= 100 and angle in range(0, 360, 5)):
            raise ValueError(
                f"{file}: the name is object {number} at {angle} degrees; expected "
                "objects 1 to 100 at 0, 5, ..., 355 degrees."
            )
    for (*view, file), (*next_view, other) in itertools.pairwise(found):
        if view == next_view:
            raise ValueError(f"{file} and {other} are the same view; keep one of them.")
    images = read_images([file for _, _, file in found], channels=3)
    if images.shape[1:] != (2 * _SIDE, 2 * _SIDE, 3):
        raise ValueError(
            f"the images of {folder} have the shape {images.shape[1:]}; expected "
            f"{2 * _SIDE}x{2 * _SIDE}, as published."
        )
    squares = images.reshape(len(images), _SIDE, 2, _SIDE, 2, 3)
    # The mean of four bytes, rounded; their sum needs uint16.
    halved = (squares.sum((2, 4), dtype=np.uint16) + 2) // 4
    objects, angles = (np.array(part) for part in list(zip(*found, strict=True))[:2])
    return halved.astype(np.uint8), (objects, angles)


def mpi3d(
    folder: pathlib.Path, *, sizes: tuple[tuple[int, ...], ...] = _MPI3D_SIZES
) -> LabelledImages:
    """MPI3D: one `.npz` file of all `images`, a full grid in C order.

    Args:
      folder: contains the file.
      sizes: the known grids.

    Returns:
      Images 64x64x3 and their factors.

    Raises:
      FileNotFoundError: if there is no `.npz` file.
      ValueError: if there are several, or the images do not form a known grid.
    """
    files = visible(folder.glob("*.npz"), folder)
    if not files:
        raise FileNotFoundError(
            f"no .npz file in {folder}; put one of the MPI3D files there."
        )
    if len(files) > 1:
        raise ValueError(
            f"{folder} contains {', '.join(file.name for file in files)}; keep one of them."
        )
    images = read_npz(files[0], ["images"])["images"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"'images' in {files[0]} has the shape {images.shape} and dtype "
            f"{images.dtype}; expected uint8 (images, {_SIDE}, {_SIDE}, 3)."
        )
    grids = [grid for grid in sizes if math.prod(grid) == len(images)]
    if not grids:
        counts = " or ".join(f"{math.prod(grid):,}" for grid in sizes)
        raise ValueError(f"{files[0]} has {len(images):,} images; expected {counts}.")
    return LabelledImages(images, _grid(grids[0]), _MPI3D_FACTORS, grids[0])


def cars3d(folder: pathlib.Path, *, side: int = _SIDE) -> LabelledImages:
    """Cars3D: one `.mat` file per object, `im` (height, width, 3, azimuth, elevation).

    Args:
      folder: contains the files.
      side: height and width after resizing.

    Returns:
      Images and their factors: elevation 4, azimuth 24, object.

    Raises:
      FileNotFoundError: if there are no `.mat` files.
      ValueError: if one is damaged, or has another shape; the message names it.
    """
    import scipy.io
    from PIL import Image

    files = visible(folder.glob("*.mat"), folder)
    if not files:
        raise FileNotFoundError(
            f"no .mat files in {folder}; put the Cars3D files there."
        )
    images, factors = [], []
    for number, file in enumerate(files):
        with whole(file, ".mat file of Cars3D"):
            views = np.asarray(scipy.io.loadmat(file)["im"])
        fits = views.ndim == 5 and views.shape[2:] == (3, 24, 4) and views.size
        if not fits or views.dtype != np.uint8:
            raise ValueError(
                f"`im` in {file} has the shape {views.shape} and dtype {views.dtype}; "
                "expected uint8 (height, width, 3, 24, 4)."
            )
        for azimuth, elevation in np.ndindex(24, 4):
            view = Image.fromarray(views[..., azimuth, elevation])
            images.append(
                np.asarray(view.resize((side, side), Image.Resampling.LANCZOS))
            )
            factors.append((elevation, azimuth, number))
    sizes = (4, 24, len(files))
    names = ("elevation", "azimuth", "object")
    return LabelledImages(np.stack(images), np.array(factors, np.int32), names, sizes)


def isaac3d(folder: pathlib.Path, *, side: int = _SIDE) -> LabelledImages:
    """Isaac3D: numbered PNG files, with their factors in `labels.npy`.

    Args:
      folder: contains the images, or a folder with them, and optionally `labels.npy`: one
        column per factor, whose values are ranked. Without `labels.npy` the images must be
        the full grid.
      side: height and width after resizing.

    Returns:
      Images and their factors.

    Raises:
      FileNotFoundError: if there are no images.
      ValueError: if a file is damaged, or labels and images do not match.
    """
    files = image_paths(folder)
    names, sizes = tuple(_ISAAC3D), tuple(_ISAAC3D.values())
    labels = visible(folder.rglob("labels.npy"), folder)
    if labels:
        values = read_npy(labels[0])
        if values.shape != (len(files), len(sizes)):
            raise ValueError(
                f"{labels[0]} has the shape {values.shape}; expected "
                f"{(len(files), len(sizes))}: {len(files)} images, {len(sizes)} factors."
            )
        factors = ranks(labels[0], names, sizes, values)
    elif len(files) == math.prod(sizes):
        factors = _grid(sizes)
    else:
        raise ValueError(
            f"{folder} has {len(files)} images and no labels.npy; expected that file, or "
            f"all {math.prod(sizes):,} images."
        )
    return LabelledImages(
        read_images(files, side=side, channels=3), factors, names, sizes
    )


def rgbd_objects(folder: pathlib.Path, *, side: int = _SIDE) -> LabelledImages:
    """RGB-D Objects: `<category>_<instance>_<azimuth>_<pose>_crop.png` in folders.

    An image is the object inside the mask `..._maskcrop.png`, padded to a square;
    without a mask, the whole crop.

    Args:
      folder: contains the folders of categories.
      side: height and width after resizing.

    Returns:
      Images and their factors: category, instance, azimuth, pose.

    Raises:
      FileNotFoundError: if there are no such files.
      ValueError: if one is damaged; the message names it.
    """
    files = [
        file
        for file in image_paths(folder, "_crop.png")
        if not file.name.endswith(("_depth_crop.png", "_mask_crop.png"))
    ]
    rows = []
    for file in files:
        match = _RGBD_NAME.fullmatch(file.name)
        if match is None:
            raise ValueError(
                f"{file}: the name is not <category>_<instance>_<azimuth>_<pose>_crop.png."
            )
        if not all(0 < int(number) <= LARGEST_LABEL for number in match.groups()[1:]):
            raise ValueError(
                f"{file}: its numbers are out of range; expected 1 or more."
            )
        rows.append(match.groups())
    categories = np.unique([row[0] for row in rows], return_inverse=True)[1]
    numbers = np.array([[int(value) for value in row[1:]] for row in rows]) - 1
    factors = np.column_stack([categories, numbers]).astype(np.int32)
    images = read_images(files, side=side, channels=3, fit="pad")
    for image, file in zip(images, files, strict=True):
        mask = file.with_name(file.name.replace("_crop.png", "_maskcrop.png"))
        if mask.is_file():
            shown = read_image(mask, side=side, channels=1, fit="pad")
            image[shown[..., 0] < shown.max() / 2] = 0
    sizes = tuple((factors.max(0) + 1).tolist())
    return LabelledImages(
        images, factors, ("category", "instance", "azimuth", "pose"), sizes
    )


def _grid(sizes: tuple[int, ...]) -> np.ndarray:
    index = np.arange(math.prod(sizes))
    return np.stack(np.unravel_index(index, sizes), axis=-1).astype(np.int32)
