from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
bernoulli_nll = jax.jit(losses.bernoulli_nll)
gaussian_nll = jax.jit(losses.gaussian_nll)


def test_bernoulli_nll_by_hand():
    logits = np.log([[3.0, 1.0], [1.0, 1 / 3]])  # p = 3/4, 1/2, 1/2, 1/4
    targets = np.array([[1.0, 0.0], [0.5, 0.2]])
    expected = [
        -np.log(0.75) - np.log(0.5),
        -np.log(0.5) - 0.2 * np.log(0.25) - 0.8 * np.log(0.75),
    ]
    np.testing.assert_allclose(bernoulli_nll(logits, targets), expected, 1e-6)


def test_bernoulli_nll_keeps_small_values():
    # log(1 + exp(-20)) = exp(-20): softplus(20) - 20 would give 0 in float32.
    nll = bernoulli_nll(np.array([[20.0], [-20.0]]), np.array([[1.0], [0.0]]))
    np.testing.assert_allclose(nll, np.exp(-20.0), rtol=1e-5)


def test_bernoulli_nll_extremes_stay_finite():
    logits = np.array([[1e9, -1e9, 1e9, -1e9]], np.float32)
    targets = np.array([[1.0, 0.0, 0.0, 1.0]], np.float32)
    nll, gradient = jax.value_and_grad(lambda x: bernoulli_nll(x, targets)[0])(logits)
    np.testing.assert_allclose(nll, 2e9)
    np.testing.assert_array_equal(gradient, [[0.0, 0.0, 1.0, -1.0]])


def test_bernoulli_nll_is_least_at_the_target():
    target = np.array([[0.3]], np.float32)
    gradient = jax.jit(jax.grad(lambda x: losses.bernoulli_nll(x, target)[0]))
    np.testing.assert_allclose(gradient(np.log([[3 / 7]])), 0, atol=1e-7)
    np.testing.assert_allclose(gradient(np.array([[0.0]])), 0.2, rtol=1e-6)


def test_gaussian_nll_by_hand():
    mean = np.array([[0.0, 1.0], [2.0, 2.0]])
    targets = np.array([[1.0, 1.0], [0.0, 5.0]])
    log_2pi = np.log(2 * np.pi)
    np.testing.assert_allclose(
        gaussian_nll(mean, targets), [0.5 + log_2pi, 6.5 + log_2pi], 1e-6
    )
    np.testing.assert_allclose(
        gaussian_nll(mean, targets, variance=4.0),
        [0.125 + log_2pi + np.log(4), 1.625 + log_2pi + np.log(4)],
        rtol=1e-6,
    )
    per_pixel = gaussian_nll(mean, targets, np.array([1.0, 9.0]))
    np.testing.assert_allclose(
        per_pixel, [0.5 + log_2pi + np.log(3), 2.5 + log_2pi + np.log(3)], rtol=1e-6
    )


def test_gaussian_nll_is_a_density():
    # exp(-nll) integrates to 1.
    grid = np.linspace(-12, 12, 4001)[:, None]
    density = np.exp(-gaussian_nll(np.full_like(grid, 0.5), grid, 2.0))
    np.testing.assert_allclose(np.trapezoid(density, grid[:, 0]), 1, rtol=1e-5)


@pytest.mark.parametrize("loss", [losses.bernoulli_nll, losses.gaussian_nll])
def test_any_rank_jit_vmap_and_gradient(loss, normal, check_gradient):
    x = normal(0, 3, 5, 4, 4, 2)
    targets = np.random.default_rng(1).random(x.shape, dtype=np.float32)
    per_example = loss(x, targets)
    assert per_example.shape == (3,)
    compiled = jax.jit(loss)
    flat = compiled(x.reshape(3, -1), targets.reshape(3, -1))
    np.testing.assert_allclose(per_example, flat, rtol=1e-5)
    np.testing.assert_allclose(compiled(x, targets), per_example, rtol=1e-5)
    vmapped = jax.jit(jax.vmap(loss))(x, targets)  # 3 members of 5 images each
    assert vmapped.shape == (3, 5)
    np.testing.assert_allclose(np.sum(vmapped, axis=1), per_example, rtol=1e-5)
    check_gradient(loss, (x[:, 0, 0], targets[:, 0, 0]))


@pytest.mark.parametrize("loss", [losses.bernoulli_nll, losses.gaussian_nll])
def test_wrong_shapes_are_named(loss):
    with pytest.raises(ValueError, match=r"`targets` has shape \(2, 4\).*feature = 3"):
        loss(jnp.zeros((2, 3)), jnp.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"has shape \(2,\)"):
        loss(jnp.zeros(2), jnp.zeros(2))


def test_bytes_are_refused_and_booleans_are_not():
    grey, one = jnp.full((2, 3), 0.5), jnp.ones((2, 3))
    thrice = one[..., None]
    for loss in (
        losses.bernoulli_nll,
        losses.gaussian_nll,
        losses.optimal_variance,
        lambda mean, x: losses.discretised_logistic_nll(mean, mean, x),
        lambda mean, x: losses.logistic_mixture_nll(
            thrice, mean[..., None, None], mean[..., None, None], x[..., None]
        ),
    ):
        np.testing.assert_array_equal(loss(grey, one), loss(grey, one.astype(bool)))
        for compiled in (loss, jax.jit(loss)):
            with pytest.raises(ValueError, match=r"`targets` are uint8.*bytes / 255"):
                compiled(grey, (255 * one).astype(jnp.uint8))
            with pytest.raises(ValueError, match="`targets` are int32"):
                compiled(grey, one.astype(jnp.int32))


def test_gaussian_nll_refuses_a_variance_of_another_shape():
    with pytest.raises(ValueError, match=r"`variance` has shape \(4,\)"):
        losses.gaussian_nll(jnp.zeros((2, 3)), jnp.zeros((2, 3)), jnp.ones(4))


def test_the_optimal_variance_is_the_mean_squared_error(check_finite):
    mean, targets = (
        jnp.array([[0.0, 1.0], [2.0, 0.0]]),
        jnp.array([[1.0, 1.0], [0.0, 1.0]]),
    )
    np.testing.assert_allclose(losses.optimal_variance(mean, targets), 1.5)
    nll = lambda variance: losses.gaussian_nll(mean, targets, variance).sum()
    np.testing.assert_allclose(jax.grad(nll)(1.5), 0, atol=1e-6)
    check_finite(losses.optimal_variance, targets, targets)  # a perfect fit
    with pytest.raises(ValueError, match="`targets` has shape"):
        losses.optimal_variance(mean, targets[:1])
