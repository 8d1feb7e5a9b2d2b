"""Networks that score: discriminators."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


class Discriminator(nn.Module):
    """Kim & Mnih 2018, appendix: tells joint from permuted latents; dense, leaky.

    Attributes:
      widths: of the hidden layers.
      outputs: number of logits.
      slope: of the leaky rectifier below zero.
      dtype: of the computation; parameters and the result are float32.
    """

    widths: tuple[int, ...] = (1000,) * 6
    outputs: int = 2
    slope: float = 0.2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "batch in"]) -> Float[Array, "batch out"]:
        for width in self.widths:
            x = nn.Dense(width, dtype=self.dtype)(x)
            x = nn.leaky_relu(x, self.slope)
        return nn.Dense(self.outputs, dtype=self.dtype)(x).astype(jnp.float32)
