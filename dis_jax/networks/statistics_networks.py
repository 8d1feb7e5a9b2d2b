"""Networks of methods that use mutual information (Sanchez et al. 2020).

An encoder gives a feature map M and a vector R. A statistics network scores pairs of a map
and a vector; mutual information is estimated from its scores on pairs of the joint and of
the product distribution. Its first layer is linear in [M, R], so the part of the map is
computed once for all vectors that it is paired with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dis_jax.networks.initialisers import initialisers
from dis_jax.networks.kernel_gradients import unpadded
from dis_jax.networks.precision import widened
from dis_jax.pixels import refuse_integers

Images = Float[Array, "batch height width channels"]
Map = Float[Array, "batch height width features"]
# Pairs maps with vectors: (batch, ...) -> (sets, batch or 1, ...), see `itself`.
Pairing = Callable[[Array], Array]

_MOMENTUM, _EPSILON = 0.9, 1e-5


def itself(maps: Float[Array, " batch *rest"]) -> Float[Array, " 1 batch *rest"]:
    """Pairs each map with the vector of its own row: the joint distribution."""
    return maps[None]


def map_size(size: int) -> int:
    """Height of the feature map of an image: convolutions 4/1, 4/2, 4/2, no padding.

    Args:
      size: height (= width) of the image.

    Returns:
      28 -> 4, 64 -> 13, 96 -> 21.

    Raises:
      ValueError: if the image is too small for the three convolutions.
    """
    for stride in (1, 2, 2):
        size = (size - 4) // stride + 1
    if size < 1:
        raise ValueError("images are too small: the encoder takes 13x13 and larger.")
    return size


def _dense(
    features: int,
    fan_in: int,
    dtype: Any,
    *,
    bias: bool = True,
    name: str | None = None,
) -> nn.Dense:
    start = initialisers("pytorch", fan_in)  # the paper's code
    return nn.Dense(
        features,
        use_bias=bias,
        dtype=dtype,
        kernel_init=start.kernel,
        bias_init=start.bias,
        name=name,
    )


def _norm(train: bool, *, bias: bool = True) -> nn.BatchNorm:
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=_MOMENTUM,
        epsilon=_EPSILON,
        use_bias=bias,
    )


class MapEncoder(nn.Module):
    """Sanchez et al. 2020, appendix: three convolutions to a map, one layer to a vector.

    Convolutions 4/1, 4/2 and 4/2 without padding; batch normalisation after the second
    and the third, leaky ReLUs (slope .01) after the first and the third. Layers
    before normalisation have no bias: normalisation would cancel it, and its gradient is
    rounding noise, which Adam would amplify.

    Attributes:
      latent: size of the vector.
      widths: channels of the three convolutions.
      dtype: of the computation; parameters are float32, the results at least float32.
    """

    latent: int = 64
    widths: tuple[int, int, int] = (64, 128, 256)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, image: Images, train: bool
    ) -> tuple[Map, Float[Array, "batch latent"]]:
        refuse_integers("images", image)
        map_size(min(image.shape[1:3]))
        x = self._convolution(0, image)
        x = self._convolution(1, nn.leaky_relu(x))
        x = _norm(train, bias=False)(x)  # the next normalisation would cancel a shift
        x = _norm(train)(self._convolution(2, x))
        feature_map = widened(nn.leaky_relu(x))
        flat = feature_map.reshape(len(feature_map), -1)
        vector = _dense(self.latent, flat.shape[1], self.dtype, name="vector")(flat)
        return feature_map, widened(vector)

    def _convolution(self, i: int, x: Array) -> Array:
        start = initialisers("pytorch", 16 * x.shape[-1])
        return nn.Conv(
            self.widths[i],
            (4, 4),
            (1 if i == 0 else 2,) * 2,
            padding="VALID",
            use_bias=i == 0,
            dtype=self.dtype,
            kernel_init=start.kernel,
            bias_init=start.bias,
            conv_general_dilated=unpadded,
            name=f"convolution_{i + 1}",
        )(x)


class LocalStatistics(nn.Module):
    """Scores every position of a map with a vector: [M_ij, R] -> 512 -> 512 -> 1.

    Attributes:
      widths: of the hidden layers.
      dtype: of the computation; parameters are float32, scores at least float32.
    """

    widths: tuple[int, ...] = (512, 512)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        feature_map: Map,
        vector: Float[Array, "batch latent"],
        pair_with: Pairing = itself,
    ) -> Float[Array, "sets batch height width"]:
        return _score(feature_map, vector, pair_with, self.widths, self.dtype)


class GlobalStatistics(nn.Module):
    """Scores a whole map with a vector: [flat M, R] -> 512 -> 512 -> 1.

    Attributes:
      grid: the map is first averaged to at most this many cells per side; 0 uses the
        whole map, as published: 22 million weights for 64x64 images, 58 million for 96x96.
      widths: of the hidden layers.
      dtype: of the computation; parameters are float32, scores at least float32.
    """

    grid: int = 0
    widths: tuple[int, ...] = (512, 512)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        feature_map: Map,
        vector: Float[Array, "batch latent"],
        pair_with: Pairing = itself,
    ) -> Float[Array, "sets batch"]:
        if self.grid:
            feature_map = averaged(feature_map, self.grid)
        flat = feature_map.reshape(len(feature_map), -1)
        return _score(flat, vector, pair_with, self.widths, self.dtype)


class CodeDiscriminator(nn.Module):
    """Separates joint from shuffled codes: 1000 -> 200 -> 1 logit.

    Attributes:
      widths: of the hidden layers.
      dtype: of the computation; parameters are float32, logits at least float32.
    """

    widths: tuple[int, ...] = (1000, 200)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, codes: Float[Array, "batch latent"]) -> Float[Array, " batch"]:
        hidden = codes
        for width in self.widths:
            hidden = nn.relu(_dense(width, hidden.shape[-1], self.dtype)(hidden))
        logits = _dense(1, hidden.shape[-1], self.dtype)(hidden)
        return widened(logits[:, 0])


class AttributeHead(nn.Module):
    """Predicts a label from a code: 15 -> classes -> classes, each with normalisation.

    Attributes:
      classes: number of logits, which are normalised over the batch as well.
      hidden: width of the first layer.
    """

    classes: int
    hidden: int = 15

    @nn.compact
    def __call__(
        self, code: Float[Array, "batch latent"], train: bool
    ) -> Float[Array, "batch classes"]:
        x = code
        for i, width in enumerate((self.hidden, self.classes, self.classes)):
            x = nn.relu(x) if i else x
            x = _dense(width, x.shape[-1], widened(code).dtype, bias=False)(x)
            x = _norm(train)(x)
        return x


def averaged(feature_map: Map, grid: int) -> Map:
    """Averages a map over the cells of a grid; smaller maps are unchanged.

    Cell i of g covers the rows from floor(i n / g) to ceil((i + 1) n / g).

    Args:
      feature_map: (batch, height, width, features).
      grid: largest number of cells per side.

    Returns:
      (batch, min(height, grid), min(width, grid), features).
    """
    # Average pooling as two matrix products, for sizes that the grid does not divide.
    rows, columns = (_cells(size, grid) for size in feature_map.shape[1:3])
    return jnp.einsum("gh,bhwf,kw->bgkf", rows, feature_map, columns)


def _cells(size: int, grid: int) -> np.ndarray:
    grid = min(size, grid)
    cell, position = np.arange(grid)[:, None], np.arange(size)
    inside = (position >= cell * size // grid) & (
        position < -((-(cell + 1) * size) // grid)
    )
    return (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)


def _score(
    maps: Array, vector: Array, pair_with: Pairing, widths: tuple[int, ...], dtype: Any
) -> Array:
    """Layers that both statistics networks share; call in a compact module."""
    fan_in = maps.shape[-1] + vector.shape[-1]
    # W [M, R] = W_M M + W_R R, with one bias and the fan-in of the concatenation.
    of_map = _dense(widths[0], fan_in, dtype, name="map")(maps)
    of_vector = _dense(widths[0], fan_in, dtype, bias=False, name="vector")(vector)
    positions = (1,) * (maps.ndim - 2)
    of_vector = of_vector.reshape(len(vector), *positions, -1)
    # (sets, batch, *positions, width): the vector is the same at all positions.
    hidden = nn.relu(pair_with(of_map) + of_vector)
    for width in widths[1:]:
        hidden = nn.relu(_dense(width, hidden.shape[-1], dtype)(hidden))
    scores = _dense(1, hidden.shape[-1], dtype, name="score")(hidden)
    return widened(scores[..., 0])
