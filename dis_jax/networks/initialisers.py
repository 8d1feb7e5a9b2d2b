"""Initial weights and biases, as in the code of each paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

# "xavier": TensorFlow's default, used by disentanglement_lib (Locatello et al. 2019).
# "pytorch": PyTorch's default, used by the code of JointVAE and SDIM.
# "kaiming": used by the common PyTorch code of FactorVAE (1Konny).
# "normal": InfoGAN and GANs of its time (std .02), the public code of ML-VAE (std .05).
INITIALISERS = ("xavier", "pytorch", "kaiming", "normal")
Initialiser = Callable[..., Array]


class Initialisers(NamedTuple):
    """Functions that draw the initial parameters of one layer."""

    kernel: Initialiser
    bias: Initialiser


def initialisers(name: str, fan_in: int, *, std: float = 0.02) -> Initialisers:
    """The initialisers of a layer for a named scheme.

    "xavier": weights U(-a, a), a = sqrt(6 / (fan_in + fan_out)), Glorot & Bengio
    2010, (16);
    "kaiming": weights N(0, 2 / fan_in), He et al. 2015, (10);
    "normal": weights N(0, std^2); all three with zero biases;
    "pytorch": weights and biases U(-b, b), b = 1 / sqrt(fan_in).

    Args:
      name: one of `INITIALISERS`.
      fan_in: inputs of one output. For a transposed convolution PyTorch uses kernel
        area times OUTPUT channels.
      std: standard deviation of "normal".

    Returns:
      Functions `(key, shape, dtype) -> array` for the kernel and for the bias.

    Raises:
      ValueError: if there is no such scheme.
    """
    zeros = nn.initializers.zeros
    if name == "xavier":
        return Initialisers(nn.initializers.xavier_uniform(), zeros)
    if name == "kaiming":
        return Initialisers(nn.initializers.normal((2 / fan_in) ** 0.5), zeros)
    if name == "normal":
        return Initialisers(nn.initializers.normal(std), zeros)
    if name == "pytorch":
        uniform = _uniform(fan_in**-0.5)
        return Initialisers(uniform, uniform)
    raise ValueError(
        f"network.init is {name!r}; expected one of {', '.join(INITIALISERS)}."
    )


def _uniform(bound: float) -> Initialiser:
    def draw(key: Array, shape: Any, dtype: Any = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return draw
