"""Image sets: pure functions from indices or factors to images."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Key

Arrays = dict[str, Any]
Kind = str | tuple[str, float]  # ("circular", period)
Batch = dict[str, Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A set of images and their factors, as pure functions on the device.

    The set is a pytree: its arrays are leaves, so that it is passed to a compiled
    function as an argument and never baked into the program as a constant.

    Attributes:
      arrays: inputs of `take_fn` and `images_fn`: resident images, outlines of shapes.
      name: the name of the set, as in `data.load`.
      factor_names: a name for each factor of variation.
      sizes: the number of values of each factor.
      image_shape: (height, width, channels).
      num_images: how many images there are.
      take_fn: `(arrays, index) -> (images, factors)`.
      images_fn: `(arrays, factors) -> images`, or None if the set is not a full grid of
        its factors.
      read: positions -> bytes, in NumPy, for images that are read from the host; None
        for images on the device.
      masks_fn: `(arrays, factors) -> masks` of the regions in an image; None if the masks
        are not known.
      regions: for each mask its name, and the factors that change its content and can
        leave all other masks unchanged.
      draw_fn: `(arrays, key, count) -> factors` for a set with weighted combinations of
        factors, see `weighted`; None if all images have the same probability.
      redraw_fn: `(arrays, key, factors, changed, must_differ) -> factors` of a weighted
        set: redraws the factors in the mask `changed`, given the others.
      kinds: the kind of each factor, or empty if not declared: "categorical", "ordered",
        "continuous" or ("circular", period), the period in steps of the factor.
      value_names: for each factor the names of its values, or () if they are numbers;
        empty if no factor has names.
    """

    arrays: Arrays
    name: str = dataclasses.field(metadata={"static": True})
    factor_names: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    sizes: tuple[int, ...] = dataclasses.field(metadata={"static": True})
    image_shape: tuple[int, int, int] = dataclasses.field(metadata={"static": True})
    num_images: int = dataclasses.field(metadata={"static": True})
    take_fn: Callable[..., Any] = dataclasses.field(metadata={"static": True})
    images_fn: Callable[..., Any] | None = dataclasses.field(
        default=None, metadata={"static": True}
    )
    read: Callable[..., Any] | None = dataclasses.field(
        default=None, metadata={"static": True}
    )
    masks_fn: Callable[..., Any] | None = dataclasses.field(
        default=None, metadata={"static": True}
    )
    regions: tuple[tuple[str, tuple[str, ...]], ...] = dataclasses.field(
        default=(), metadata={"static": True}
    )
    draw_fn: Callable[..., Any] | None = dataclasses.field(
        default=None, metadata={"static": True}
    )
    redraw_fn: Callable[..., Any] | None = dataclasses.field(
        default=None, metadata={"static": True}
    )
    kinds: tuple[Kind, ...] = dataclasses.field(default=(), metadata={"static": True})
    value_names: tuple[tuple[str, ...], ...] = dataclasses.field(
        default=(), metadata={"static": True}
    )

    @property
    def is_grid(self) -> bool:
        """Whether every combination of factors has its image, in C order."""
        return self.images_fn is not None

    @property
    def base_name(self) -> str:
        """The name without its suffixes, the same for a real set and its rendering."""
        return self.name.split("+")[0].removeprefix("rendered_")

    def names_of(self, factor: str) -> tuple[str, ...]:
        """The names of a factor's values; empty if they are numbers."""
        names = dict(zip(self.factor_names, self.value_names, strict=False))
        return names.get(factor, ())

    def take(
        self, index: Int[Array, " batch"]
    ) -> tuple[Float[Array, "batch height width channels"], Int[Array, "batch factor"]]:
        """Images in [0, 1] and their factors (unknown = -1) at positions `index`.

        Raises:
          ValueError: if a position is not from 0 to `num_images` - 1. Traced positions are
            not checked: inside `jax.jit` the nearest image is taken.
        """
        _check_inside(index, self.num_images, f"positions in {self.name!r}")
        return self.take_fn(self.arrays, jnp.asarray(index))

    def images(
        self, factors: Int[Array, "batch factor"]
    ) -> Float[Array, "batch height width channels"]:
        """The image in [0, 1] of each row of factors.

        Raises:
          ValueError: if the set is not a full grid of its factors, or draws them with
            weights. If a value is not from 0 to its factor's size - 1; traced values are
            not checked.
        """
        if self.draw_fn is not None:
            raise ValueError(
                f"{self.name!r} samples its factors jointly with weights, so single "
                "factors cannot be set; use the set without its +correlated or similar "
                "suffix."
            )
        if self.images_fn is None:
            raise ValueError(
                f"{self.name!r} is not a full grid of its factors: not every "
                "combination of them has an image; use `take(index)`."
            )
        _check_inside(factors, self.sizes, f"factors of {self.name!r}")
        return self.images_fn(self.arrays, jnp.asarray(factors))

    def masks(
        self, factors: Int[Array, "batch factor"]
    ) -> Bool[Array, "batch region height width"]:
        """Which pixels show each of `regions`, in the image of each row of factors.

        Raises:
          ValueError: if the set has no masks.
        """
        if self.masks_fn is None:
            raise ValueError(
                f"{self.name!r} has no masks; rendered sets have. For other images, "
                "read masks from a file or segment the images."
            )
        return self.masks_fn(self.arrays, jnp.asarray(factors))

    def factors(self, index: Int[Array, " batch"]) -> Int[Array, "batch factor"]:
        """The factors at positions `index` (unknown = -1), without computing images."""
        index = jnp.asarray(index)
        if "factors" in self.arrays:
            return self.arrays["factors"][index]
        if self.is_grid or self.draw_fn is not None:
            return factors_of_index(index, self.sizes)
        return jnp.zeros((*index.shape, 0), jnp.int32)

    def draw(self, key: Key[Array, ""], count: int) -> Int[Array, " batch"]:
        """Positions of images drawn at random, with replacement."""
        if self.draw_fn is None:
            return jax.random.randint(key, (count,), 0, self.num_images)
        return self.position(self.draw_fn(self.arrays, key, count))

    def choose(self, rng: np.random.Generator, count: int) -> Int[np.ndarray, " batch"]:
        """Random positions without replacement; with replacement if images have weights."""
        if self.draw_fn is None:
            return rng.choice(self.num_images, count, replace=False)
        return np.asarray(self.draw(jax.random.key(rng.integers(2**31)), count))

    def position(self, factors: Int[Array, "batch factor"]) -> Int[Array, " batch"]:
        """The position in a full grid of the image of each row of factors."""
        cell = index_of_factors(factors, self.sizes)
        return self.arrays["position"][cell] if "position" in self.arrays else cell


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Pick:
    """Placeholder in a batch's plan for the images at positions `index`."""

    index: Int[Array, " batch"]


