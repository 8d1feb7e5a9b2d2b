"""Image sets from the user's own code, named as `my_module:my_set`."""

from __future__ import annotations

import inspect
import os

from dis_jax import own_code
from dis_jax.data.image_set import ImageSet


def own_set(name: str, data_dir: str | os.PathLike[str] | None, split: str) -> ImageSet:
    """The image set that the user's own code names or returns.

    Args:
      name: `my_module:my_set`, an `ImageSet` or a function that returns one.
      data_dir: given to a function that takes it.
      split: given to a function that takes it; "all" to others.

    Returns:
      The set.

    Raises:
      ValueError: if the code is not permitted, fails, takes no split, or makes no set.
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
        except Exception as error:  # the user's: anything may be raised
            raise ValueError(
                f"the data set {name!r} fails: {own_code.origin(name, error)}"
            ) from error
    if not isinstance(made, ImageSet):
        raise ValueError(
            f"the data set {name!r} is a {type(made).__name__}; expected an "
            "`data.ImageSet`, as `data.from_arrays` makes one, or a function that returns "
            "one."
        )
    return made
