"""The range of images: numbers in [0, 1], not bytes."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import ArrayLike


def refuse_bytes(name: str, images: ArrayLike) -> None:
    """Checks that images are not bytes, which would count as numbers from 0 to 255.

    Args:
      name: of the argument.
      images: of any shape; booleans are 0 and 1.

    Raises:
      ValueError: if they are uint8.

    Example:
      >>> import numpy as np
      >>> from dis_jax.pixels import refuse_bytes
      >>> refuse_bytes("images", np.zeros((1, 8, 8, 1), np.uint8))
      Traceback (most recent call last):
      ...
      ValueError: `images` are bytes (uint8); expected numbers in [0, 1]: divide by 255.
    """
    if jnp.result_type(images) == jnp.uint8:
        raise ValueError(
            f"`{name}` are bytes (uint8); expected numbers in [0, 1]: divide by 255."
        )
