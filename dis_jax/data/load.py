"""Loads image sets by name."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator

import jax
import numpy as np

from dis_jax import own_code
from dis_jax.data import data_dir as real_sets
from dis_jax.data import raw_sets
from dis_jax.data.arrays import LabelledImages, checked_images, from_arrays
from dis_jax.data.catalogue import OFFERED
from dis_jax.data.factor_kinds import with_kinds
from dis_jax.data.host_memory import SHARE_FOR_DATA, host_memory
from dis_jax.data.image_set import ImageSet
from dis_jax.data.own_files import from_path, is_path
from dis_jax.data.own_sets import own_set
from dis_jax.data.rendered_dsprites import rendered_dsprites
from dis_jax.data.rendered_nar import nar, rendered_nar
from dis_jax.data.rendered_norb import rendered_norb
from dis_jax.data.rendered_shapes3d import rendered_shapes3d
from dis_jax.data.streaming import from_source
from dis_jax.data.suffixes import (
    VARIANTS,
    has_sides,
    one_side,
    side_of,
    split_variants,
)
from dis_jax.suggest import suggest

DATA_DIR_VARIABLE = "DIS_JAX_DATA_DIR"


def _whole(
    read: Callable[[pathlib.Path], LabelledImages], folder: str
) -> Callable[[pathlib.Path, str], LabelledImages]:
    """The loader of a set without splits."""
    return lambda data_dir, split: read(data_dir / folder)


_RENDERED: dict[str, Callable[[], ImageSet]] = {
    "rendered_dsprites": rendered_dsprites,
    "rendered_shapes3d": rendered_shapes3d,
    "rendered_norb": rendered_norb,
    "rendered_nar": rendered_nar,
}
# name -> (loader, splits)
_FOLDERS: dict[
    str, tuple[Callable[[pathlib.Path, str], LabelledImages], tuple[str, ...]]
] = {
    "dsprites": (real_sets.dsprites, ("all",)),
    "smallnorb": (real_sets.smallnorb, ("train", "test", "all")),
    "smallnorb_96": (real_sets.smallnorb_96, ("train", "test", "all")),
    "shapes3d": (real_sets.shapes3d, ("all",)),
    "mnist": (real_sets.mnist, ("train", "test", "all")),
    "coil100": (_whole(raw_sets.coil100, "coil100"), ("all",)),
    "mpi3d": (_whole(raw_sets.mpi3d, "mpi3d"), ("all",)),
    "cars3d": (_whole(raw_sets.cars3d, "cars3d"), ("all",)),
    "isaac3d": (_whole(raw_sets.isaac3d, "isaac3d"), ("all",)),
    "rgbd_objects": (_whole(raw_sets.rgbd_objects, "rgbd_objects"), ("all",)),
}
_DRAWN_FROM_FILES: dict[str, Callable[[pathlib.Path], ImageSet]] = {
    "coil100_augmented": real_sets.coil100_augmented,
    "nar": nar,
}
_SPLITS = ("all", "train", "test")
NAMES = (*_RENDERED, *_FOLDERS, *_DRAWN_FROM_FILES)


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    split: str = "all",
    *,
    resident: bool | None = None,
) -> ImageSet:
    """Loads an image set by its name.

    Sets called `rendered_...` are rendered on the device and need no files. The others are
    read from a folder, and kept on the device if they fit.

    Args:
      name: one of `NAMES`; or the path of a folder of images or of an `.npz` file, see
        `from_path`, which is always kept on the device; or `my_module:my_set`, an
        `ImageSet` or a function that returns one, which may take
        `data_dir` and `split`, see `dis_jax.own_code`. Variants from `VARIANTS` may follow:
        "smallnorb+coloured", see `varied`; such a set is kept on the device. Images in a
        folder may differ in size if "resized<side>" is the first variant.
      data_dir: the folder of real sets; by default the environment's DIS_JAX_DATA_DIR.
      split: "all", or "train" or "test" if the set is published in halves or a variant
        splits it; ":train" or ":test" at the end of the name does the same.
      resident: whether images are kept on the device; otherwise they are read when they
        are needed (see `stream`). By default they are kept if they fit in its memory; your
        own files, `coil100_augmented` and `nar` are always kept.

    Returns:
      The image set.

    Raises:
      ValueError: if there is no such set or split; the message lists those that exist. If
        the name ends in another split than `split`, or in two. If `resident` is False for a
        set that is always kept. If user code is not permitted, fails, or returns no
        `ImageSet`.
      FileNotFoundError: if a file is missing; the message says where to put it.

    Example:
      >>> sprites = load("rendered_dsprites")
      >>> sprites.num_images, sprites.sizes
      (737280, (3, 6, 40, 32, 32))
    """
    if name.endswith((":train", ":test")):
        whole, (name, _, named) = name, name.rpartition(":")
        if name.endswith((":train", ":test")):
            raise ValueError(f"{whole!r} names two splits; expected one.")
        if split not in ("all", named):
            raise ValueError(
                f"{whole!r} names a split, and split is {split!r}; give one."
            )
        split = named
    return _load(name, data_dir, split, resident=resident)


def _load(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    split: str,
    *,
    resident: bool | None,
) -> ImageSet:
    base, variants = split_variants(name)
    _check_ending(name, base)
    if is_path(base):
        if not has_sides(variants):
            _check_split(base, split, ("all",))
        _check_held(base, resident)
        side = side_of(variants[0]) if variants else None
        image_set = from_path(base, side=side)
        return _with_words(image_set, variants[1:] if side else variants, split)
    if variants:
        held = True if resident is None else resident
        # a set that its variants split is read whole
        of_base = "all" if has_sides(variants) else split
        image_set = _load(base, data_dir, of_base, resident=held)
        return _with_words(image_set, variants, split)
    if own_code.is_own(name):
        image_set = own_set(name, data_dir, split)
        if image_set.read is None:
            _check_held(name, resident)
        return image_set
    if name not in NAMES:
        if pathlib.Path(name).is_file():
            return from_path(name)  # raises: a kind of file that it does not read
        there = name and pathlib.Path(name).is_dir()
        words = f" For the folder {name} write ./{name}" if there else ""
        raise ValueError(f"unknown data set {name!r}; {suggest(name, NAMES)}{words}")
    _check_split(name, split, _FOLDERS[name][1] if name in _FOLDERS else ("all",))
    if name in _RENDERED:
        return _RENDERED[name]()
    folder = _data_dir(name, data_dir)
    if name in _DRAWN_FROM_FILES:
        _check_held(name, resident)
    with _offered(name):
        return with_kinds(_from_folder(name, folder, split, resident), name)


def _with_words(image_set: ImageSet, variants: tuple[str, ...], split: str) -> ImageSet:
    for variant in variants:
        image_set = one_side(image_set, variant, split)
    return image_set


def name_and_split(words: str) -> tuple[str, str]:
    """Separates the name of a set from its split: "mnist:test" gives "mnist" and "test".

    Args:
      words: a name for `load`, with or without a colon and a split.

    Returns:
      The name, and the split, "all" if none is given.

    Example:
      >>> name_and_split("mnist+resized32:test"), name_and_split("my_module:my_set")
      (('mnist+resized32', 'test'), ('my_module:my_set', 'all'))
    """
    name, _, split = words.partition(":")
    # "mnst:test" is a misspelt name, not an attribute `test` of a module
    own = split_variants(name)[0] not in NAMES and not is_path(name)
    if own and split not in ("", *_SPLITS):
        attribute, _, split = split.partition(":")
        name = f"{name}:{attribute}"
    return name, split or "all"


def _from_folder(
    name: str, folder: pathlib.Path, split: str, resident: bool | None
) -> ImageSet:
    if name in _DRAWN_FROM_FILES:
        return _DRAWN_FROM_FILES[name](folder)
    if resident is not True and real_sets.is_prepared(name, folder):
        on_disk = real_sets.on_disk(name, folder, split)
        if resident is False or not fits(on_disk):
            return on_disk
    arrays = _FOLDERS[name][0](folder, split)
    if resident is not True:
        on_host = _from_host(name, arrays)
        if resident is False or not fits(on_host):
            return on_host
    return from_arrays(
        arrays.images,
        arrays.factors,
        name=name,
        factor_names=arrays.factor_names,
        sizes=arrays.sizes,
    )


def fits(image_set: ImageSet) -> bool:
    """Whether a set's images, as bytes, fit on the default device next to a model.

    Args:
      image_set: the set.

    Returns:
      Whether they take at most half of the device's memory; for a CPU, of the host's.
    """
    stats = jax.local_devices()[0].memory_stats()
    memory = (stats or {}).get("bytes_limit")
    if memory is None:
        memory = host_memory()
    size = image_set.num_images * int(np.prod(image_set.image_shape))
    return size <= SHARE_FOR_DATA * memory


def _check_ending(name: str, base: str) -> None:
    """Refuses an ending of a name that is neither one of `VARIANTS` nor a split."""
    if pathlib.Path(base).exists():  # the name of a folder may contain the sign
        return
    whole, colon, split = name.rpartition(":")
    if colon and split_variants(whole)[0] in NAMES:
        raise ValueError(f"{whole!r} has no split {split!r}; expected train or test.")
    known, plus, words = base.partition("+")
    named = known in NAMES or own_code.is_own(known) or is_path(known)
    if plus and named and "/" not in words:
        # the variants after it are known, and are not part of `base`
        word = next(w for w in words.split("+") if not split_variants(f"+{w}")[1])
        raise ValueError(
            f"unknown suffix {word!r} after {known}+; {suggest(word, VARIANTS)}"
        )


def _check_split(name: str, split: str, splits: tuple[str, ...]) -> None:
    if split not in splits:
        raise ValueError(
            f"{name!r} has no split {split!r}; it has {', '.join(splits)}."
        )


def _check_held(name: str, resident: bool | None) -> None:
    if resident is False:
        raise ValueError(
            f"resident is False (--noresident), but {name!r} is always kept on the device; "
            "`from_source` streams your own images."
        )


@contextlib.contextmanager
def _offered(name: str) -> Iterator[None]:
    """Adds the web page of a set to errors about its files."""
    where = f"{name!r} is available at {OFFERED[_folder_of(name)]}"
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error} {where}") from error
    except ValueError as error:
        raise ValueError(f"{error} {where}") from error


def _from_host(name: str, arrays: LabelledImages) -> ImageSet:
    """A set that stays in the host's memory."""
    images = checked_images(arrays.images, name)
    binary = images.dtype == np.bool_
    read = lambda index: images[index] * np.uint8(255) if binary else images[index]
    return from_source(
        read,
        arrays.factors,
        name=name,
        factor_names=arrays.factor_names,
        sizes=arrays.sizes,
        image_shape=images.shape[1:],
    )


def _data_dir(name: str, data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    found = os.environ.get(DATA_DIR_VARIABLE) if data_dir is None else data_dir
    if not found:
        raise FileNotFoundError(
            f"{name!r} is read from files: pass data_dir, or set {DATA_DIR_VARIABLE}, to "
            f"the folder that contains {_folder_of(name)}/. {name!r} is available at "
            f"{OFFERED[_folder_of(name)]}. Sets that need no files: "
            f"{', '.join(_RENDERED)}."
        )
    folder = pathlib.Path(found)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder} (data_dir or {DATA_DIR_VARIABLE}); expected one that "
            f"contains {_folder_of(name)}/. {name!r} is available at "
            f"{OFFERED[_folder_of(name)]}. Sets that need no files: "
            f"{', '.join(_RENDERED)}."
        )
    return folder


def _folder_of(name: str) -> str:
    """The folder of a set; smallnorb_96 and coil100_augmented use that of the base set."""
    return name.removesuffix("_96").removesuffix("_augmented")
