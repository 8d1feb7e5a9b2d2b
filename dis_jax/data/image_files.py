"""Image files in folders: decoded, checked and made one size."""

from __future__ import annotations

import concurrent.futures
import csv
import functools
import os
import pathlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from dis_jax.data.arrays import from_arrays
from dis_jax.data.image_set import ImageSet

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
Fit = Literal["crop", "pad"]


def from_folder(
    path: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    side: int | None = None,
    channels: int | None = None,
    name: str | None = None,
) -> ImageSet:
    """An image set of the image files in a folder and its subfolders.

    Files and subfolders whose names begin with a dot are passed over.

    Args:
      path: the folder.
      labels: None; "folders", where the first subfolder of a file is its class; or a
        CSV file whose first column, `file`, is a path in the folder, and whose other
        columns are factors: integers from 0, or words, which are numbered in sorted
        order, as are the names of subfolders; unknown = -1. Only the files that it names
        are read.
      side: height and width that images are brought to, the middle square of each; by
        default they must all have one size.
      channels: 1 or 3; by default that of the first image.
      name: what the set is called; by default the folder's name.

    Returns:
      The image set, in the order of the paths, or of the CSV file.

    Raises:
      FileNotFoundError: if there is no such folder or file, or no image in it.
      ValueError: if a file is damaged, or images or labels do not fit; names the file.

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
            f"no folder {root}; expected one that holds image files."
        )
    if labels is not None and labels != "folders":
        files, factors, names = _read_labels(root, pathlib.Path(labels))
    else:
        files = image_paths(root)
        factors, names = None, ()
        if labels == "folders":
            factors, names = _folder_classes(root, files), ("class",)
    return from_arrays(
        read_images(files, side=side, channels=channels),
        factors,
        name=root.name if name is None else name,
        factor_names=names,
    )


def image_paths(root: pathlib.Path, ending: str = "") -> list[pathlib.Path]:
    """Image files below a folder, sorted; errors say what was looked for.

    Names that begin with a dot belong to other programs: `.ipynb_checkpoints`, `._1.png`.
    """
    files = sorted(
        file
        for file in root.rglob(f"*{ending}")
        if file.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )
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
      side: height and width that images are brought to; by default they keep theirs.
      channels: 1 or 3; by default that of the first image.
      fit: "crop" takes the middle square, "pad" adds black to the shorter side.

    Returns:
      Bytes, (n, height, width, channels).

    Raises:
      ValueError: if a file is damaged, or has another size than the first.
    """
    from tqdm import tqdm

    first = read_image(files[0], side=side, channels=channels, fit=fit)
    read = functools.partial(read_image, side=side, channels=first.shape[-1], fit=fit)
    images = np.empty((len(files), *first.shape), np.uint8)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = pool.map(read, files)
        decoded = tqdm(found, total=len(files), unit="image", disable=len(files) < 1000)
        for row, (file, image) in enumerate(zip(files, decoded, strict=True)):
            if image.shape != first.shape:
                raise ValueError(
                    f"{file} has the shape {image.shape} and {files[0]} {first.shape}; "
                    "expected one size. Pass `side` to bring all to it, or put it behind "
                    "the folder's path: <folder>+resized64."
                )
            images[row] = image
    return images


def read_image(
    file: pathlib.Path,
    *,
    side: int | None = None,
    channels: int | None = None,
    fit: Fit = "crop",
) -> np.ndarray:
    """One image file as bytes, (height, width, channels); see `read_images`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            grey = (
                opened.mode in ("1", "L", "I;16") if channels is None else channels == 1
            )
            if opened.mode.startswith("I"):  # 16 bits, which PIL would clip at 8
                opened = Image.fromarray((np.asarray(opened) >> 8).astype(np.uint8))
            image = opened.convert("L" if grey else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{file} is not a whole image file ({error}).") from error
    if side is not None:
        image = _squared(image, fit).resize((side, side), Image.Resampling.LANCZOS)
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def _squared(image, fit: Fit):
    width, height = image.size
    side = min(width, height) if fit == "crop" else max(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _folder_classes(root: pathlib.Path, files: Sequence[pathlib.Path]) -> np.ndarray:
    folders = []
    for file in files:
        parts = file.relative_to(root).parts
        if len(parts) < 2:
            raise ValueError(
                f'{file} is in no subfolder of {root}; labels="folders" takes the first '
                "subfolder as the class."
            )
        folders.append(parts[0])
    return np.unique(folders, return_inverse=True)[1]


def _read_labels(
    root: pathlib.Path, path: pathlib.Path
) -> tuple[list[pathlib.Path], np.ndarray, tuple[str, ...]]:
    if not path.is_file():
        raise FileNotFoundError(f'no file {path}; expected a CSV file, or "folders".')
    with path.open(newline="", encoding="utf-8-sig") as stream:  # Excel's has a mark
        rows = [(line, row) for line, row in enumerate(csv.reader(stream), 1) if row]
    if len(rows) < 2 or rows[0][1][0] != "file":
        raise ValueError(
            f"{path} starts with {[row for _, row in rows[:1]]}; expected a head, `file` "
            "and the names of factors, and a line for each image."
        )
    (_, (_, *names)), *rows = rows
    for line, row in rows:
        if not (root / row[0]).is_file():
            raise FileNotFoundError(f"{path}, line {line}: no file {root / row[0]}.")
        if len(row) != 1 + len(names):
            raise ValueError(
                f"{path}, line {line} has {len(row)} columns, the head {1 + len(names)}."
            )
    factors = np.empty((len(rows), len(names)), np.int32)
    for column, name in enumerate(names):
        texts = [(line, row[1 + column]) for line, row in rows]
        factors[:, column] = _numbered(path, name, texts)
    return [root / row[0] for _, row in rows], factors, tuple(names)


def _numbered(
    path: pathlib.Path, name: str, texts: Sequence[tuple[int, str]]
) -> list[int]:
    """Whole numbers as they are; words by their rank among the words of the column."""
    words = sorted({text for _, text in texts if not _is_number(text)})
    ranks = {"-1": -1} | {word: rank for rank, word in enumerate(words)}
    numbers = []
    for line, text in texts:
        try:
            numbers.append(ranks[text] if words else int(text))
        except (KeyError, ValueError):
            found = repr(text) + (f", elsewhere {words[0]!r}" if words else "")
            raise ValueError(
                f"{path}, line {line}: `{name}` is {found}; expected whole numbers from 0, "
                "or words, in all lines alike; -1 where it is unknown."
            ) from None
    return numbers


def _is_number(text: str) -> bool:
    """Whether a cell is no word: a number of any kind, or nothing."""
    try:
        float(text or "0")
    except ValueError:
        return False
    return True
