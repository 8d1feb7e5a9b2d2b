"""Networks of InfoGAN: a generator, and a trunk with heads for discriminator and code.

Dense layers and convolutions of kernel 4, stride 2, as in InfoGAN (Chen et al. 2016,
appendix C.1). Weights are N(0, .02²); layers before batch normalisation have no bias,
which it would cancel. Each call in training normalises by its own batch, and updates the
running statistics once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.networks.autoencoders import map_widths
from dis_jax.networks.convolution import Down, Up
from dis_jax.networks.precision import widened
from dis_jax.pixels import refuse_integers

Images = Float[Array, "batch height width channels"]
Features = Float[Array, "batch features"]

_KERNEL = nn.initializers.normal(0.02)
_SLOPE = 0.2
_WIDTHS = (64, 128, 256, 512)


class CodeEstimate(NamedTuple):
    """Q's estimate of the codes from which an image was generated.

    Attributes:
      logits: of the categorical code, (batch, category).
      mean: of the continuous codes, (batch, continuous).
      logvar: of the continuous codes, (batch, continuous).
      features: of the hidden layer, (batch, feature), for contrastive terms.
    """

    logits: Array
    mean: Array
    logvar: Array
    features: Array


class Generator(nn.Module):
    """Maps codes to images: two dense layers, transposed convolutions, a sigmoid.

    The first map is 7x7 for 28x28 images, 4x4 for 64x64, 6x6 for 96x96; see `halvings`.

    Attributes:
      image_shape: (height, width, channels) of the generated images.
      hidden: width of the first layer.
      widths: channels of the maps from the image inwards; the last repeats.
      form: see `dis_jax.networks.convolution`.
      dtype: of the computation; parameters are float32, images at least float32.
    """

    image_shape: tuple[int, int, int]
    hidden: int = 1024
    widths: tuple[int, ...] = _WIDTHS
    form: str = "pair"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, codes: Float[Array, "batch latent"], train: bool) -> Images:
        widths = map_widths(self.image_shape, self.widths)
        small = self.image_shape[0] // 2 ** len(widths)
        x = nn.relu(_norm(train)(_dense(self.hidden, self.dtype)(codes)))
        x = _dense(small * small * widths[-1], self.dtype)(x)
        x = nn.relu(_norm(train)(x))
        x = x.reshape(len(x), small, small, widths[-1])
        for width in reversed(widths[:-1]):
            up = Up(width, self.form, self.dtype, use_bias=False, kernel_init=_KERNEL)
            x = nn.relu(_norm(train)(up(x)))
        up = Up(self.image_shape[-1], self.form, self.dtype, kernel_init=_KERNEL)
        # (tanh(x) + 1) / 2 = sigmoid(2 x): the published output, scaled to [0, 1].
        return nn.sigmoid(2 * widened(up(x)))


class ImageTrunk(nn.Module):
    """Maps images to the features that the discriminator and Q share.

    Attributes:
      hidden: number of features.
      widths: channels of the convolutions; the last repeats for larger images.
      spectral_norm: whether every weight matrix is divided by its largest singular
        value (Miyato et al. 2018), found by one power iteration per call in training.
      form: see `dis_jax.networks.convolution`.
      dtype: of the computation; parameters are float32, features at least float32.
    """

    hidden: int = 1024
    widths: tuple[int, ...] = _WIDTHS
    spectral_norm: bool = False
    form: str = "pair"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: Images, train: bool) -> Features:
        refuse_integers("images", image)
        x = 2 * image - 1  # [0, 1] to [-1, 1], the published input
        for i, width in enumerate(map_widths(image.shape[1:], self.widths)):
            down = Down(
                *(width, self.form, self.dtype), use_bias=i == 0, kernel_init=_KERNEL
            )
            x = _layer(down, self.spectral_norm, train, x)
            x = nn.leaky_relu(_norm(train)(x) if i else x, _SLOPE)
        dense = _dense(self.hidden, self.dtype)
        x = _layer(dense, self.spectral_norm, train, x.reshape(len(x), -1))
        return widened(nn.leaky_relu(_norm(train)(x), _SLOPE))


class RealHead(nn.Module):
    """Maps features to the log-odds that an image is real.

    Attributes:
      spectral_norm: see `ImageTrunk`.
      dtype: of the computation; parameters are float32, logits at least float32.
    """

    spectral_norm: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Features, train: bool) -> Float[Array, " batch"]:
        dense = _dense(1, self.dtype, use_bias=True)
        logits = _layer(dense, self.spectral_norm, train, features)
        return widened(logits[:, 0])


class CodeHead(nn.Module):
    """Q: maps features to an estimate of the codes of an image.

    Attributes:
      categories: number of values of the categorical code.
      continuous: number of continuous codes; their estimate is a diagonal Gaussian.
      hidden: width of the hidden layer.
      dtype: of the computation; parameters are float32, results at least float32.
    """

    categories: int = 10
    continuous: int = 0
    hidden: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: Features, train: bool) -> CodeEstimate:
        x = _norm(train)(_dense(self.hidden, self.dtype)(features))
        x = widened(nn.leaky_relu(x, _SLOPE))
        sizes = (self.categories, self.continuous, self.continuous)
        logits, mean, logvar = (
            widened(_dense(size, self.dtype, use_bias=True)(x))
            if size
            else jnp.zeros((len(x), 0))
            for size in sizes
        )
        return CodeEstimate(logits, mean, logvar, x)


def _dense(features: int, dtype: Any, *, use_bias: bool = False) -> nn.Dense:
    return nn.Dense(features, use_bias=use_bias, dtype=dtype, kernel_init=_KERNEL)


def _norm(train: bool) -> nn.BatchNorm:
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)


def _layer(layer: Any, spectral_norm: bool, train: bool, x: Array) -> Array:
    """Applies a layer, with spectral normalisation if asked; call in a compact module."""
    if not spectral_norm:
        return layer(x)
    # The power iteration keeps its vector in the batch statistics.
    return nn.SpectralNorm(layer)(x, update_stats=train)
