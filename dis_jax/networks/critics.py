"""A discriminator of latents, and a classifier that probes codes."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.networks.precision import widened


class Discriminator(nn.Module):
    """Kim & Mnih 2018, appendix: dense layers that separate joint from permuted latents.

    Attributes:
      widths: of the hidden layers.
      outputs: number of logits.
      slope: of the leaky ReLU below zero.
      dtype: of the computation; parameters are float32, the result at least float32.
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
        return widened(nn.Dense(self.outputs, dtype=self.dtype)(x))


class CodeClassifier(nn.Module):
    """A probe of codes: dense layers with batch normalisation that predict a label.

    Attributes:
      classes: number of logits.
      widths: of the hidden layers.
      slope: of the leaky ReLU below zero.
      weight_std: initial weights are drawn from N(0, weight_std^2).
    """

    classes: int
    widths: tuple[int, ...] = (256, 256)
    slope: float = 0.2
    weight_std: float = 0.05

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch latent"], train: bool
    ) -> Float[Array, "batch classes"]:
        normal = nn.initializers.normal(self.weight_std)
        for width in self.widths:
            x = nn.Dense(width, kernel_init=normal)(x)
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
            x = nn.leaky_relu(x, self.slope)
        return nn.Dense(self.classes, kernel_init=normal)(x)
