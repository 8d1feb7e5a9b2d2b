"""Convolutions and their gradients, fast on a CPU.

For the gradient of a kernel, XLA's CPU backend runs a convolution whose window is a whole
map. On one core of an Intel Xeon, for 64 maps of 61x61, 64 to 128 channels, that
convolution takes 330 ms and the products of this module take 140 ms; a step of a beta-VAE
takes 97 ms with XLA's gradient and 74 ms with this one. Other backends use XLA's gradient.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Maps = Float[Array, "batch height width channels"]
Kernel = Float[Array, "size size in out"]

# Numbers in a piece of the gradient of y, 256 KiB, and largest number of pieces; measured
# on an Intel Xeon with 2 MB of cache per core.
_PIECE, _MOST_PIECES = 2**16, 32


def even(x: Maps, kernel: Kernel) -> tuple[Maps, Kernel]:
    """Adds a channel of zeros to input and kernel if there are 3, 5, ... channels.

    YNNPACK, which computes XLA's convolutions on a CPU, is slow for odd numbers. On one
    core, from 64 images of 64x64 to 32 maps: 8.8 ms with 3 channels, 2.3 ms with 4.
    """
    if x.shape[-1] == 1 or x.shape[-1] % 2 == 0:
        return x, kernel
    x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, 1)))
    return x, jnp.pad(kernel, ((0, 0), (0, 0), (0, 1), (0, 0)))


def on_cpu(x: Maps, g: Maps, size: int, stride: int, pad: int = 0) -> Kernel:
    """Gradient of sum(g * y) with respect to the kernel, y = x convolved.

      gradient[u, v] = sum_{n, i, j} x'[n, stride i + u, stride j + v]^T g[n, i, j]

    where x' is x with `pad` rows and columns of zeros on each side.

    Args:
      x: (batch, height, width, in), the input.
      g: (batch, height of y, width of y, out), the gradient of y.
      size: height and width of the kernel; a multiple of the stride.
      stride: of the convolution, in both directions.
      pad: rows and columns of zeros that the convolution adds on each side.

    Returns:
      (size, size, in, out).
    """
    # Negative padding removes pixels that no window covers: they have no effect.
    padding = [
        (pad, stride * (windows - 1) + size - length - pad)
        for length, windows in zip(x.shape[1:3], g.shape[1:3], strict=True)
    ]
    if x.shape[-1] > 4 and g.size <= _PIECE * _MOST_PIECES:
        return _by_convolutions(x, g, stride, padding)
    rows, columns = ((low, high, 0) for low, high in padding)
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), rows, columns, (0, 0, 0)))
    by = _of_windows if x.shape[-1] <= 4 else _by_products
    return by(x, g, size, stride)


def _of_windows(x: Maps, g: Maps, size: int, stride: int) -> Kernel:
    """Gradient for few input channels: one product of whole windows, as rows, with g."""
    height, width, out = g.shape[1:]
    steps = range(size // stride)
    x = _blocks(x, stride)
    slices = [x[:, i : i + height, j : j + width] for i in steps for j in steps]
    # Without the barrier a step of a beta-VAE takes about 4 % longer.
    windows = lax.optimization_barrier(jnp.concatenate(slices, axis=-1))
    return _ordered(_rows(windows).T @ _rows(g), size, stride, out)


def _by_convolutions(
    x: Maps, g: Maps, stride: int, padding: list[tuple[int, int]]
) -> Kernel:
    """Gradient for small g: convolves x with g, with the examples as channels.

    A piece of g that does not fit in a core's cache would be read again for each output.
    """
    pieces = min(len(x), -(-g.size // _PIECE))
    parts = []
    for some_x, some_g in zip(
        jnp.array_split(x, pieces), jnp.array_split(g, pieces), strict=True
    ):
        # Without the barrier XLA convolves them in their old memory order, which is slow.
        maps, window = lax.optimization_barrier(
            (some_x.transpose(3, 1, 2, 0), some_g.transpose(1, 2, 0, 3))
        )
        part = lax.conv_general_dilated(
            maps,
            window,
            (1, 1),
            padding,
            rhs_dilation=(stride, stride),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
        )
        parts.append(part)
    return sum(parts[1:], parts[0]).transpose(1, 2, 0, 3).astype(x.dtype)


def _by_products(x: Maps, g: Maps, size: int, stride: int) -> Kernel:
    """Gradient for large g: one product with x for each shift of g over the blocks of x."""
    moves = [(i, size // stride - 1 - i) for i in range(size // stride)]
    # Padding shifts g: slices of x, the other way, would be larger.
    blocks = lax.optimization_barrier(_rows(_blocks(x, stride)))
    parts = [
        _rows(jnp.pad(g, ((0, 0), down, right, (0, 0)))).T @ blocks
        for down in moves
        for right in moves
    ]
    kernel = jnp.stack(parts, axis=1)  # (out, neighbours, pixels of a block)
    return _ordered(kernel.reshape(g.shape[-1], -1).T, size, stride, g.shape[-1])


def _blocks(x: Maps, stride: int) -> Maps:
    """Blocks of stride x stride pixels as channels."""
    n, height, width, c = x.shape
    rows, columns = height // stride, width // stride
    x = x.reshape(n, rows, stride, columns, stride, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, rows, columns, stride * stride * c)


def _ordered(
    kernel: Float[Array, "pixels out"], size: int, stride: int, out: int
) -> Kernel:
    """Reorders the pixels of a window from blocks to rows and columns."""
    blocks = size // stride
    kernel = kernel.reshape(blocks, blocks, stride, stride, -1, out)
    return kernel.transpose(0, 2, 1, 3, 4, 5).reshape(size, size, -1, out)


def _rows(maps: Maps) -> Float[Array, "pixels channels"]:
    return maps.reshape(-1, maps.shape[-1])


def _of_input(g: Maps, kernel: Kernel, stride: int, shape: tuple[int, ...]) -> Maps:
    """Gradient of sum(g * y) with respect to the input of a convolution without padding.

    Every stride-th row and column of it is a convolution of g. XLA instead inserts zeros
    between the pixels of g, and multiplies these zeros too.
    """
    taps = kernel.shape[0] // stride
    parts = [
        lax.conv_general_dilated(
            g,
            kernel[p::stride, q::stride][::-1, ::-1].swapaxes(2, 3),
            (1, 1),
            ((taps - 1, taps - 1), (taps - 1, taps - 1)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        for p in range(stride)
        for q in range(stride)
    ]
    n, height, width, c = parts[0].shape
    x = jnp.stack(parts, axis=3).reshape(n, height, width, stride, stride, c)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(n, stride * height, stride * width, c)
    # Pixels that no window covers have gradient 0.
    missing = [(0, whole - made) for whole, made in zip(shape, x.shape, strict=True)]
    return jnp.pad(x, missing)


def unpadded(
    x: Maps, kernel: Kernel, strides: tuple[int, int], padding: str, **options: Any
) -> Maps:
    """`lax.conv_general_dilated` without padding, for `nn.Conv(conv_general_dilated=...)`.

    Args:
      x: (batch, height, width, in).
      kernel: (size, size, in, out); the size is a multiple of the stride.
      strides: of both directions; they must be equal.
      padding: "VALID".
      **options: of `lax.conv_general_dilated`; no dilation, one group.

    Returns:
      (batch, (height - size) // stride + 1, (width - size) // stride + 1, out).

    Raises:
      ValueError: for other convolutions: their gradients differ.
    """
    dilations = [options.get(f"{side}_dilation") or (1,) for side in ("lhs", "rhs")]
    if (
        padding != "VALID"
        or {*itertools.chain(*dilations)} != {1}
        or options.get("feature_group_count", 1) != 1
        or strides[0] != strides[1]
        or kernel.shape[0] != kernel.shape[1]
        or kernel.shape[0] % strides[0]
    ):
        raise ValueError(
            "unpadded takes no padding, dilation or groups, and a square kernel whose "
            f"size is a multiple of the stride; got padding {padding!r}, strides "
            f"{strides}, kernel {kernel.shape} and {options}."
        )

    def plain(x: Maps, kernel: Kernel) -> Maps:
        return lax.conv_general_dilated(x, kernel, strides, padding, **options)

    def convolve(x: Maps, kernel: Kernel) -> Maps:
        return lax.platform_dependent(
            x, kernel, cpu=lambda *both: plain(*even(*both)), default=plain
        )

    def forward(x: Maps, kernel: Kernel) -> tuple[Maps, tuple[Maps, Kernel]]:
        return convolve(x, kernel), (x, kernel)

    def backward(kept: tuple[Maps, Kernel], g: Maps) -> tuple[Maps, Kernel]:
        x, kernel = kept
        of_x = jax.linear_transpose(lambda x: plain(x, kernel), x)
        of_kernel = jax.linear_transpose(lambda kernel: plain(x, kernel), kernel)
        return lax.platform_dependent(
            g,
            cpu=lambda g: _of_input(g, kernel, strides[0], x.shape),
            default=lambda g: of_x(g)[0],
        ), lax.platform_dependent(
            x,
            g,
            cpu=lambda x, g: on_cpu(x, g, kernel.shape[0], strides[0]),
            default=lambda _, g: of_kernel(g)[0],
        )

    with_gradients = jax.custom_vjp(convolve)
    with_gradients.defvjp(forward, backward)
    return with_gradients(x, kernel)
