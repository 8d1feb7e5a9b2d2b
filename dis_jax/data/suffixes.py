"""Variants of image sets, named after a "+": other pixels, other weights, or a subset."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Sequence

import jax
from jaxtyping import Array, Int

from dis_jax.data.correlated import correlated, read_ridges
from dis_jax.data.image_set import ImageSet, factors_of_index, index_of_factors
from dis_jax.data.subsets import is_test, subset, where
from dis_jax.data.transforms import (
    SPRITE_COLOURS,
    coloured,
    grey,
    noisy,
    tinted,
    tinted_on_noise,
    viridis,
)
from dis_jax.data.warps import resized

VARIANTS = (
    "coloured",
    "grey",
    "noisy",
    "tinted",
    "tinted_on_noise",
    "viridis",
    "resized<side>",
    "correlated(factor,factor,width)",
    "anticorrelated(factor,factor,width)",
    "confounded(factor,width)",
    "without(condition,...)",
    "only(condition,...)",
    "split(mode)",
)

_RESIZED = re.compile(r"resized([1-9]\d*)")
_CALL = re.compile(r"(correlated|anticorrelated|confounded|without|only|split)\((.*)\)")
_PARTS = ("without", "only", "split")
_WITH_COLOUR = ("tinted", "tinted_on_noise")


def split_variants(name: str) -> tuple[str, tuple[str, ...]]:
    """The name of a set, and its variants: "mnist+resized32" -> mnist, resized32.

    Args:
      name: a name for `load`.

    Returns:
      The name without the variants at its end, and these variants.

    Example:
      >>> split_variants("rendered_dsprites+coloured")
      ('rendered_dsprites', ('coloured',))
    """
    # a "+" inside parentheses belongs to an argument
    base, *words = re.split(r"\+(?![^()]*\))", name)
    kept = len(words)
    while kept and _is_variant(words[kept - 1]):
        kept -= 1
    return "+".join([base, *words[:kept]]), tuple(words[kept:])


def varied(image_set: ImageSet, variant: str) -> ImageSet:
    """A variant of a set, by the name of the variant.

    "coloured" has three channels, "grey" one, "resized<side>" another size; "noisy" is
    `noisy`, "viridis" is `viridis`; "tinted" and "tinted_on_noise" have one more factor,
    the first: `colour`, one of `SPRITE_COLOURS`. The noise of an image is the same whenever
    the image is drawn, and differs between images.

    "correlated(floor_hue,wall_hue,.1)" draws pairs of factors near a diagonal: see
    `correlated`; its arguments may name several pairs, or a setting of `CORRELATIONS` and a
    width. "anticorrelated" draws pairs near the other diagonal; "confounded(shape,.2)"
    correlates one factor with all others. "without(shape=heart,pos_x>16)" removes the
    images for which all conditions are true, "only" keeps only these images, and
    "split(composition)" is one of `SPLITS`: here its training side.

    Args:
      image_set: a set whose images are on the device.
      variant: one of `VARIANTS`.

    Returns:
      The set, called "<name>+<variant>".

    Raises:
      ValueError: if the variant is not known, if images are streamed, or if a set to be
        tinted is not a grid of grey images.

    Example:
      >>> sprites = data.varied(data.load("rendered_dsprites"), "tinted")
      >>> sprites.name, sprites.sizes, sprites.image_shape
      ('rendered_dsprites+tinted', (7, 3, 6, 40, 32, 32), (64, 64, 3))
    """
    if not _is_variant(variant):
        raise ValueError(f"variant is {variant!r}; expected one of {VARIANTS}.")
    if image_set.read is not None:
        raise ValueError(
            f"{image_set.name!r} is streamed, but {variant!r} changes images on the "
            "device; keep it there: resident=True, --resident."
        )
    if call := _CALL.fullmatch(variant):
        if call[1] in _PARTS:
            return one_side(image_set, variant, "train")
        words = [word.strip() for word in call[2].split(",") if word.strip()]
        ridges = read_ridges(image_set, call[1], words)
        return correlated(image_set, ridges, f"{image_set.name}+{variant}")
    if variant in _WITH_COLOUR:
        return _with_colour(image_set, variant)
    take, images = _functions(
        *(image_set.take_fn, image_set.images_fn, image_set.sizes, variant),
        _noises(image_set.name),
    )
    return dataclasses.replace(
        image_set,
        name=f"{image_set.name}+{variant}",
        image_shape=_shape(image_set.image_shape, variant),
        take_fn=take,
        images_fn=images,
        # masks are of the original size
        masks_fn=None if side_of(variant) else image_set.masks_fn,
        regions=() if side_of(variant) else image_set.regions,
    )


def has_sides(variants: Sequence[str]) -> bool:
    """Whether a variant splits a set into a training side and a test side."""
    calls = [_CALL.fullmatch(word) for word in variants]
    return any(call is not None and call[1] in _PARTS for call in calls)


def one_side(image_set: ImageSet, variant: str, split: str) -> ImageSet:
    """One side of a variant of a set: see `varied`.

    Args:
      image_set: the set.
      variant: one of `VARIANTS`.
      split: "train", "test" or "all"; for "without" and "only", "train" and "all" are both
        the images that are kept.

    Returns:
      The set.

    Raises:
      ValueError: if the variant is not known or does not fit; if `split` is "all" for a
        variant "split(...)".

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> [one_side(sprites, "only(shape=heart)", s).num_images for s in ("train", "test")]
      [245760, 491520]
    """
    call = _CALL.fullmatch(variant)
    if call is None or call[1] not in _PARTS:
        return varied(image_set, variant)
    kind, inside = call.groups()
    words = [word.strip() for word in inside.split(",") if word.strip()]
    if kind == "split":
        test = is_test(image_set, inside.strip())
        if split == "all":
            raise ValueError(
                f"{variant} has two sides; write {image_set.name}+{variant}:train or "
                ":test, or split=."
            )
    else:
        holds = where(image_set, words)
        test = holds if kind == "without" else ~holds
    return subset(
        image_set, test if split == "test" else ~test, f"{image_set.name}+{variant}"
    )


def side_of(variant: str) -> int | None:
    """The height and width in "resized<side>"; None for any other variant."""
    size = _RESIZED.fullmatch(variant)
    return int(size[1]) if size else None


def _is_variant(word: str) -> bool:
    plain = word in VARIANTS and word.isidentifier()
    return plain or side_of(word) is not None or _CALL.fullmatch(word) is not None


def _noises(name: str) -> int:
    """Number of noises that a set already has; it seeds the next one differently."""
    return sum(word in ("noisy", "tinted_on_noise") for word in name.split("+"))


def _shape(shape: tuple[int, int, int], variant: str) -> tuple[int, int, int]:
    if side := side_of(variant):
        return side, side, shape[2]
    return *shape[:2], 1 if variant == "grey" else 3


# Cached, because a set's functions are part of compiled programs.
@functools.cache
def _functions(
    take_fn: Callable,
    images_fn: Callable | None,
    sizes: tuple[int, ...],
    variant: str,
    noises: int,
) -> tuple[Callable, Callable | None]:
    """`take_fn` and `images_fn` of the changed set."""
    change = _change(variant, noises)

    def take(arrays, index):
        images, factors = take_fn(arrays, index)
        return change(images, index), factors

    if images_fn is None:
        return take, None

    def images(arrays, factors):
        index = index_of_factors(factors, sizes)
        if "position" in arrays:
            index = arrays["position"][index]
        return change(images_fn(arrays, factors), index)

    return take, images


def _change(variant: str, noises: int) -> Callable[[Array, Array], Array]:
    """(images, their positions) -> changed images."""
    if side := side_of(variant):
        return lambda images, index: resized(images, side)
    if variant == "noisy":
        return lambda images, index: _each(noisy, noises, index, images)
    plain = {"coloured": coloured, "grey": grey, "viridis": viridis}[variant]
    return lambda images, index: plain(images)


def _with_colour(image_set: ImageSet, variant: str) -> ImageSet:
    if not image_set.is_grid or image_set.image_shape[2] != 1:
        raise ValueError(
            f"{image_set.name!r} has images {image_set.image_shape}, "
            f"{'a' if image_set.is_grid else 'no'} full grid; {variant!r} needs a grid of "
            "greyscale images, e.g. rendered_dsprites."
        )
    sizes = (len(SPRITE_COLOURS), *image_set.sizes)
    take, images, masks = _tinted_functions(
        *(image_set.images_fn, image_set.masks_fn, sizes, variant)
    )
    return ImageSet(
        arrays={"grey": image_set.arrays},
        name=f"{image_set.name}+{variant}",
        factor_names=("colour", *image_set.factor_names),
        kinds=image_set.kinds and ("categorical", *image_set.kinds),
        value_names=image_set.value_names and ((), *image_set.value_names),
        sizes=sizes,
        image_shape=_shape(image_set.image_shape, variant),
        num_images=math.prod(sizes),
        take_fn=take,
        images_fn=images,
        masks_fn=masks,
        regions=image_set.regions,
    )


@functools.cache
def _tinted_functions(
    grey_images: Callable,
    grey_masks: Callable | None,
    sizes: tuple[int, ...],
    variant: str,
) -> tuple[Callable, Callable, Callable | None]:
    def images(arrays, factors):
        plain, colour = grey_images(arrays["grey"], factors[:, 1:]), factors[:, 0]
        if variant == "tinted":
            return tinted(plain, colour)
        index = index_of_factors(factors, sizes)
        # 0: a grid of grey images has no noise yet.
        return _each(tinted_on_noise, 0, index, plain, colour)

    def take(arrays, index):
        factors = factors_of_index(index, sizes)
        return images(arrays, factors), factors

    if grey_masks is None:
        return take, images, None

    def masks(arrays, factors):
        return grey_masks(arrays["grey"], factors[:, 1:])

    return take, images, masks


def _each(
    change: Callable, noises: int, index: Int[Array, " batch"], *parts: Array
) -> Array:
    """Transforms every image with its own key, derived from its position."""

    def one(index, *own):
        key = jax.random.fold_in(jax.random.key(noises), index)
        return change(key, *(part[None] for part in own))[0]

    return jax.vmap(one)(index, *parts)