@functools.cache  # one set per name: its functions are part of compiled programs
def rendered_grid(
    name: str,
    factor_names: tuple[str, ...],
    sizes: tuple[int, ...],
    image_shape: tuple[int, int, int],
    draw: Callable[[Array], Array],
    draw_masks: Callable[[Array], Array] | None = None,
    regions: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> ImageSet:
    """The full grid of images that a function renders from their factors.

    Args:
      name: of the set.
      factor_names: a name for each factor.
      sizes: the number of values of each factor.
      image_shape: (height, width, channels).
      draw: factors (batch, factor) -> images in [0, 1].
      draw_masks: factors (batch, factor) -> masks (batch, region, height, width), or None
        if the set has no masks.
      regions: as in `ImageSet`.

    Returns:
      The set; it has no arrays.

    Example:
      >>> draw = lambda factors: jnp.zeros((len(factors), 8, 8, 1))
      >>> masks = lambda factors: jnp.ones((len(factors), 1, 8, 8), bool)
      >>> regions = (("background", ()),)
      >>> rendered_grid("blank", ("a",), (3,), (8, 8, 1), draw, masks, regions).num_images
      3
    """

    def images(arrays: Arrays, factors: Array) -> Array:
        del arrays
        return draw(factors)

    def take(arrays: Arrays, index: Array) -> tuple[Array, Array]:
        factors = factors_of_index(index, sizes)
        return images(arrays, factors), factors

    masks = None
    if draw_masks is not None:
        masks = lambda arrays, factors: draw_masks(factors)

    return ImageSet(
        arrays={},
        name=name,
        factor_names=factor_names,
        sizes=sizes,
        image_shape=image_shape,
        num_images=math.prod(sizes),
        take_fn=take,
        images_fn=images,
        masks_fn=masks,
        regions=regions,
    )


def factors_of_index(
    index: Int[Array, " batch"], sizes: tuple[int, ...]
) -> Int[Array, "batch factor"]:
    """Factors of positions in a full grid, the last factor varying fastest.

    Args:
      index: positions.
      sizes: the number of values of each factor.

    Returns:
      The factors at each position.

    Example:
      >>> factors_of_index(jnp.array([0, 5]), (2, 3)).tolist()
      [[0, 0], [1, 2]]
    """
    return _factors_of_index(index, tuple(sizes))


def index_of_factors(
    factors: Int[Array, "batch factor"], sizes: tuple[int, ...]
) -> Int[Array, " batch"]:
    """Positions of rows of factors in a full grid; the inverse of `factors_of_index`.

    Args:
      factors: rows of factors.
      sizes: the number of values of each factor.

    Returns:
      Positions in [0, product of sizes).

    Example:
      >>> index_of_factors(jnp.array([[0, 0], [1, 2]]), (2, 3)).tolist()
      [0, 5]
    """
    return _index_of_factors(factors, tuple(sizes))


# Compiled as one program each: otherwise, every operation outside `jax.jit` compiles alone.
@functools.partial(jax.jit, static_argnums=1)
def _factors_of_index(index: Array, sizes: tuple[int, ...]) -> Array:
    return jnp.stack(jnp.unravel_index(index, sizes), axis=-1).astype(jnp.int32)


@functools.partial(jax.jit, static_argnums=1)
def _index_of_factors(factors: Array, sizes: tuple[int, ...]) -> Array:
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    return factors @ jnp.asarray(strides, jnp.int32)


def _check_inside(values: ArrayLike, sizes: int | Sequence[int], what: str) -> None:
    """Checks that all values are integers from 0 to below the size (of each column)."""
    if isinstance(values, jax.core.Tracer):
        return
    found = np.asarray(values)
    if np.ndim(sizes) and found.shape[-1:] != np.shape(sizes):
        return  # the set itself reports a wrong number of columns
    if found.size and (
        found.dtype.kind not in "iu"
        or (found < 0).any()
        or (found >= np.array(sizes)).any()
    ):
        raise ValueError(
            f"{what} are {found}; expected integers from 0 to below {sizes}."
        )
