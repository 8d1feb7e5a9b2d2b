"""Image sets from the user's own code, named as `my_module:my_set`."""

from __future__ import annotations

import inspect
import os
from typing import Any

import jax
import jax.numpy as jnp

from dis_jax import own_code
from dis_jax.data.image_set import ImageSet

_TOLERANCE = 1e-3  # largest rounding error of an image in [0, 1]


def own_set(name: str, data_dir: str | os.PathLike[str] | None, split: str) -> ImageSet:
    """The image set that the user's own code names or returns.

    Args:
      name: `my_module:my_set`, an `ImageSet` or a function that returns one.
      data_dir: passed to a function with this argument.
      split: passed to a function with this argument; must be "all" otherwise.

    Returns:
      The set.

    Raises:
      ValueError: if the code is not permitted, fails, takes no split, or returns no set. If
        the images at the first and the last position are not floats in [0, 1], or these
        images or their factors do not have the shapes that the set declares.
    """
    made = own_code.resolve(name, "the data set")
    taken = inspect.signature(made).parameters if callable(made) else {}
    if split != "all" and "split" not in taken:
        raise ValueError(
            f"{name!r} has no split {split!r}; a function `def my_set(split)` has some."
        )
    if callable(made):
        offered = {"data_dir": data_dir, "split": split}
        try:
            made = made(**{k: v for k, v in offered.items() if k in taken})
        except Exception as error:  # user code may raise anything
            raise ValueError(
                f"the data set {name!r} fails: {own_code.origin(name, error)}"
            ) from error
    if not isinstance(made, ImageSet):
        raise ValueError(
            f"the data set {name!r} is a {type(made).__name__}; expected a "
            "`data.ImageSet`, as `data.from_arrays` makes one, or a function that returns "
            "one."
        )
    _check_ends(name, made)
    return made


def _check_ends(name: str, made: ImageSet) -> None:
    """Checks the first and the last image of a set, and their factors."""
    ends = jnp.array([0, made.num_images - 1])
    take = ImageSet.take if made.read is not None else jax.jit(ImageSet.take)
    try:
        images, factors = take(made, ends)
    except Exception as error:  # user code may raise anything
        raise ValueError(
            f"the data set {name!r} fails in take({ends.tolist()}): "
            f"{own_code.origin(name, error)}"
        ) from error
    for what, found, shape in (
        ("images", images, made.image_shape),
        ("factors", factors, (len(made.factor_names),)),
    ):
        if found.shape != (2, *shape):
            raise ValueError(
                f"the data set {name!r} has {what} of shape {found.shape} at positions "
                f"{ends.tolist()}; expected {(2, *shape)}."
            )
    _check_values(name, images)


def _check_values(name: str, images: Any) -> None:
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"the data set {name!r} has images of type {images.dtype}; expected floats in "
            "[0, 1]."
        )
    low, high = float(images.min()), float(images.max())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # false for nan
        raise ValueError(
            f"the data set {name!r} has images between {low:.4g} and {high:.4g}; expected "
            "[0, 1]."
        )
