"""Formats of data files, and how their faults are made."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from dis_jax import data
from dis_jax.data.data_dir import PUBLISHED

Change = Callable[[pathlib.Path], Any]


class Format(NamedTuple):
    """A kind of file.

    Attributes:
      name: name of the format and the set.
      write: creates a folder with a whole file in it, and returns the file's path.
      load: reads the file as a user does.
      flips: number of first bytes in which bits may be flipped; -1 means all.
      wrong: faults of this format alone, which must be refused.
      fine: unusual changes that must be read without an error.
      names: names that an error may give in place of the file's.
      ends: whether the format says where a file ends.
    """

    name: str
    write: Callable[[pathlib.Path], pathlib.Path]
    load: Callable[[pathlib.Path], data.ImageSet]
    flips: int = 0
    wrong: Mapping[str, Change] = {}
    fine: Mapping[str, Change] = {}
    names: tuple[str, ...] = ()
    ends: bool = True


@contextlib.contextmanager
def digests_of_published() -> Iterator[None]:
    """Restores the catalogue on exit; see `publish`."""
    kept = dict(PUBLISHED)
    try:
        yield
    finally:
        PUBLISHED.update(kept)


def publish(path: pathlib.Path) -> None:
    """Enters a sample as the published file of its name, with its size and checksum."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for name, published in PUBLISHED.items():
        files = {
            split: tuple(
                f._replace(size=path.stat().st_size, sha256=(digest,))
                if f.name == path.name
                else f
                for f in of_split
            )
            for split, of_split in published.files.items()
        }
        PUBLISHED[name] = published._replace(files=files)


def numbers(*shape: int, high: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape).astype(np.uint8)


def by_name(name: str, split: str = "all") -> Callable[[pathlib.Path], data.ImageSet]:
    return lambda folder: data.load(name, folder, split, resident=True)


def placed(folder: pathlib.Path, *parts: str) -> pathlib.Path:
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def with_value(
    values: np.ndarray, place: Any, value: Any, dtype: Any = None
) -> np.ndarray:
    changed = np.array(values, dtype)
    changed[place] = value
    return changed
