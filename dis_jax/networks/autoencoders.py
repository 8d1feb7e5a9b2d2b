"""Convolutional and dense encoders and decoders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.networks.convolution import Down, Up
from dis_jax.networks.initialisers import initialisers
from dis_jax.networks.precision import widened

Images = Float[Array, "batch height width channels"]
Latents = Float[Array, "batch latent"]
ImageShape = tuple[int, int, int]


class Start(NamedTuple):
    """Initialisation of a network's layers: a scheme of `initialisers` and its `std`."""

    name: str
    std: float

    def dense(
        self, x: Array, features: int, dtype: Any, name: str | None = None
    ) -> Array:
        """Applies a dense layer."""
        kernel, bias = initialisers(self.name, x.shape[-1], std=self.std)
        layer = nn.Dense(
            features, dtype=dtype, kernel_init=kernel, bias_init=bias, name=name
        )
        return layer(x)

    def strided(
        self, layer: type[Down | Up], x: Array, features: int, form: str, dtype: Any
    ) -> Array:
        """Applies a convolution with 4x4 kernels, `Down` or `Up`."""
        # PyTorch computes the fan of a transposed convolution from its output channels.
        channels = x.shape[-1] if layer is Down else features
        kernel, bias = initialisers(self.name, 16 * channels, std=self.std)
        return layer(features, form, dtype, kernel_init=kernel, bias_init=bias)(x)


def halvings(size: int) -> int:
    """Number of stride-2 layers that reduce an image of `size` to its smallest map.

    A map is halved while it is even and its half is at least 4: 64 -> 4, 128 -> 4,
    96 -> 6, 28 -> 7.

    Args:
      size: height (= width) of the image.

    Returns:
      The number of halvings, at least 1.

    Raises:
      ValueError: if the size is neither 28 nor a multiple of 16 up to 128.
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


def map_widths(image_shape: Sequence[int], widths: tuple[int, ...]) -> list[int]:
    """Channels of the map after each halving of an image; the last width repeats.

    Args:
      image_shape: (height, width, channels).
      widths: channels of the first maps.

    Returns:
      One number per halving, see `halvings`.

    Raises:
      ValueError: if the image is not square, or `halvings` does not accept its size.
    """
    height, width = image_shape[:2]
    if height != width:
        raise ValueError(
            f"images are {height}x{width}, and convolutions expect square ones: append "
            "+resized64 to the data set, or use dense networks (the word mlp)."
        )
    return [widths[min(i, len(widths) - 1)] for i in range(halvings(height))]


class ConvEncoder(nn.Module):
    """Kim & Mnih 2018, Table 1: strided convolutions, one dense layer, two heads.

    Attributes:
      latent: number of latent dimensions.
      hidden: width of the dense layer: 256 (Locatello et al. 2019) or 128 (the paper).
      widths: channels of the convolutions; the last repeats for larger images.
      form: see `dis_jax.networks.convolution`.
      initialiser: a scheme of `initialisers`, with `weight_std` for "normal".
      weight_std: standard deviation of the initial weights of "normal".
      dtype: of the computation; parameters are float32, the result at least float32.
    """

    latent: int = 10
    hidden: int = 256
    widths: tuple[int, ...] = (32, 32, 64, 64)
    form: str = "pair"
    initialiser: str = "xavier"
    weight_std: float = 0.02
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Images) -> tuple[Latents, Latents]:
        x, start = image, Start(self.initialiser, self.weight_std)
        for width in map_widths(image.shape[1:], self.widths):
            x = nn.relu(start.strided(Down, x, width, self.form, self.dtype))
        x = nn.relu(start.dense(x.reshape(x.shape[0], -1), self.hidden, self.dtype))
        mean = start.dense(x, self.latent, self.dtype, "mean")
        logvar = start.dense(x, self.latent, self.dtype, "logvar")
        return widened(mean), widened(logvar)


class ConvDecoder(nn.Module):
    """Kim & Mnih 2018, Table 1: two dense layers and transposed convolutions; logits.

    Activations of hidden layers are sown as `hidden`, for losses that use them.

    Attributes:
      image_shape: (height, width, channels) of the decoded images.
      hidden: width of the first dense layer.
      widths: channels of the maps, as in the encoder, from the image inwards.
      form: see `dis_jax.networks.convolution`.
      initialiser: a scheme of `initialisers`, with `weight_std` for "normal".
      weight_std: standard deviation of the initial weights of "normal".
      dtype: of the computation; parameters are float32, the result at least float32.
    """

    image_shape: ImageShape
    hidden: int = 256
    widths: tuple[int, ...] = (32, 32, 64, 64)
    form: str = "pair"
    initialiser: str = "xavier"
    weight_std: float = 0.02
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Latents) -> Images:
        widths = map_widths(self.image_shape, self.widths)
        small = self.image_shape[0] // 2 ** len(widths)
        start = Start(self.initialiser, self.weight_std)
        x = nn.relu(start.dense(z, self.hidden, self.dtype))
        self.sow("intermediates", "hidden", x)
        x = nn.relu(start.dense(x, small * small * widths[-1], self.dtype))
        x = x.reshape(x.shape[0], small, small, widths[-1])
        for i, width in enumerate((*reversed(widths[:-1]), self.image_shape[-1])):
            x = nn.relu(x) if i else x  # the first input is already rectified
            self.sow("intermediates", "hidden", x)
            x = start.strided(Up, x, width, self.form, self.dtype)
        return widened(x)


class MLPEncoder(nn.Module):
    """Dense encoder on the flattened image (Higgins et al. 2017, dSprites).

    Attributes:
      latent: number of latent dimensions.
      widths: of the hidden layers.
      activation: of the hidden layers, a function of `flax.linen` by its name.
      initialiser: a scheme of `initialisers`, with `weight_std` for "normal".
      weight_std: standard deviation of the initial weights of "normal".
      dtype: of the computation; parameters are float32, the result at least float32.
    """

    latent: int = 10
    widths: tuple[int, ...] = (1200, 1200)
    activation: str = "relu"
    initialiser: str = "xavier"
    weight_std: float = 0.02
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Images) -> tuple[Latents, Latents]:
        x, start = image, Start(self.initialiser, self.weight_std)
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = getattr(nn, self.activation)(start.dense(x, width, self.dtype))
        mean = start.dense(x, self.latent, self.dtype, "mean")
        logvar = start.dense(x, self.latent, self.dtype, "logvar")
        return widened(mean), widened(logvar)


class MLPDecoder(nn.Module):
    """Dense decoder to the logits of an image (Higgins et al. 2017, dSprites).

    Activations of hidden layers are sown as `hidden`, for losses that use them.

    Attributes:
      image_shape: (height, width, channels) of the decoded images.
      widths: of the hidden layers.
      activation: of the hidden layers, a function of `flax.linen` by its name.
      initialiser: a scheme of `initialisers`, with `weight_std` for "normal".
      weight_std: standard deviation of the initial weights of "normal".
      dtype: of the computation; parameters are float32, the result at least float32.
    """

    image_shape: ImageShape
    widths: tuple[int, ...] = (1200, 1200, 1200)
    activation: str = "tanh"
    initialiser: str = "xavier"
    weight_std: float = 0.02
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: Latents) -> Images:
        x, start = z, Start(self.initialiser, self.weight_std)
        for width in self.widths:
            x = getattr(nn, self.activation)(start.dense(x, width, self.dtype))
            self.sow("intermediates", "hidden", x)
        x = start.dense(x, math.prod(self.image_shape), self.dtype)
        return widened(x.reshape(x.shape[0], *self.image_shape))
