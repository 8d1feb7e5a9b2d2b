"""Reads codes and factors from `.npz`, `.npy`, `.csv` and `.parquet` files."""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from dis_jax import extras
from dis_jax.data.numpy_files import npz_headers, read_npy, read_npz
from dis_jax.data.reading import csv_rows, is_index, is_missing, is_number, whole

_ARRAYS = ("codes", "factors", "test_codes", "test_factors", "factor_names")
_TABLES = (".csv", ".parquet")
_ENDINGS = (".npz", ".npy", *_TABLES)
_CODE = re.compile(r"z_?\d+")


class _Table(NamedTuple):
    """Columns of numbers or words, by their names."""

    path: pathlib.Path
    columns: dict[str, np.ndarray]


def read_code_file(
    path: str | os.PathLike[str], factors: str | os.PathLike[str] | None = None
) -> dict[str, Any]:
    """Reads codes and factors from a file, as arguments of `evaluation.evaluate_codes`.

    An `.npz` contains arrays with these names. An `.npy` contains the codes, and `factors`
    is the file of their factors. In a `.csv` or `.parquet` the columns z0, z1, ... (or z_0)
    are the codes, and all others are factors; with a second file, all columns of the first
    are codes and all of the second are factors. Row numbers written by pandas are ignored.

    Args:
      path: the file of codes.
      factors: a second file, `.npy`, `.csv` or `.parquet`, with the same rows.

    Returns:
      `codes` and `factors`, and if the file has them `test_codes`, `test_factors` and
      `factor_names`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if a file is damaged or of another kind, has no codes, no factors or no
        header, or a code is not a number; the message names the file.

    Example:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "my.csv")
      >>> _ = path.write_text("z0,z1,shape\\n0.5,1,cube\\n-2,3,ball\\n")
      >>> found = read_code_file(path)
      >>> found["codes"].tolist(), found["factor_names"], found["factors"].tolist()
      ([[0.5, 1.0], [-2.0, 3.0]], ('shape',), [['cube'], ['ball']])
    """
    path = _existing(path)
    if factors is None:
        if path.suffix == ".npy":
            raise ValueError(
                f"{path} contains only codes; name the file of their factors by "
                "--factors=FILE.npy (or .csv, .parquet)."
            )
        return _from_npz(path) if path.suffix == ".npz" else _from_table(path)
    second = _existing(factors)
    for file in (path, second):
        if file.suffix == ".npz":
            raise ValueError(
                f"{file} is an .npz file, which contains codes and factors together; "
                "expected two files of .npy, .csv or .parquet."
            )
    codes, _ = _whole_file(path, of_codes=True)
    labels, names = _whole_file(second)
    if len(codes) != len(labels):
        raise ValueError(
            f"{path} has {len(codes)} rows and {second} {len(labels)}; expected one row "
            "of factors for each row of codes."
        )
    found = {"codes": codes, "factors": labels}
    return found | ({"factor_names": names} if names else {})


def _existing(path: str | os.PathLike[str]) -> pathlib.Path:
    path = pathlib.Path(path)
    if path.suffix not in _ENDINGS:
        raise ValueError(
            f"{path} ends in {path.suffix!r}; expected one of {', '.join(_ENDINGS)}. A "
            "torch tensor is saved by np.save(file, tensor.numpy())."
        )
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; expected a file of codes or factors.")
    return path


def _from_npz(path: pathlib.Path) -> dict[str, Any]:
    """Reads the arrays with known names from a file; others are ignored."""
    there = npz_headers(path)
    if missing := [name for name in _ARRAYS[:2] if name not in there]:
        raise ValueError(
            f"{path} has no array {' and no '.join(missing)}, found "
            f"{', '.join(there)}; np.savez(..., codes=..., factors=...) gives arrays "
            "their names."
        )
    if ignored := [name for name in there if name not in _ARRAYS]:
        known = ", ".join(_ARRAYS)
        logging.warning("%s: ignored %s; known: %s", path, ", ".join(ignored), known)
    return read_npz(path, [name for name in _ARRAYS if name in there])


def _from_table(path: pathlib.Path) -> dict[str, Any]:
    table = _read_table(path)
    codes = [name for name in table.columns if _CODE.fullmatch(name)]
    names = tuple(name for name in table.columns if name not in codes)
    if not codes or not names:
        what = "factors: all are codes" if codes else "columns z0, z1, ... of codes"
        raise ValueError(
            f"{path} has no {what}; it has {_listed([*table.columns])}. All columns but "
            "z0, z1, ... are factors; or give two files, --codes and --factors."
        )
    # z10 after z9, whatever their order in the file
    codes.sort(key=lambda name: int(name.removeprefix("z").lstrip("_")))
    return {
        "codes": _numbers(table, codes),
        "factors": _stacked(table, names),
        "factor_names": names,
    }


