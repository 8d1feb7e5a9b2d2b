"""Every set by its name."""

from __future__ import annotations

import difflib
import os
import pathlib
from collections.abc import Callable

from dis_jax.data import folders, sprites
from dis_jax.data.image_set import ImageSet

DATA_DIR_VARIABLE = "DIS_JAX_DATA_DIR"

# name -> (loader, splits); a loader that takes a folder reads files from it.
_RENDERED: dict[str, Callable[[], ImageSet]] = {
    "rendered_dsprites": sprites.rendered_dsprites,
}
_FOLDERS: dict[str, tuple[Callable[[pathlib.Path, str], ImageSet], tuple[str, ...]]] = {
    "dsprites": (folders.dsprites, ("all",)),
    "smallnorb": (folders.smallnorb, ("train", "test", "all")),
    "coil100": (folders.coil100, ("all",)),
    "coil100_augmented": (folders.coil100_augmented, ("all",)),
    "mnist": (folders.mnist, ("train", "test", "all")),
}
NAMES = (*_RENDERED, *_FOLDERS)


def load(
    name: str, data_dir: str | os.PathLike[str] | None = None, split: str = "all"
) -> ImageSet:
    """The image set of a name.

    Sets called `rendered_...` are drawn on the device and need no files. The others are
    read from a folder.

    Args:
      name: one of `NAMES`.
      data_dir: the folder of real sets; by default the environment's DIS_JAX_DATA_DIR.
      split: "all", or "train" or "test" where the set is published in halves.

    Returns:
      The image set, its arrays on the default device.

    Raises:
      ValueError: if there is no such set or split; says which are there.
      FileNotFoundError: if a file is missing; says which, and where to put it.

    Example:
      >>> sprites = load("rendered_dsprites")
      >>> sprites.num_images, sprites.sizes
      (737280, (3, 6, 40, 32, 32))
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=3, cutoff=0.4) or NAMES
        raise ValueError(
            f"unknown data set {name!r}; did you mean {' or '.join(map(repr, near))}? "
            f"Known: {', '.join(NAMES)}."
        )
    splits = ("all",) if name in _RENDERED else _FOLDERS[name][1]
    if split not in splits:
        raise ValueError(
            f"{name!r} has no split {split!r}; it has {', '.join(splits)}."
        )
    if name in _RENDERED:
        return _RENDERED[name]()
    loader, _ = _FOLDERS[name]
    return loader(_data_dir(name, data_dir), split)


def _data_dir(name: str, data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    found = os.environ.get(DATA_DIR_VARIABLE) if data_dir is None else data_dir
    if not found:
        raise FileNotFoundError(
            f"{name!r} is read from files: pass data_dir, or set {DATA_DIR_VARIABLE}, "
            f"to the folder that holds {name}/. Sets that need no files: "
            f"{', '.join(_RENDERED)}."
        )
    folder = pathlib.Path(found)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder} (data_dir or {DATA_DIR_VARIABLE}); expected one that "
            f"holds {name}/. Sets that need no files: {', '.join(_RENDERED)}."
        )
    return folder
