"""The three forms of the strided convolution are one function, gradients included."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import networks

# (size, in, out): channels on both sides of each threshold of the form "pair"; the weight
# gradient of the last map is a sum of two parts
SHAPES = [(32, 2, 16), (16, 16, 3), (4, 3, 2), (4, 6, 40), (64, 2, 3)]


def _on(platform, monkeypatch):
    """Runs the code of another platform on this device."""
    monkeypatch.setattr(
        jax.lax, "platform_dependent", lambda *of, **by: by[platform](*of)
    )


def _slow_down(x, kernel):
    """The definition: y[i, j] = sum_uv xpad[2 i + u, 2 j + v] k[u, v]."""
    n, h, w, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.zeros((n, h // 2, w // 2, kernel.shape[-1]))
    for u in range(4):
        for v in range(4):
            y += padded[:, u : u + h - 1 : 2, v : v + w - 1 : 2] @ kernel[u, v]
    return y


def _slow_up(x, kernel):
    """The definition: every input pixel adds its rotated kernel to the output."""
    n, h, w, _ = x.shape
    y = np.zeros((n, 2 * h + 2, 2 * w + 2, kernel.shape[-1]))
    for u in range(4):
        for v in range(4):
            y[:, u : u + 2 * h - 1 : 2, v : v + 2 * w - 1 : 2] += (
                x @ kernel[3 - u, 3 - v]
            )
    return y[:, 1:-1, 1:-1]


def _inputs(size, c_in, c_out):
    keys = jax.random.split(jax.random.key(size), 2)
    x = jax.random.normal(keys[0], (2, size, size, c_in))
    kernel = jax.random.normal(keys[1], (4, 4, c_in, c_out))
    return x, kernel


@pytest.mark.parametrize("form", networks.FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_those_of_the_definition(form, shape):
    x, kernel = _inputs(*shape)
    functions = networks.convolve_down, networks.convolve_up
    down, up = (jax.jit(partial(f, form=form))(x, kernel) for f in functions)
    x64, k64 = np.float64(x), np.float64(kernel)
    np.testing.assert_allclose(down, _slow_down(x64, k64), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(up, _slow_up(x64, k64), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("form", "platform"), [("pair", "cpu"), ("pair", "default"), ("matmul", "cpu")]
)
@pytest.mark.parametrize("function", [networks.convolve_down, networks.convolve_up])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_plain_lax(form, platform, function, shape, monkeypatch):
    _on(platform, monkeypatch)

    def gradients(form, x, kernel):
        y, pull = jax.vjp(lambda x, k: function(x, k, form=form), x, kernel)
        return pull(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    both = jax.jit(lambda *of: [gradients(name, *of) for name in (form, "lax")])
    for found, wanted in zip(*both(*_inputs(*shape)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("form", "platform"), [(f, "cpu") for f in networks.FORMS] + [("pair", "default")]
)
def test_a_population_of_kernels_equals_a_loop(form, platform, monkeypatch):
    _on(platform, monkeypatch)
    x, _ = _inputs(8, 3, 2)
    kernels = jax.random.normal(jax.random.key(1), (3, 4, 4, 3, 2))

    def loss(kernel):
        return (
            networks.convolve_up(
                networks.convolve_down(x, kernel, form=form),
                kernel.transpose(0, 1, 3, 2),
                form=form,
            )
            ** 2
        ).sum()

    together, alone = jax.jit(jax.vmap(jax.grad(loss))), jax.jit(jax.grad(loss))
    for kernel, found in zip(kernels, together(kernels), strict=True):
        np.testing.assert_allclose(found, alone(kernel), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("shape", [(64, 4, 4), (16, 16, 2)])
@pytest.mark.parametrize("function", [networks.convolve_down, networks.convolve_up])
def test_products_of_half_precision_are_summed_in_full(function, shape, monkeypatch):
    """Only inputs and results are rounded: by up to 2^-9, on average .0017 of them."""
    _on("default", monkeypatch)
    half = [a.astype(jnp.bfloat16) for a in _inputs(*shape)]
    full = [a.astype(jnp.float32) for a in half]

    def all_of(x, kernel):
        y, pull = jax.vjp(function, x, kernel)
        return y, *pull(jnp.ones_like(y))

    for found, wanted in zip(*(jax.jit(all_of)(*a) for a in (half, full)), strict=True):
        assert found.dtype == jnp.bfloat16
        error = jnp.linalg.norm(found - wanted) / jnp.linalg.norm(wanted)
        assert error < 0.0025


def test_shapes_that_do_not_fit_are_refused():
    x, kernel = _inputs(4, 3, 2)
    with pytest.raises(ValueError, match=r"expected \(batch, height, width, in\)"):
        networks.convolve_up(x[..., :2], kernel)
    with pytest.raises(ValueError, match="halves even maps"):
        networks.convolve_down(x[:, :3, :3], kernel)
