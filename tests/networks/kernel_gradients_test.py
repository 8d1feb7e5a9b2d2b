"""Kernel gradients for a CPU equal the definition and those of plain convolutions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.networks import kernel_gradients

# (height, width, in, out, size, stride): few inputs and many; maps whose last row and
# column no window covers
SHAPES = [
    (9, 12, 1, 40, 4, 1),
    (9, 7, 6, 3, 4, 2),
    (10, 13, 6, 40, 4, 2),
    (8, 6, 5, 33, 3, 1),
]

# (numbers per piece, maximum of pieces): three examples in one convolution, in two, in
# three, and in none, because the gradient is too large
PIECES = [(2**16, 32), (1_500, 2), (1, 10_000), (1, 1)]


def _inputs(height, width, c, out, size, stride):
    draw = np.random.default_rng(0).normal
    x = draw(size=(3, height, width, c))
    rows, columns = ((n - size) // stride + 1 for n in (height, width))
    g = draw(size=(3, rows, columns, out))
    return x, g, draw(size=(size, size, c, out))


@pytest.mark.parametrize("pad", [0, 2])
@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_the_sum_over_windows(shape, pieces, pad, monkeypatch):
    monkeypatch.setattr(kernel_gradients, "_PIECE", pieces[0])
    monkeypatch.setattr(kernel_gradients, "_MOST_PIECES", pieces[1])
    size, stride = shape[-2:]
    x, g, kernel = _inputs(*shape)
    if pad:
        x[:, [0, 1, -2, -1]] = x[:, :, [0, 1, -2, -1]] = 0
    wanted = np.zeros_like(kernel)
    for i, j in np.ndindex(*g.shape[1:3]):
        window = x[:, stride * i : stride * i + size, stride * j : stride * j + size]
        wanted += np.einsum("nuvc,no->uvco", window, g[:, i, j])
    inner = x[:, pad : x.shape[1] - pad, pad : x.shape[2] - pad]
    found = kernel_gradients.on_cpu(
        inner.astype(np.float32), g.astype(np.float32), size, stride, pad
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_pieces_of_half_precision_are_added_in_single(monkeypatch):
    draw = np.random.default_rng(0).normal
    x, g = (jnp.bfloat16(draw(size=(64, *shape))) for shape in ((8, 8, 6), (4, 4, 40)))
    exact = kernel_gradients.on_cpu(*(y.astype(jnp.float32) for y in (x, g)), 4, 2, 1)
    monkeypatch.setattr(kernel_gradients, "_PIECE", 4 * 4 * 40 * 2)  # 32 pieces
    found = kernel_gradients.on_cpu(x, g, 4, 2, 1)
    assert found.dtype == jnp.bfloat16
    # half a unit in the last of seven bits, plus the error of single precision
    np.testing.assert_allclose(np.float32(found), exact, rtol=2**-8, atol=1e-4)


@pytest.mark.parametrize("platform", ["cpu", "default"])
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_a_layer_with_these_gradients_is_the_plain_layer(shape, platform, monkeypatch):
    monkeypatch.setattr(  # runs the code of another platform on this device
        kernel_gradients.lax, "platform_dependent", lambda *of, **by: by[platform](*of)
    )
    size, stride = shape[-2:]
    x, g, kernel = (array.astype(np.float32) for array in _inputs(*shape))

    def results(x, kernel, **options):
        layer = nn.Conv(
            g.shape[-1],
            (size, size),
            (stride, stride),
            padding="VALID",
            use_bias=False,
            **options,
        )
        y, pull = jax.vjp(
            lambda x, k: layer.apply({"params": {"kernel": k}}, x), x, kernel
        )
        return y, *pull(jnp.asarray(g))

    own = {"conv_general_dilated": kernel_gradients.unpadded}
    both = jax.jit(lambda *of: [results(*of, **own), results(*of)])(x, kernel)
    for found, wanted in zip(*both, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "strides", "padding"),
    [
        ({"rhs_dilation": (2, 2)}, (1, 1), "VALID"),
        ({"feature_group_count": 2}, (1, 1), "VALID"),
        ({}, (1, 2), "VALID"),
        ({}, (3, 3), "VALID"),
        ({}, (1, 1), "SAME"),
    ],
)
def test_another_convolution_is_refused(options, strides, padding):
    x, kernel = np.ones((1, 9, 9, 2), np.float32), np.ones((4, 4, 2, 2), np.float32)
    with pytest.raises(ValueError, match="no padding, dilation or groups"):
        kernel_gradients.unpadded(x, kernel, strides, padding, **options)
