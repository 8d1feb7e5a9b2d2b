"""A small image classifier, whose predictions and features evaluate other models."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.networks.precision import widened


class LeNet(nn.Module):
    """LeCun et al. 1998, with ReLUs: 20 and 50 filters of 5x5, 500 features.

    Attributes:
      classes: number of logits.
      dtype: of the computation; parameters are float32, results at least float32.
    """

    classes: int = 10
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, image: Float[Array, "batch height width channels"]
    ) -> tuple[Float[Array, "batch classes"], Float[Array, "batch features"]]:
        x = 2 * image - 1
        for width in (20, 50):
            x = nn.relu(nn.Conv(width, (5, 5), padding="VALID", dtype=self.dtype)(x))
            batch, height, across, _ = x.shape
            # 2x2 max pooling as a reshape and a maximum over two axes.
            x = x.reshape(batch, height // 2, 2, across // 2, 2, width).max(axis=(2, 4))
        x = nn.relu(nn.Dense(500, dtype=self.dtype)(x.reshape(len(x), -1)))
        logits = nn.Dense(self.classes, dtype=self.dtype)(x)
        return widened(logits), widened(x)