def _whole_file(
    path: pathlib.Path, *, of_codes: bool = False
) -> tuple[np.ndarray, tuple[str, ...]]:
    """All columns of a file, and their names if it has a header."""
    if path.suffix == ".npy":
        array = read_npy(path)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2:
            raise ValueError(
                f"{path} has the shape {array.shape}; expected (rows, columns)."
            )
        return array, ()
    table = _read_table(path)
    names = tuple(table.columns)
    return (_numbers if of_codes else _stacked)(table, names), names


def _numbers(table: _Table, names: list[str] | tuple[str, ...]) -> np.ndarray:
    for name in names:
        column = table.columns[name]
        if column.dtype.kind not in "iufb":
            raise ValueError(
                f"{table.path}: column {name!r} of codes contains {str(column[0])!r}; "
                "expected numbers."
            )
    return np.stack([table.columns[name].astype(np.float64) for name in names], axis=1)


def _stacked(table: _Table, names: list[str] | tuple[str, ...]) -> np.ndarray:
    """Columns as one array; its dtype is object if some are words."""
    columns = [table.columns[name] for name in names]
    if all(column.dtype.kind in "iufb" for column in columns):
        return np.stack(columns, axis=1)
    return np.stack([column.astype(object) for column in columns], axis=1)


def _read_table(path: pathlib.Path) -> _Table:
    columns = _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    for name in [name for name, column in columns.items() if is_index(name, column)]:
        logging.warning("%s: ignored column %r, the row numbers", path, name)
        del columns[name]
    if "" in columns:
        raise ValueError(
            f"{path}: its header is {_listed([*columns])}; expected a unique name for each "
            "column."
        )
    return _Table(path, columns)


def _read_csv(path: pathlib.Path) -> dict[str, np.ndarray]:
    rows = csv_rows(path)
    if not rows:
        raise ValueError(f"{path} is empty; expected a header and rows.")
    (_, names), *rows = rows
    if any(is_number(name) for name in names):
        raise ValueError(
            f"{path} has no header: its first line is {_listed(names)}; expected names of "
            "columns, such as z0,z1,shape."
        )
    if len({*names}) < len(names):
        raise ValueError(
            f"{path}: its header is {_listed(names)}; expected a unique name for each "
            "column."
        )
    if not rows:
        raise ValueError(f"{path} has a header and no rows.")
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"{path}, line {line} has {len(row)} columns, the header {len(names)}."
            )
    return {
        name: _column(path, name, [(line, row[k]) for line, row in rows])
        for k, name in enumerate(names)
    }


def _column(path: pathlib.Path, name: str, cells: list[tuple[int, str]]) -> np.ndarray:
    """A column of numbers or a column of words; a mixture is an error."""
    # -1 marks an unknown label, also among words
    known = [cell for cell in cells if cell[1].strip() != "-1"] or cells
    at, example = known[0]
    words = not is_number(example)
    for line, text in known:
        if is_missing(text):
            raise ValueError(
                f"{path}, line {line}: column {name!r} is {text!r}; expected a value in "
                "every row. Remove the row; for an unknown label write -1. If it is the "
                "name of a class, write another."
            )
        if is_number(text) == words:
            raise ValueError(
                f"{path}, line {line}: column {name!r} is {text!r}, and {example!r} in "
                f"line {at}; expected numbers or words in all rows."
            )
    if words:
        return np.array([text for _, text in cells])
    try:
        return np.array([int(text) for _, text in cells])
    except ValueError:
        return np.array([float(text) for _, text in cells])


def _read_parquet(path: pathlib.Path) -> dict[str, np.ndarray]:
    if lacking := extras.missing_package("pyarrow"):
        raise ValueError(f"{path} needs pyarrow: {lacking}")
    import pyarrow.parquet  # pyright: ignore[reportMissingImports]

    with whole(path, "Parquet file"):
        table = pyarrow.parquet.read_table(path)
    if not table.num_rows:
        raise ValueError(f"{path} has no rows.")
    found = {}
    for name in table.column_names:
        column = table.column(name)
        if pyarrow.types.is_dictionary(column.type):  # a categorical of pandas
            column = column.cast(column.type.value_type)
        if column.null_count:
            row = next(i for i, value in enumerate(column) if not value.is_valid)
            raise ValueError(
                f"{path}: column {name!r} has no value in row {row}; expected a value in "
                "every row. Remove the row; for an unknown label write -1."
            )
        values = column.to_numpy()
        words = values.dtype == object and all(isinstance(v, str) for v in values)
        if not words and values.dtype.kind not in "iufb":
            raise ValueError(
                f"{path}: column {name!r} contains {column.type}; "
                "expected numbers or strings."
            )
        found[name] = values.astype(str) if words else values
    return found


def _listed(names: list[str]) -> str:
    """The names of a header as text; only the first eight of a long header."""
    shown = ", ".join(map(repr, names[:8]))
    return f"{shown}, ... ({len(names)} columns)" if len(names) > 8 else shown
