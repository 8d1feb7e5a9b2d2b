"""The range of images: floats in [0, 1] or booleans, not integers."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import ArrayLike


def refuse_integers(name: str, images: ArrayLike) -> None:
    """Checks that images are not integers: bytes would count as 0 to 255.

    Args:
      name: of the argument.
      images: of any shape; booleans are 0 and 1.

    Raises:
      ValueError: if they are integers.

    Example:
      >>> import numpy as np
      >>> from dis_jax.pixels import refuse_integers
      >>> refuse_integers("images", np.zeros((1, 8, 8, 1), np.uint8))
      Traceback (most recent call last):
      ...
      ValueError: `images` are uint8; expected floats in [0, 1] (bytes / 255) or booleans.
    """
    kind = jnp.result_type(images)
    if jnp.issubdtype(kind, jnp.integer):
        raise ValueError(
            f"`{name}` are {kind}; expected floats in [0, 1] (bytes / 255) or booleans."
        )
