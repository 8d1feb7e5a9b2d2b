"""Checks of files and labels: every error names the file and says what to do."""

from __future__ import annotations

import contextlib
import csv
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Int

LARGEST_LABEL = np.iinfo(np.int32).max - 1
_PAGE = (b"<!doctype", b"<html", b"<?xml")
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>")
_LFS = b"version https://git-lfs"
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__")  # as pandas names it
# What R, pandas, databases and Python write for a missing value.
_MISSING = ("", "na", "n/a", "nan", "null", "<na>")


@contextlib.contextmanager
def whole(
    path: pathlib.Path, kind: str, remedy: str = "fetch it again"
) -> Iterator[None]:
    """Turns every error of a decoder into one that names the file and says what to do.

    Put only a library's decoding inside: an error of a check, which names the file already,
    would be reported as damage. Errors about missing files, permissions and modules are
    raised unchanged.

    Args:
      path: the file.
      kind: the expected kind, such as ".npz file".
      remedy: what to do.

    Raises:
      ValueError: "<path> is not a complete <kind> (<what was found>); <remedy>."

    Example:
      >>> import tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "a.npz")
      >>> path.touch()
      >>> try:
      ...     with whole(path, ".npz file"):
      ...         np.load(path)
      ... except ValueError as error:
      ...     print(str(error).replace(f"{path.parent}/", ""))
      a.npz is not a complete .npz file (it is empty; No data left in file); fetch it again.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, ModuleNotFoundError):
        raise
    # Decoders raise a dozen kinds: OSError, zlib.error, struct.error, KeyError, ...
    except Exception as error:
        words = (str(error) or type(error).__name__).split("\n")[0][:200].rstrip(". ")
        words = _OBJECT.sub(
            "", words
        ).rstrip()  # PIL names the bytes: <_io.BytesIO ...>
        raise ValueError(
            f"{path} is not a complete {kind} ({_beginning(path)}{words}); {remedy}."
        ) from error


@contextlib.contextmanager
def named(path: pathlib.Path) -> Iterator[None]:
    """Adds the name of the file to a message about its arrays.

    Args:
      path: the file or folder.

    Example:
      >>> try:
      ...     with named(pathlib.Path("mine.npz")):
      ...         raise ValueError("images go from -1 to 1.")
      ... except ValueError as error:
      ...     print(error)
      mine.npz: images go from -1 to 1.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def visible(paths: Iterable[pathlib.Path], root: pathlib.Path) -> list[pathlib.Path]:
    """Files below a folder, sorted, without hidden files of other programs.

    Hidden names begin with a dot: `._1.png` of macOS, `.ipynb_checkpoints`.

    Args:
      paths: of files below `root`; folders are skipped.
      root: the folder.

    Returns:
      The files.

    Example:
      >>> import tempfile
      >>> root = pathlib.Path(tempfile.mkdtemp())
      >>> for name in ("._1.mat", "1.mat"):
      ...     (root / name).touch()
      >>> [path.name for path in visible(root.glob("*.mat"), root)]
      ['1.mat']
    """
    return sorted(
        path
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
        and not path.is_dir()
    )


def whole_numbers(
    path: pathlib.Path,
    name: str,
    values: np.ndarray,
    count: int,
    *,
    low: int = 0,
    high: int = LARGEST_LABEL,
) -> Int[np.ndarray, " image"]:
    """Integer labels from a file as int32, one per image; raises for any other values.

    Args:
      path: the file that contains them.
      name: of the factor or array.
      values: as read, of any type.
      count: number of images.
      low: the smallest valid value.
      high: the largest valid value.

    Returns:
      The labels, (image,).

    Raises:
      ValueError: if they are words, objects, NaN, fractions, out of range, or not one per
        image; the message names file, array and row.

    Example:
      >>> whole_numbers(pathlib.Path("a.npz"), "angle", np.array([0.0, 5.0]), 2)
      array([0, 5], dtype=int32)
    """
    if values.shape != (count,):
        raise ValueError(
            f"{name!r} in {path} has the shape {values.shape}; expected ({count},), one "
            "integer per image."
        )
    if values.dtype.kind not in "iuf":
        raise ValueError(
            f"{name!r} in {path} has dtype {values.dtype}, the first value {values[0]!r}; "
            "expected integers."
        )
    # NaN fails every comparison, so it is refused too.
    fine = (values >= low) & (values <= high) & (np.floor(values) == values)
    if not fine.all():
        row = int(np.flatnonzero(~fine)[0])
        raise ValueError(
            f"{name!r} in {path} is {values[row]} at row {row}, one of "
            f"{np.count_nonzero(~fine)} such values; expected integers from {low} to "
            f"{high}."
        )
    return values.astype(np.int32)


