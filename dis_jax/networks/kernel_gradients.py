"""Gradients of convolutions with respect to their kernels, fast on a CPU.

For this gradient XLA's CPU backend runs a convolution whose window is a whole map. On one
core, for 64 maps of 61x61, 64 to 128 channels, it takes 3.7 s; matrix products of the
same numbers take .28 s. Other backends keep their own.
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


def by_products(x: Maps, g: Maps, size: int, stride: int) -> Kernel:
    """Gradient of sum(g * y) with respect to the kernel, y = x convolved, by products.

      gradient[u, v] = sum_{n, i, j} x[n, stride i + u, stride j + v] g[n, i, j]^T

    Args:
      x: (batch, height, width, in), the input, padded if the convolution pads.
      g: (batch, height of y, width of y, out), the gradient of y.
      size: height and width of the kernel; a multiple of the stride.
      stride: of the convolution, in both directions.

    Returns:
      (size, size, in, out).
    """
    height, width, out = g.shape[1:]
    c, blocks = x.shape[-1], size // stride
    rows, columns = height + blocks - 1, width + blocks - 1
    # Blocks of stride x stride pixels become channels. A window is then blocks x blocks
    # neighbours, and each neighbour of all windows is one slice.
    x = x[:, : stride * rows, : stride * columns]
    x = x.reshape(len(x), rows, stride, columns, stride, c).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(len(x), rows, columns, stride * stride * c)
    pixels = (blocks, blocks, stride, stride, c)
    steps = range(blocks)
    # Three ways to the same sums, since narrow products are slow: of few inputs, whole
    # windows side by side; of few outputs, g beside itself, moved by a column; else one
    # product for each neighbour.
    if c <= 4:
        slices = [x[:, i : i + height, j : j + width] for i in steps for j in steps]
        # Without the barrier a step of a beta-VAE takes about 4 % longer.
        windows = lax.optimization_barrier(jnp.concatenate(slices, axis=-1))
        kernel = (_rows(windows).T @ _rows(g)).reshape(*pixels, out)
    elif out <= 32:
        pads = [((0, 0), (0, 0), (j, blocks - 1 - j), (0, 0)) for j in steps]
        shifted = _rows(jnp.concatenate([jnp.pad(g, pad) for pad in pads], axis=-1))
        parts = [shifted.T @ _rows(x[:, i : i + height]) for i in steps]
        kernel = jnp.stack(parts).reshape(*pixels[:2], out, *pixels[2:])
        kernel = jnp.moveaxis(kernel, 2, -1)
    else:
        slices = [x[:, i : i + height, j : j + width] for i in steps for j in steps]
        parts = [_rows(g).T @ _rows(part) for part in slices]
        kernel = jnp.stack(parts, axis=1).reshape(out, *pixels)
        kernel = jnp.moveaxis(kernel, 0, -1)
    return kernel.transpose(0, 2, 1, 3, 4, 5).reshape(size, size, c, out)


def _rows(maps: Maps) -> Float[Array, "pixels channels"]:
    return maps.reshape(-1, maps.shape[-1])


def unpadded(
    x: Maps, kernel: Kernel, strides: tuple[int, int], padding: str, **options: Any
) -> Maps:
    """`lax.conv_general_dilated` without padding, for `nn.Conv(conv_general_dilated=...)`.

    Args:
      x: (batch, height, width, in).
      kernel: (size, size, in, out); the size is a multiple of the stride.
      strides: of both directions, equal.
      padding: "VALID".
      **options: of `lax.conv_general_dilated`; no dilation, one group.

    Returns:
      (batch, (height - size) // stride + 1, (width - size) // stride + 1, out).

    Raises:
      ValueError: for another convolution, whose gradient this is not.
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

    def convolve(x: Maps, kernel: Kernel) -> Maps:
        return lax.conv_general_dilated(x, kernel, strides, padding, **options)

    def forward(x: Maps, kernel: Kernel) -> tuple[Maps, tuple[Maps, Kernel]]:
        return convolve(x, kernel), (x, kernel)

    def backward(kept: tuple[Maps, Kernel], g: Maps) -> tuple[Maps, Kernel]:
        x, kernel = kept
        of_x = jax.linear_transpose(lambda x: convolve(x, kernel), x)
        of_kernel = jax.linear_transpose(lambda kernel: convolve(x, kernel), kernel)
        return of_x(g)[0], lax.platform_dependent(
            x,
            g,
            cpu=lambda x, g: by_products(x, g, kernel.shape[0], strides[0]),
            default=lambda _, g: of_kernel(g)[0],
        )

    with_gradients = jax.custom_vjp(convolve)
    with_gradients.defvjp(forward, backward)
    return with_gradients(x, kernel)
