"""Strided convolution (kernel 4, stride 2, padding 1) and its transpose.

Most convolutional networks here halve or double their maps with this pair. XLA's weight
gradient of the transpose takes half of a training step on a CPU. In the pair, each is the
input gradient of the other, and all four products (two forward, two for the weights) are
fast on every backend.

Three forms of the same function:

- `"pair"`: custom gradients; each product has a fast form for each device. On a CPU
  the transpose is four dense convolutions; elsewhere both are matrix products over blocks
  of 2x2 pixels. It has no forward mode: for `jax.jvp` or `jax.jacfwd` use another form
  (`network.form`).
- `"lax"`: plain `lax.conv_general_dilated`, with XLA's gradients.
- `"matmul"`: the matrix products, with XLA's gradients.

Under `vmap` over weights (populations) a convolution becomes a grouped convolution, which
is slow on GPUs; a matrix product becomes a batched one, which is fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from dis_jax.networks import kernel_gradients

Images = Float[Array, "batch height width channels"]
Kernel = Float[Array, "4 4 in out"]

FORMS = ("pair", "lax", "matmul")

_PART = 1024  # pixels in a part of the sum that is a weight gradient, at least

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def _flip(kernel: Kernel) -> Kernel:
    """The kernel of the adjoint: rotated by 180 degrees, input and output swapped."""
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def _lax_down(x: Images, kernel: Kernel) -> Images:
    return lax.conv_general_dilated(
        x, kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=_DIMENSIONS
    )


def _lax_up(x: Images, kernel: Kernel) -> Images:
    return lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        ((2, 2), (2, 2)),
        lhs_dilation=(2, 2),
        dimension_numbers=_DIMENSIONS,
    )


def _padded(x: Images) -> Images:
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def _blocks(x: Images) -> Array:
    """Blocks of 2x2 pixels of the padded image, (n, row, column, pixels and channels)."""
    n, h, w, c = x.shape
    x = _padded(x).reshape(n, h // 2 + 1, 2, w // 2 + 1, 2, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2 + 1, w // 2 + 1, 4 * c)


def _neighbours(maps: Array) -> list[Array]:
    """All 2x2 windows, as four maps: upper left, upper right, lower left, lower right."""
    return [_neighbour(maps, i) for i in range(4)]


def _neighbour(maps: Array, i: int) -> Array:
    _, h, w, _ = maps.shape
    a, b = divmod(i, 2)
    return maps[:, a : a + h - 1, b : b + w - 1]


def _gathers(inputs: int, outputs: int) -> bool:
    """Whether to gather windows before the product; else, partial sums are added after.

    Gathering moves 16 inputs per window, adding moves 4 outputs per block.
    """
    return 16 * inputs <= 4 * outputs


def _patches(x: Images) -> Array:
    """All 4x4 windows, (n, row, column, blocks, pixels and channels)."""
    return jnp.concatenate(_neighbours(_blocks(x)), axis=-1)


def _corners(x: Images) -> Array:
    """The 2x2 pixels around every corner of a pixel, as channels."""
    return jnp.concatenate(_neighbours(_padded(x)), axis=-1)


def _matmul_down(x: Images, kernel: Kernel) -> Images:
    """One matrix product over blocks of 2x2 pixels; a 4x4 window consists of four."""
    c, out = kernel.shape[2:]
    # rows and columns of the kernel as (block, pixel)
    weights = kernel.reshape(2, 2, 2, 2, c, out)
    if _gathers(c, out):
        weights = weights.transpose(0, 2, 1, 3, 4, 5)  # blocks, pixels, in, out
        return _patches(x) @ weights.reshape(16 * c, out)
    weights = weights.transpose(1, 3, 4, 0, 2, 5)  # pixels, in, blocks, out
    exact = jnp.promote_types(x.dtype, jnp.float32)
    products = jnp.matmul(
        *(_blocks(x), weights.reshape(4 * c, 4 * out)), preferred_element_type=exact
    )
    parts = [
        _neighbour(part, i) for i, part in enumerate(jnp.split(products, 4, axis=-1))
    ]
    return sum(parts[1:], parts[0]).astype(x.dtype)


def _inner(y: Array, out: int) -> Images:
    """Converts blocks of 2x2 pixels, stored as channels, to an image without its border."""
    n, rows, columns, _ = y.shape
    y = y.reshape(n, rows, columns, 2, 2, out).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, 2 * rows, 2 * columns, out)[:, 1:-1, 1:-1]


def _matmul_up(x: Images, kernel: Kernel) -> Images:
    """Each 2x2 output block is a matrix product of the 2x2 inputs around its corner."""
    c, out = kernel.shape[2:]
    if _gathers(out, c):
        return _scatter_up(x, kernel)
    # Corner a acts on pixel p of the block through kernel position 2 a + 1 - p.
    weights = kernel.reshape(2, 2, 2, 2, c, out)[:, ::-1, :, ::-1]
    weights = weights.transpose(0, 2, 4, 1, 3, 5)
    y = _corners(x) @ weights.reshape(4 * c, 4 * out)
    return _inner(y, out)


def _matmul_weight_gradient(x: Images, g: Images) -> Kernel:
    """Gradient of sum(g * down(x, kernel)).

    It uses the same maps as the products of the pair, so that XLA computes them once.
    """
    c, out = x.shape[-1], g.shape[-1]
    if _gathers(c, out):
        kernel = _product(_patches(x), g).reshape(2, 2, 2, 2, c, out)
        return kernel.transpose(0, 2, 1, 3, 4, 5).reshape(4, 4, c, out)
    # A block is the lower right one of the window that starts one block up and left, etc.
    kernel = _product(_blocks(x), _corners(g)).reshape(2, 2, c, 2, 2, out)
    return kernel[:, :, :, ::-1, ::-1].transpose(3, 0, 4, 1, 2, 5).reshape(4, 4, c, out)


def _product(x: Array, g: Array) -> Array:
    """Sum of x^T g over all pixels, computed in parts.

    A GPU would compute one product of few channels and many pixels on few of its cores.
    """
    pixels, parts = x.size // x.shape[-1], 1
    while len(x) % (2 * parts) == 0 and pixels // (2 * parts) >= _PART:
        parts *= 2
    x, g = (maps.reshape(parts, -1, maps.shape[-1]) for maps in (x, g))
    exact = jnp.promote_types(x.dtype, jnp.float32)
    products = jnp.einsum("pni,pno->pio", x, g, preferred_element_type=exact)
    # Without the barrier XLA merges the parts into one product again.
    return lax.optimization_barrier(products).sum(0).astype(x.dtype)


def _parity_up(x: Images, kernel: Kernel) -> Images:
    """Computes even and odd rows and columns of the output as four convolutions."""
    n, h, w, _ = x.shape
    pads = (1, 0), (0, 1)
    parts = [
        lax.conv_general_dilated(
            x,
            kernel[p::2, q::2],
            (1, 1),
            (pads[p], pads[q]),
            dimension_numbers=_DIMENSIONS,
        )
        for p in (0, 1)
        for q in (0, 1)
    ]
    y = jnp.stack(parts, axis=3).reshape(n, h, w, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, 2 * h, 2 * w, -1)


def _scatter_up(x: Images, kernel: Kernel) -> Images:
    """One matrix product gives all 16 taps; each 2x2 output block sums taps of 4."""
    n, h, w, c = x.shape
    out = kernel.shape[-1]
    weights = kernel.reshape(2, 2, 2, 2, c, out)[:, ::-1, :, ::-1]
    weights = weights.transpose(4, 0, 2, 1, 3, 5).reshape(c, 16 * out)
    exact = jnp.promote_types(x.dtype, jnp.float32)
    taps = jnp.matmul(x, weights, preferred_element_type=exact)
    taps = taps.reshape(n, h, w, 2, 2, 4 * out)
    y = jnp.zeros((n, h + 1, w + 1, 4 * out), exact)
    for i, j in np.ndindex(2, 2):
        y += jnp.pad(taps[:, :, :, i, j], ((0, 0), (1 - i, i), (1 - j, j), (0, 0)))
    return _inner(y, out).astype(x.dtype)


def _cpu_down(x: Images, kernel: Kernel) -> Images:
    return _lax_down(*kernel_gradients.even(x, kernel))


def _cpu_up(x: Images, kernel: Kernel) -> Images:
    # XLA's CPU convolution multiplies the zeros of a dilated input too. On one core, from
    # 32 channels of 16x16 to 32 of 32x32: 21 ms; 11 ms as four convolutions. From 32
    # channels of 32x32 to one of 64x64: 5 ms; 2 ms as one product.
    return _scatter_up(x, kernel) if kernel.shape[-1] <= 4 else _parity_up(x, kernel)


def _fast_down(x: Images, kernel: Kernel) -> Images:
    return lax.platform_dependent(x, kernel, cpu=_cpu_down, default=_matmul_down)


def _fast_up(x: Images, kernel: Kernel) -> Images:
    return lax.platform_dependent(x, kernel, cpu=_cpu_up, default=_matmul_up)


def _weight_gradient(x: Images, g: Images) -> Kernel:
    """Gradient of sum(g * down(x, kernel)) with respect to the kernel."""
    return lax.platform_dependent(
        x,
        g,
        cpu=lambda x, g: kernel_gradients.on_cpu(x, g, 4, 2, pad=1),
        default=_matmul_weight_gradient,
    )


@jax.custom_vjp
def _pair_down(x: Images, kernel: Kernel) -> Images:
    return _fast_down(x, kernel)


def _pair_down_fwd(x: Images, kernel: Kernel) -> tuple[Images, Any]:
    return _pair_down(x, kernel), (x, kernel)


def _pair_down_bwd(residuals: Any, g: Images) -> tuple[Images, Kernel]:
    x, kernel = residuals
    return _pair_up(g, _flip(kernel)), _weight_gradient(x, g)


@jax.custom_vjp
def _pair_up(x: Images, kernel: Kernel) -> Images:
    return _fast_up(x, kernel)


def _pair_up_fwd(x: Images, kernel: Kernel) -> tuple[Images, Any]:
    return _pair_up(x, kernel), (x, kernel)


def _pair_up_bwd(residuals: Any, g: Images) -> tuple[Images, Kernel]:
    x, kernel = residuals
    # up(., k) is the adjoint of down(., flip(k)), so its weight gradient is that of
    # down with input and cotangent exchanged.
    return _pair_down(g, _flip(kernel)), _flip(_weight_gradient(g, x))


_pair_down.defvjp(_pair_down_fwd, _pair_down_bwd)
_pair_up.defvjp(_pair_up_fwd, _pair_up_bwd)

_DOWN = {"pair": _pair_down, "lax": _lax_down, "matmul": _matmul_down}
_UP = {"pair": _pair_up, "lax": _lax_up, "matmul": _matmul_up}


def convolve_down(x: Images, kernel: Kernel, *, form: str = "pair") -> Images:
    """Convolution with kernel 4, stride 2, padding 1: halves height and width.

    Args:
      x: (batch, height, width, in), height and width even.
      kernel: (4, 4, in, out).
      form: one of `FORMS`; all give the same values.

    Returns:
      (batch, height / 2, width / 2, out).

    Raises:
      ValueError: if the shapes do not fit.
    """
    _check(x, kernel)
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(f"convolve_down halves even maps; x has shape {x.shape}.")
    return _DOWN[form](x, kernel)


def convolve_up(x: Images, kernel: Kernel, *, form: str = "pair") -> Images:
    """Transposed convolution, kernel 4, stride 2, padding 1: doubles height and width.

    The adjoint of `convolve_down` with the kernel rotated by 180 degrees.

    Args:
      x: (batch, height, width, in).
      kernel: (4, 4, in, out).
      form: one of `FORMS`; all give the same values.

    Returns:
      (batch, 2 height, 2 width, out).

    Raises:
      ValueError: if the shapes do not fit.
    """
    _check(x, kernel)
    return _UP[form](x, kernel)


def _check(x: Images, kernel: Kernel) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or kernel.shape[:3] != (4, 4, x.shape[-1]):
        raise ValueError(
            f"x has shape {x.shape} and kernel {kernel.shape}; expected (batch, height, "
            "width, in) and (4, 4, in, out)."
        )


class _Strided(nn.Module):
    """Layer with the parameters of `convolve_down` or `convolve_up`."""

    features: int
    form: str = "pair"
    dtype: Any = jnp.float32
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    bias_init: Callable[..., Array] = nn.initializers.zeros

    def _apply(self, function: Callable[..., Array], x: Array) -> Array:
        shape = (4, 4, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        y = function(x.astype(self.dtype), kernel.astype(self.dtype), form=self.form)
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
            y = y + bias.astype(self.dtype)
        return y


class Down(_Strided):
    """Convolution layer, kernel 4, stride 2, padding 1."""

    @nn.compact
    def __call__(self, x: Images) -> Images:
        return self._apply(convolve_down, x)


class Up(_Strided):
    """Transposed convolution layer, kernel 4, stride 2, padding 1."""

    @nn.compact
    def __call__(self, x: Images) -> Images:
        return self._apply(convolve_up, x)