def ranks(
    path: pathlib.Path, names: Iterable[str], sizes: Iterable[int], values: np.ndarray
) -> Int[np.ndarray, "image factor"]:
    """Replaces the values of each column with their ranks in the column, from 0.

    Args:
      path: the file that contains them.
      names: of the columns.
      sizes: the largest number of different values of each column.
      values: (image, column), as read.

    Returns:
      Factors, int32.

    Raises:
      ValueError: if the number of columns differs, if values are not numbers or not finite,
        or if a column has more values than its factor; the message names file, row and
        factor.

    Example:
      >>> angles = np.array([[30.0], [-30.0], [30.0]])
      >>> ranks(pathlib.Path("a.npy"), ["angle"], [15], angles).tolist()
      [[1], [0], [1]]
    """
    names, sizes = list(names), list(sizes)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ValueError(
            f"the labels in {path} have the shape {values.shape}; expected (images, "
            f"{len(names)}): {', '.join(names)}."
        )
    if values.dtype.kind not in "iuf":
        raise ValueError(
            f"the labels in {path} have dtype {values.dtype}; expected numbers."
        )
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0].tolist()
        raise ValueError(
            f"the labels in {path} are {values[row, column]} at row {row}, factor "
            f"{names[column]!r}; expected finite numbers. Fetch the file again."
        )
    columns = []
    for name, size, column in zip(names, sizes, values.T, strict=True):
        found, rank = np.unique(column, return_inverse=True)
        if len(found) > size:
            raise ValueError(
                f"factor {name!r} in {path} has {len(found)} different values; expected "
                f"{size} at most. The file is damaged: fetch it again."
            )
        columns.append(rank)
    return np.stack(columns, axis=-1).astype(np.int32)


def _beginning(path: pathlib.Path) -> str:
    """Describes a file by its first bytes, which may say more than a decoder's error."""
    try:
        with path.open("rb") as stream:
            first = stream.read(64)
    except OSError:  # for example a folder
        return ""
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not first:
        return "it is empty; "
    if start.startswith(_PAGE):
        return "it is a web page, for example a server error; "
    if start.startswith(_LFS):
        return "it is a Git LFS pointer: `git lfs pull` downloads the file; "
    return f"it starts with the bytes {first[:4].hex(' ')}; "


def csv_rows(path: pathlib.Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file in UTF-8, each with the number of its line.

    Args:
      path: the file; empty lines, and spaces around cells, are ignored.

    Returns:
      (line, cells), from line 1.

    Raises:
      ValueError: if it is not text in UTF-8.

    Example:
      >>> import tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "a.csv")
      >>> path.write_text("z0,shape\\n\\n.5,cube\\n")
      18
      >>> csv_rows(path)
      [(1, ['z0', 'shape']), (3, ['.5', 'cube'])]
    """
    with (
        whole(path, "CSV file in UTF-8", "save it as UTF-8"),
        path.open(newline="", encoding="utf-8-sig") as stream,  # Excel adds a mark
    ):
        rows = enumerate(csv.reader(stream, skipinitialspace=True), 1)
        return [(line, [cell.strip() for cell in row]) for line, row in rows if row]


def is_number(text: str) -> bool:
    """Whether a cell is a number of any kind, such as "3", ".5" or "nan".

    Names such as "1_12" and "11_2" are words: Python would read both as 112.
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def is_missing(text: str) -> bool:
    """Whether a cell is empty, or is what programs write for a missing value.

    Example:
      >>> [is_missing(text) for text in ("", "NA", "<NA>", "None", "none", "0")]
      [True, True, True, True, False, False]
    """
    text = text.strip()
    return text == "None" or text.lower() in _MISSING


def is_index(name: str, column: Iterable[Any]) -> bool:
    """Whether a column contains the row numbers that pandas adds to a table.

    Args:
      name: of the column.
      column: its values, numbers or texts.

    Example:
      >>> is_index("Unnamed: 0", np.arange(3)), is_index("size", ["0", "1", "2"])
      (True, False)
    """
    if not _INDEX.fullmatch(name):
        return False
    return all(str(value) == str(row) for row, value in enumerate(column))
