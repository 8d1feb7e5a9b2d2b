"""The strided convolution of this field (kernel 4, stride 2, padding 1) and its transpose.

Every image network here halves or doubles its maps by this pair. Left to XLA, the weight
gradient of the transpose takes half of a training step on a CPU. Written as a pair, each
is the input gradient of the other, and all four products (two forward, two for the
weights) are fast on every backend.

Three forms of the same function:

- `"pair"`: custom gradients; on CPU the transpose as four dense convolutions. It has no
  forward mode: for `jax.jvp` or `jax.jacfwd` take another form (`network.form`).
- `"lax"`: plain `lax.conv_general_dilated`, gradients left to XLA.
- `"matmul"`: slices and one matrix product. Under `vmap` over weights (populations) a
  convolution becomes a grouped convolution, which is slow on GPUs; a matrix product
  becomes a batched one, which is fast.
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


def _matmul_down(x: Images, kernel: Kernel) -> Images:
    """Four shifted 2x2 blocks of the padded input, side by side, times the kernel."""
    n, h, w, c = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    # (n, block row, block column, 4 c): the padded image in blocks of 2x2 pixels. A 4x4
    # window at stride 2 consists of four neighbouring blocks.
    x = x.reshape(n, h // 2 + 1, 2, w // 2 + 1, 2, c).transpose(0, 1, 3, 2, 4, 5)
    blocks = x.reshape(n, h // 2 + 1, w // 2 + 1, 4 * c)
    patches = jnp.concatenate(
        [blocks[:, a : a + h // 2, b : b + w // 2] for a in (0, 1) for b in (0, 1)], -1
    )
    # Kernel rows (block, pixel) and columns alike, in the order of `patches`.
    weights = kernel.reshape(2, 2, 2, 2, c, -1).transpose(0, 2, 1, 3, 4, 5)
    return patches @ weights.reshape(16 * c, -1)


def _inner(y: Array, out: int) -> Images:
    """Blocks of 2x2 pixels, held as channels, as an image without its border."""
    n, rows, columns, _ = y.shape
    y = y.reshape(n, rows, columns, 2, 2, out).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, 2 * rows, 2 * columns, out)[:, 1:-1, 1:-1]


def _matmul_up(x: Images, kernel: Kernel) -> Images:
    """Each 2x2 output block is a matrix product of the 2x2 inputs around its corner."""
    _, h, w, c = x.shape
    out = kernel.shape[-1]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    corners = jnp.concatenate(
        [x[:, a : a + h + 1, b : b + w + 1] for a in (0, 1) for b in (0, 1)], -1
    )
    # Corner a acts on pixel p of the block through kernel position 2 a + 1 - p.
    weights = kernel.reshape(2, 2, 2, 2, c, out)[:, ::-1, :, ::-1]
    weights = weights.transpose(0, 2, 4, 1, 3, 5)
    y = corners @ weights.reshape(4 * c, 4 * out)
    return _inner(y, out)


def _parity_up(x: Images, kernel: Kernel) -> Images:
    """Even and odd rows and columns of the output are four convolutions of the input."""
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
    """One matrix product gives all 16 taps; each 2x2 output block adds those of four."""
    n, h, w, c = x.shape
    out = kernel.shape[-1]
    weights = kernel.reshape(2, 2, 2, 2, c, out)[:, ::-1, :, ::-1]
    taps = x @ weights.transpose(4, 0, 2, 1, 3, 5).reshape(c, 16 * out)
    taps = taps.reshape(n, h, w, 2, 2, 4 * out)
    y = jnp.zeros((n, h + 1, w + 1, 4 * out), x.dtype)
    for i, j in np.ndindex(2, 2):
        y += jnp.pad(taps[:, :, :, i, j], ((0, 0), (1 - i, i), (1 - j, j), (0, 0)))
    return _inner(y, out)


def _cpu_up(x: Images, kernel: Kernel) -> Images:
    # XLA's CPU convolution multiplies the zeros of a dilated input too. On one core, from
    # 32 channels of 16x16 to 32 of 32x32: 21 ms, as four convolutions 11. From 32
    # channels of 32x32 to one of 64x64: 5 ms, as one product 2.
    return _scatter_up(x, kernel) if kernel.shape[-1] <= 4 else _parity_up(x, kernel)


def _fast_up(x: Images, kernel: Kernel) -> Images:
    return lax.platform_dependent(x, kernel, cpu=_cpu_up, default=_lax_up)


def _weight_gradient(x: Images, g: Images, kernel: Kernel) -> Kernel:
    """Gradient of sum(g * down(x, kernel)) with respect to the kernel."""
    # `down` is linear in the kernel, so its transpose is the gradient; nothing is
    # evaluated at `kernel`, which gives the shape.
    by_lax = jax.linear_transpose(lambda k: _lax_down(x, k), kernel)
    return lax.platform_dependent(
        x,
        g,
        cpu=lambda x, g: kernel_gradients.on_cpu(x, g, 4, 2, pad=1),
        default=lambda _, g: by_lax(g)[0],
    )


@jax.custom_vjp
def _pair_down(x: Images, kernel: Kernel) -> Images:
    return _lax_down(x, kernel)


def _pair_down_fwd(x: Images, kernel: Kernel) -> tuple[Images, Any]:
    return _pair_down(x, kernel), (x, kernel)


def _pair_down_bwd(residuals: Any, g: Images) -> tuple[Images, Kernel]:
    x, kernel = residuals
    return _pair_up(g, _flip(kernel)), _weight_gradient(x, g, kernel)


@jax.custom_vjp
def _pair_up(x: Images, kernel: Kernel) -> Images:
    return _fast_up(x, kernel)


def _pair_up_fwd(x: Images, kernel: Kernel) -> tuple[Images, Any]:
    return _pair_up(x, kernel), (x, kernel)


def _pair_up_bwd(residuals: Any, g: Images) -> tuple[Images, Kernel]:
    x, kernel = residuals
    # up(., k) is the adjoint of down(., flip(k)), so its weight gradient is that of
    # down with input and cotangent exchanged.
    return _pair_down(g, _flip(kernel)), _flip(_weight_gradient(g, x, _flip(kernel)))


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
    """A layer around `convolve_down` or `convolve_up`."""

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
