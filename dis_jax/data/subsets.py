"""Subsets by the values of factors, and splits for distribution shift."""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from dis_jax.data.image_set import ImageSet
from dis_jax.suggest import suggest

SPLITS = (
    "random",
    "composition",
    "interpolation",
    "extrapolation",
    "recombination_to_element",
    "recombination_to_range",
)
TEST_SHARE = 0.3  # of the grid, as closely as whole values allow
# The conditions of Montero et al. 2021, from their public code, as indices of our
# factors. "element" holds out one corner of all factors, "range" one shape with half of
# the values of another factor.
RECOMBINATIONS = {
    "dsprites": {
        "recombination_to_element": (
            *("shape=ellipse", "scale>=2", "orientation>=14", "orientation<=25"),
            *("pos_x>=21", "pos_y>=21"),
        ),
        "recombination_to_range": ("shape=square", "pos_x>=16"),
    },
    "shapes3d": {
        "recombination_to_element": (
            *("floor_hue>=8", "wall_hue>=8", "object_hue>=8", "scale>=5"),
            *("shape=cylinder", "orientation>=12"),
        ),
        "recombination_to_range": ("shape=capsule", "object_hue>=5"),
    },
    "mpi3d": {
        "recombination_to_element": (
            *("object_colour=5", "object_shape=2", "object_size=1", "camera_height=1"),
            *("background_colour=1", "horizontal_axis>=36", "vertical_axis>=36"),
        ),
        "recombination_to_range": ("object_shape=2", "horizontal_axis<20"),
    },
}
_COMPARE: dict[str, Callable[..., np.ndarray]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITION = re.compile(r"\s*(\w+)\s*(==|!=|<=|>=|=|<|>)\s*([\w.-]+)\s*")


def subset(
    image_set: ImageSet, keep: Bool[np.ndarray, " image"], name: str | None = None
) -> ImageSet:
    """The images of a set at which a mask is true, in the order of the set.

    A subset is not a full grid: metrics that set factors themselves (FactorVAE, beta-VAE)
    need the whole set.

    Args:
      image_set: a set whose images are on the device.
      keep: for each position, whether the subset contains its image.
      name: of the new set; by default "<name>+subset".

    Returns:
      The set. Factors keep their values and sizes.

    Raises:
      ValueError: if the mask has another length or keeps nothing, if images are
        streamed, or if the set draws its factors with weights.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> positions = np.arange(sprites.num_images)
      >>> hearts = data.subset(sprites, sprites.factors(positions)[:, 0] == 2)
      >>> hearts.num_images, hearts.factors(np.array([0]))[0, 0].item()
      (245760, 2)
    """
    keep = np.asarray(keep, bool)
    if keep.shape != (image_set.num_images,):
        raise ValueError(
            f"keep has shape {keep.shape}; expected ({image_set.num_images},)."
        )
    if not keep.any():
        raise ValueError(f"no image of {image_set.name!r} is kept.")
    if image_set.read is not None or image_set.draw_fn is not None:
        how = "is streamed" if image_set.read is not None else "draws with weights"
        raise ValueError(f"{image_set.name!r} {how}; take a part of the plain set.")
    kept = np.flatnonzero(keep)
    return dataclasses.replace(
        image_set,
        arrays={
            "whole": image_set.arrays,
            "kept": jnp.asarray(kept, jnp.int32),
            "factors": image_set.factors(jnp.asarray(kept)),
        },
        name=name or f"{image_set.name}+subset",
        num_images=len(kept),
        take_fn=_take_fn(image_set.take_fn),
        images_fn=None,
        masks_fn=_of_whole(image_set.masks_fn),
    )


def where(image_set: ImageSet, conditions: Sequence[str]) -> Bool[np.ndarray, " image"]:
    """A mask of the positions at which all conditions are true.

    Args:
      image_set: the set.
      conditions: such as "shape=heart" or "pos_x>16": a factor, one of = != < <= > >=,
        and a value's index or its name in `ImageSet.value_names`.

    Returns:
      One value per position.

    Raises:
      ValueError: if a condition cannot be parsed, or the set has no such factor or value.

    Example:
      >>> from dis_jax.data.subsets import where
      >>> sprites = data.load("rendered_dsprites")
      >>> where(sprites, ["shape=heart", "scale<3"]).mean().item()
      0.16666666666666666
    """
    if not conditions:
        raise ValueError("no condition given; expected e.g. shape=heart,pos_x>16.")
    factors = np.asarray(image_set.factors(jnp.arange(image_set.num_images)))
    found = [_holds(image_set, factors, condition) for condition in conditions]
    return functools.reduce(operator.and_, found)


def is_test(image_set: ImageSet, mode: str) -> Bool[np.ndarray, " image"]:
    """A mask of the positions on the test side of a split of a grid.

    The test side is about 30 % of the grid, more if factors have few values, as in Schott
    et al. 2022, whose published index lists differ. The splits use factors with three or
    more values that are not categories:

    - "random": randomly drawn cells, always the same.
    - "extrapolation": some factor is at the upper end of its values.
    - "interpolation": some factor has a held-out value inside its range.
    - "composition": two or more factors are in their upper part; every value of every
      factor occurs in training.
    - "recombination_to_element", "recombination_to_range": the conditions of Montero et
      al. 2021, for dSprites, Shapes3D and MPI3D; far fewer cells.

    Args:
      image_set: a full grid.
      mode: one of `SPLITS`.

    Returns:
      One value per position.

    Raises:
      ValueError: if there is no such split of this set.

    Example:
      >>> from dis_jax.data.subsets import is_test
      >>> sprites = data.load("rendered_dsprites")
      >>> round(is_test(sprites, "extrapolation").mean().item(), 2)
      0.37
    """
    if mode not in SPLITS:
        raise ValueError(f"split is {mode!r}; {suggest(mode, SPLITS)}")
    if not image_set.is_grid:
        raise ValueError(
            f"{image_set.name!r} is not a full grid; it has no such split."
        )
    if mode.startswith("recombination"):
        known = RECOMBINATIONS.get(image_set.base_name, {})
        if mode not in known:
            raise ValueError(
                f"{mode} is defined for {', '.join(RECOMBINATIONS)}, not for "
                f"{image_set.name!r}; write +without(...) with conditions of your own."
            )
        return where(image_set, known[mode])
    cells = image_set.num_images
    if mode == "random":
        order = np.random.default_rng(0).permutation(cells)
        return order < round(TEST_SHARE * cells)
    factors = np.asarray(image_set.factors(jnp.arange(cells)))
    columns = _ordered_columns(image_set)
    if mode == "composition" and len(columns) < 2:
        raise ValueError(f"{image_set.name!r} has fewer than two ordered factors.")
    sizes = [image_set.sizes[column] for column in columns]
    if mode == "composition":
        share = _share_of_two(len(columns))
        marks = [_upper(size, max(1, round(share * size))) for size in sizes]
    else:
        # A training cell has no marked value: its share is Π_k (1 - marked_k / size_k).
        share = 1 - (1 - TEST_SHARE) ** (1 / len(columns))
        mark = _upper if mode == "extrapolation" else _inner
        marks = [mark(size, max(1, round(share * size))) for size in sizes]
    marked = sum(
        mark[factors[:, column]].astype(int)
        for mark, column in zip(marks, columns, strict=True)
    )
    return np.asarray(marked >= (2 if mode == "composition" else 1))


def _holds(
    image_set: ImageSet, factors: Int[np.ndarray, "image factor"], condition: str
) -> Bool[np.ndarray, " image"]:
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise ValueError(
            f"{condition!r} is not a condition; expected e.g. shape=heart or pos_x>16."
        )
    factor, sign, value = match.groups()
    names = image_set.factor_names
    if factor not in names:
        raise ValueError(
            f"{image_set.name!r} has no factor {factor!r}; {suggest(factor, names)}"
        )
    column = names.index(factor)
    size = image_set.sizes[column]
    named = image_set.names_of(factor)
    if value in named:
        number = named.index(value)
    elif value.isdigit() and int(value) < size:
        number = int(value)
    else:
        words = f" or {', '.join(named)}" if named else ""
        raise ValueError(
            f"{factor!r} has no value {value!r}; expected 0 to {size - 1}{words}."
        )
    return _COMPARE[sign](factors[:, column], number)


def _ordered_columns(image_set: ImageSet) -> list[int]:
    """Non-categorical factors with three or more values; circular ones start at 0."""
    kinds = image_set.kinds or ("ordered",) * len(image_set.sizes)
    found = [
        column
        for column, (kind, size) in enumerate(zip(kinds, image_set.sizes, strict=True))
        if kind != "categorical" and size > 2
    ]
    if not found:
        raise ValueError(f"{image_set.name!r} has no factor of three ordered values.")
    return found


def _upper(size: int, count: int) -> Bool[np.ndarray, " value"]:
    return np.arange(size) >= size - min(count, size - 1)


def _inner(size: int, count: int) -> Bool[np.ndarray, " value"]:
    """Evenly spaced values without the ends, each between two unmarked values."""
    count = min(count, (size - 1) // 2)
    places = np.round(np.linspace(0, size - 1, count + 2)[1:-1]).astype(int)
    return np.isin(np.arange(size), places)


def _share_of_two(factors: int) -> float:
    """Share of marked values per factor such that 30 % of cells have two or more."""
    shares = np.linspace(0, 1, 1001)
    fewer = (1 - shares) ** factors + factors * shares * (1 - shares) ** (factors - 1)
    return float(shares[np.abs(1 - fewer - TEST_SHARE).argmin()])


# Cached, because a set's functions are part of compiled programs.
@functools.cache
def _take_fn(take: Callable[..., tuple[Array, Array]]) -> Callable[..., tuple]:
    return lambda arrays, index: take(arrays["whole"], arrays["kept"][index])


@functools.cache
def _of_whole(masks: Callable[..., Array] | None) -> Callable[..., Array] | None:
    if masks is None:
        return None
    return lambda arrays, factors: masks(arrays["whole"], factors)
