"""Precision of network outputs."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def widened(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Converts half precision to float32, in which losses are computed; keeps other floats.

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
