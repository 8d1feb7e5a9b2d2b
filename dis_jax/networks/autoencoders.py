"""Encoders and decoders: convolutional, for images of any usual size, and dense."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.networks.convolution import Down, Up

Images = Float[Array, "batch height width channels"]
Latents = Float[Array, "batch latent"]
ImageShape = tuple[int, int, int]

# Glorot-uniform weights and zero biases: TensorFlow's defaults, with which the field's
# reference numbers were made.
_KERNEL = nn.initializers.xavier_uniform()


def _dense(
    features: int, dtype: Any, name: str | None = None, std: float | None = None
) -> nn.Dense:
    """A dense layer; its weights are Glorot-uniform, or normal of a given `std`."""
    kernel = _KERNEL if std is None else nn.initializers.normal(std)
    return nn.Dense(features, dtype=dtype, kernel_init=kernel, name=name)


def halvings(size: int) -> int:
    """How many stride-2 layers take an image of `size` to its smallest map.

    A map is halved while it is even and its half is at least 4: 64 -> 4, 128 -> 4,
    96 -> 6, 28 -> 7.

    Args:
      size: height (= width) of the image.

    Returns:
      The number of halvings, at least 1.

    Raises:
      ValueError: if the size is not 28 nor a multiple of 16 up to 128.
    """
    if size != 28 and (size % 16 or not 16 <= size <= 128):
        raise ValueError(
            f"image size is {size}; the convolutional networks take 28 and multiples of "
            "16 up to 128: resize the images (<data set>+resized64), or use network "
            "'mlp'."
        )
    count = 0
    while size % 2 == 0 and size // 2 >= 4:
        size //= 2
        count += 1
    return count


def _square(shape: tuple[int, ...]) -> int:
    if shape[0] != shape[1]:
        raise ValueError(f"images are {shape[0]}x{shape[1]}; expected square ones.")
    return shape[0]


def _widths(count: int, widths: tuple[int, ...]) -> list[int]:
    return [widths[min(i, len(widths) - 1)] for i in range(count)]


class ConvEncoder(nn.Module):
    """Kim & Mnih 2018, Table 1: strided convolutions, one dense layer, two heads.

    Attributes:
      latent: number of latent dimensions.
      hidden: width of the dense layer: 256 (Locatello et al. 2019) or 128 (the paper).
      widths: channels of the convolutions; the last repeats for larger images.
      form: see `dis_jax.networks.convolution`.
      dtype: of the computation; parameters and the result are float32.
    """

    latent: int = 10
    hidden: int = 256
    widths: tuple[int, ...] = (32, 32, 64, 64)
    form: str = "pair"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Images) -> tuple[Latents, Latents]:
        x = image
        for width in _widths(halvings(_square(image.shape[1:])), self.widths):
            x = nn.relu(Down(width, self.form, self.dtype, kernel_init=_KERNEL)(x))
        x = nn.relu(_dense(self.hidden, self.dtype)(x.reshape(x.shape[0], -1)))
        mean = _dense(self.latent, self.dtype, "mean")(x)
        logvar = _dense(self.latent, self.dtype, "logvar")(x)
        return mean.astype(jnp.float32), logvar.astype(jnp.float32)


class ConvDecoder(nn.Module):
    """Kim & Mnih 2018, Table 1: two dense layers and transposed convolutions; logits.

    Attributes:
      image_shape: (height, width, channels) of what is decoded.
      hidden: width of the first dense layer.
      widths: channels of the maps, as in the encoder, from the image inwards.
      form: see `dis_jax.networks.convolution`.
      dtype: of the computation; parameters and the result are float32.
    """

    image_shape: ImageShape
    hidden: int = 256
    widths: tuple[int, ...] = (32, 32, 64, 64)
    form: str = "pair"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Latents) -> Images:
        size, count = _square(self.image_shape), halvings(_square(self.image_shape))
        small, widths = size // 2**count, _widths(count, self.widths)
        x = nn.relu(_dense(self.hidden, self.dtype)(z))
        x = nn.relu(_dense(small * small * widths[-1], self.dtype)(x))
        x = x.reshape(x.shape[0], small, small, widths[-1])
        for width in reversed(widths[:-1]):
            x = nn.relu(Up(width, self.form, self.dtype, kernel_init=_KERNEL)(x))
        up = Up(self.image_shape[-1], self.form, self.dtype, kernel_init=_KERNEL)
        return up(x).astype(jnp.float32)


class MLPEncoder(nn.Module):
    """Dense encoder on the flattened image (Higgins et al. 2017, dSprites).

    Attributes:
      latent: number of latent dimensions.
      widths: of the hidden layers.
      activation: of the hidden layers, a function of `flax.linen` by its name.
      weight_std: draws initial weights from N(0, weight_std^2); Glorot's by default.
      dtype: of the computation; parameters and the result are float32.
    """

    latent: int = 10
    widths: tuple[int, ...] = (1200, 1200)
    activation: str = "relu"
    weight_std: float | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Images) -> tuple[Latents, Latents]:
        x, std = image.reshape(image.shape[0], -1), self.weight_std
        for width in self.widths:
            x = getattr(nn, self.activation)(_dense(width, self.dtype, std=std)(x))
        mean = _dense(self.latent, self.dtype, "mean", std)(x)
        logvar = _dense(self.latent, self.dtype, "logvar", std)(x)
        return mean.astype(jnp.float32), logvar.astype(jnp.float32)


class MLPDecoder(nn.Module):
    """Dense decoder to the logits of an image (Higgins et al. 2017, dSprites).

    Attributes:
      image_shape: (height, width, channels) of what is decoded.
      widths: of the hidden layers.
      activation: of the hidden layers, a function of `flax.linen` by its name.
      weight_std: draws initial weights from N(0, weight_std^2); Glorot's by default.
      dtype: of the computation; parameters and the result are float32.
    """

    image_shape: ImageShape
    widths: tuple[int, ...] = (1200, 1200, 1200)
    activation: str = "tanh"
    weight_std: float | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Latents) -> Images:
        x, std = z, self.weight_std
        for width in self.widths:
            x = getattr(nn, self.activation)(_dense(width, self.dtype, std=std)(x))
        x = _dense(math.prod(self.image_shape), self.dtype, std=std)(x)
        return x.reshape(x.shape[0], *self.image_shape).astype(jnp.float32)
