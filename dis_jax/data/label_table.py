"""Reads the labels of image files from a table or from the names of their folders."""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging

from dis_jax.data.reading import (
    LARGEST_LABEL,
    csv_rows,
    is_index,
    is_missing,
    is_number,
)


def folder_classes(
    root: pathlib.Path, files: Sequence[pathlib.Path]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class of each file: the name of its first subfolder.

    Args:
      root: the folder that contains all files.
      files: files in subfolders of `root`.

    Returns:
      Classes (file,), and their names in sorted order.

    Raises:
      ValueError: if a file is in no subfolder; the message names the file.
    """
    folders = []
    for file in files:
        parts = file.relative_to(root).parts
        if len(parts) < 2:
            raise ValueError(
                f'{file} is in no subfolder of {root}; labels="folders" uses the first '
                "subfolder as the class."
            )
        folders.append(parts[0])
    names, classes = np.unique(folders, return_inverse=True)
    return classes, tuple(map(str, names))


def read_labels(
    root: pathlib.Path, path: pathlib.Path
) -> tuple[
    list[pathlib.Path], np.ndarray, tuple[str, ...], tuple[tuple[str, ...], ...]
]:
    """The files in a table, and their factors.

    Args:
      root: the folder of the files.
      path: a CSV file with a column `file`; its other columns are factors.

    Returns:
      Files; factors (file, factor), unknown = -1; names of factors; for each factor the
      names of its values, empty if they are numbers.

    Raises:
      FileNotFoundError: if the table or a file is missing.
      ValueError: if a line does not fit; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f'no file {path}; expected a CSV file, or "folders".')
    rows = csv_rows(path)
    if len(rows) < 2 or rows[0][1].count("file") != 1:
        raise ValueError(
            f"{path} starts with {[row for _, row in rows[:1]]}; expected a header with "
            "one column `file` and the names of factors, and one line per image."
        )
    (_, heads), *rows = rows
    place = heads.index("file")
    names = heads[:place] + heads[place + 1 :]
    files = []
    for line, row in rows:
        if len(row) != len(heads):
            raise ValueError(
                f"{path}, line {line} has {len(row)} columns, the header {len(heads)}."
            )
        file = row.pop(place)
        if not _is_below(root, file):
            raise ValueError(
                f"{path}, line {line}: {file!r} is outside {root}; expected paths of "
                "files in that folder."
            )
        if not (root / file).is_file():
            raise FileNotFoundError(f"{path}, line {line}: no file {root / file}.")
        files.append(file)
    columns = {
        place: name
        for place, name in enumerate(names)
        if not is_index(name, [row[place] for _, row in rows])
    }
    names = [*columns.values()]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(
            f"{path}: its header names the factors {names}; expected one unique name per "
            "column."
        )
    if again := [f for f, count in collections.Counter(files).items() if count > 1]:
        logging.warning(
            "%s names %d files more than once, such as %s", path, len(again), again[0]
        )
    factors = np.empty((len(rows), len(names)), np.int32)
    words = []
    for column, (place, name) in enumerate(columns.items()):
        texts = [(line, row[place]) for line, row in rows]
        factors[:, column], found = _numbered(path, name, texts)
        words.append(found)
    return [root / file for file in files], factors, tuple(names), tuple(words)


def _is_below(root: pathlib.Path, name: str) -> bool:
    """Whether a path from an untrusted table stays in its folder."""
    path = os.path.normpath(root / name)
    return pathlib.Path(path).is_relative_to(os.path.normpath(root))


def _numbered(
    path: pathlib.Path, name: str, texts: Sequence[tuple[int, str]]
) -> tuple[list[int], tuple[str, ...]]:
    """Integers unchanged, or the ranks of words in sorted order; and the sorted words."""
    words = sorted(
        {text for _, text in texts if not (is_number(text) or is_missing(text))}
    )
    ranks = {"-1": -1} | {word: rank for rank, word in enumerate(words)}
    numbers = []
    for line, text in texts:
        try:
            number = ranks[text] if words else int(text)
            if not -1 <= number <= LARGEST_LABEL:
                raise ValueError
            numbers.append(number)
        except (KeyError, ValueError):
            if is_missing(text):
                raise ValueError(
                    f"{path}, line {line}: `{name}` is {text!r}, which stands for a "
                    "missing value; write -1 if it is unknown. If it is the name of a "
                    "class, write another."
                ) from None
            found = repr(text) + (f", elsewhere {words[0]!r}" if words else "")
            raise ValueError(
                f"{path}, line {line}: `{name}` is {found}; expected integers from 0, or "
                "strings, in all lines; -1 if unknown."
            ) from None
    return numbers, tuple(words)
