"""The precision of what networks return."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def widened(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Half precision as float32, in which losses are computed; other floats unchanged.

    Args:
      x: any shape.

    Returns:
      The same numbers.

    Example:
      >>> import jax.numpy as jnp
      >>> widened(jnp.ones(2, jnp.bfloat16)).dtype
      dtype('float32')
    """
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
