"""Decodes, checks and resizes the image files in a folder."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import io
import os
import pathlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from absl import logging

from dis_jax.data.arrays import from_arrays
from dis_jax.data.image_set import ImageSet
from dis_jax.data.label_table import folder_classes, read_labels
from dis_jax.data.reading import (
    named,
    visible,
    whole,
)

TABLE = "labels.csv"
KINDS = "kinds.json"
_SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff",
    ".webp",
)  # fmt: skip
_GREY = ("1", "L", "I", "I;16", "I;16B", "I;16L", "I;16N")
# Without "F", because floating-point images have no fixed range, and without LAB, which
# PIL does not convert.
_MODES = (
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
)
_OPAQUE = 255
_DARK = 2**12  # 12-bit data in a 16-bit file, as microscopes and depth cameras write it
Fit = Literal["crop", "pad"]


def from_folder(
    path: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    side: int | None = None,
    channels: int | None = None,
    name: str | None = None,
) -> ImageSet:
    """An image set from the image files in a folder and its subfolders.

    Files and subfolders whose names begin with a dot are skipped; other files that are
    not images are counted in the log. docs/data.md says how transparency, palettes, 16
    bits and rotated photographs are read.

    Args:
      path: the folder.
      labels: None; "folders": the first subfolder of a file is its class; or a CSV file
        whose column `file` is a path in the folder, and whose other columns are factors:
        integers from 0, or words; unknown = -1. Words and names of subfolders are
        numbered in sorted order. Only the files that the CSV file names are read.
      side: height and width to which the middle square of each image is resized; by
        default all images must have the same size.
      channels: 1 or 3; by default as in the first image.
      name: of the set; by default the folder's name.

    Returns:
      The image set, in the order of the paths, or of the CSV file.

    Raises:
      FileNotFoundError: if there is no such folder or file, or no image in it.
      ValueError: if a file is damaged, or images or labels do not fit; the message names
        the file.

    Example:
      >>> import tempfile
      >>> from PIL import Image
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     for number in range(3):
      ...         Image.new("L", (8, 8), number).save(f"{folder}/{number}.png")
      ...     small = from_folder(folder, side=4, name="small")
      >>> small.num_images, small.image_shape
      (3, (4, 4, 1))
    """
    root = pathlib.Path(path)
    if not root.is_dir():
        raise FileNotFoundError(
            f"no folder {root}; expected one that contains image files."
        )
    if labels is not None and labels != "folders":
        files, factors, names, words = read_labels(root, pathlib.Path(labels))
    else:
        files = image_paths(root)
        factors, names, words = None, (), ()
        if labels == "folders":
            factors, classes = folder_classes(root, files)
            names, words = ("class",), (classes,)
    _say_what_is_left(root, files)
    images = read_images(files, side=side, channels=channels)
    name = root.name if name is None else name
    with named(root):
        return from_arrays(
            images, factors, name=name, factor_names=names, value_names=words
        )


def _say_what_is_left(root: pathlib.Path, files: Sequence[pathlib.Path]) -> None:
    """Logs the number of skipped files by their endings."""
    read = {file.name for file in files}  # names are enough for a count, and fast
    left = collections.Counter(
        file.suffix.lower() or "no ending"
        for file in visible(root.rglob("*"), root)
        if file.name not in read and file.name not in (TABLE, KINDS)
    )
    if left:
        endings = ", ".join(
            f"{count} {ending}" for ending, count in sorted(left.items())
        )
        logging.warning(
            "%s: ignored %d files (%s); read %d images",
            *(root, left.total(), endings, len(files)),
        )


def image_paths(root: pathlib.Path, ending: str = "") -> list[pathlib.Path]:
    """Image files below a folder, sorted; an error names the expected endings."""
    there = visible(root.rglob(f"*{ending}"), root)
    files = [file for file in there if file.suffix.lower() in _SUFFIXES]
    if not files:
        raise FileNotFoundError(
            f"no image files below {root}; expected some that end in "
            f"{ending or ', '.join(_SUFFIXES)}."
        )
    return files


def read_images(
    files: Sequence[pathlib.Path],
    *,
    side: int | None = None,
    channels: int | None = None,
    fit: Fit = "crop",
) -> np.ndarray:
    """Decodes image files on several threads.

    Args:
      files: the files.
      side: height and width after resizing; by default images keep their size.
      channels: 1 or 3; by default as in the first image.
      fit: "crop" takes the middle square, "pad" adds black to the shorter side.

    Returns:
      Bytes, (n, height, width, channels).

    Raises:
      ValueError: if a file is damaged, or has another size than the first.
    """
    from tqdm import tqdm

    first = read_image(files[0], side=side, channels=channels, fit=fit)
    read = functools.partial(_decoded, side=side, channels=first.shape[-1], fit=fit)
    images = np.empty((len(files), *first.shape), np.uint8)
    several = lost = seen_through = 0
    brightest = -1
    with concurrent.futures.ThreadPoolExecutor() as pool:
        each = pool.map(read, files)
        decoded = tqdm(each, total=len(files), unit="image", disable=len(files) < 1000)
        for row, (file, found) in enumerate(zip(files, decoded, strict=True)):
            image = found.image
            several += found.frames > 1
            lost += channels is None and image.shape[-1] == 1 and not found.was_grey
            seen_through += found.transparent
            brightest = max(brightest, found.brightest)
            if image.shape != first.shape:
                raise ValueError(
                    f"{file} has the shape {image.shape} and {files[0]} {first.shape}; "
                    "expected one size. Pass `side` to resize all images, or append it to "
                    "the folder's path: <folder>+resized64."
                )
            images[row] = image
    if several:
        logging.warning(
            "%d of %d image files have several frames or pages; only the first is read",
            *(several, len(files)),
        )
    if lost:
        logging.warning(
            "%d of %d image files are in colour and become grey, as the first is (%s)",
            *(lost, len(files), files[0]),
        )
    if seen_through:
        logging.warning(
            "%d of %d image files have transparent pixels, which keep the colour that is "
            "stored below; save them on a background if they should not",
            *(seen_through, len(files)),
        )
    if 0 <= brightest < _DARK:
        logging.warning(
            "the pixels of the 16-bit images go up to %d of 65,535, so the images are "
            "almost black; multiply them before they are saved",
            brightest,
        )
    return images


def read_image(
    file: pathlib.Path,
    *,
    side: int | None = None,
    channels: int | None = None,
    fit: Fit = "crop",
) -> np.ndarray:
    """One image file as bytes, (height, width, channels); see `read_images`."""
    return _decoded(file, side=side, channels=channels, fit=fit).image


class _Decoded(NamedTuple):
    """The first frame of an image file, and properties of the file for warnings.

    Attributes:
      image: (height, width, channels).
      frames: number of frames.
      was_grey: whether the file is grey.
      transparent: whether a pixel is not opaque.
      brightest: the largest pixel value of a 16-bit file; -1 for other files.
    """

    image: np.ndarray
    frames: int
    was_grey: bool
    transparent: bool
    brightest: int


def _decoded(
    file: pathlib.Path, *, side: int | None, channels: int | None, fit: Fit
) -> _Decoded:
    from PIL import Image, ImageOps

    with whole(file, "image file"):
        content = io.BytesIO(file.read_bytes())
        with Image.open(content) as opened:
            opened.verify()  # the checksums of a PNG, which decoding ignores
        content.seek(0)
        with Image.open(content) as opened:
            frames = getattr(opened, "n_frames", 1)
            opened.load()
            image = ImageOps.exif_transpose(opened)
    mode = image.mode
    grey = mode in _GREY if channels is None else channels == 1
    transparent, brightest = image.has_transparency_data, -1
    if transparent:
        opacity = np.asarray(image.convert("RGBA").getchannel("A"))
        transparent = bool((opacity < _OPAQUE).any())
    if mode.startswith("I"):  # 16 bits, which PIL would clip at 8
        values = np.asarray(image)
        image, brightest = Image.fromarray(_upper_bits(file, values)), int(values.max())
    elif mode not in _MODES:
        raise ValueError(
            f"{file} has pixels of the mode {mode}; expected {', '.join(_MODES)} or 16-bit "
            "greyscale. Save it with 8 bits per channel."
        )
    image = image.convert("L" if grey else "RGB")
    if side is not None:
        image = _squared(image, fit).resize((side, side), Image.Resampling.LANCZOS)
    array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    return _Decoded(array, frames, mode in _GREY, transparent, brightest)


def _upper_bits(file: pathlib.Path, values: np.ndarray) -> np.ndarray:
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise ValueError(
            f"{file} has pixels from {values.min()} to {values.max()}; expected 8 or 16 "
            "bits, 0 to 65,535."
        )
    return (values >> 8).astype(np.uint8)


def _squared(image, fit: Fit):
    width, height = image.size
    side = min(width, height) if fit == "crop" else max(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))
