from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
gaussian_kl = jax.jit(losses.gaussian_kl)
laplace_kl = jax.jit(losses.gaussian_laplace_kl)
aggregate_gaussian = jax.jit(losses.aggregate_gaussian)
total_correlation = jax.jit(losses.gaussian_total_correlation)
kl_to_standard_normal = jax.jit(losses.gaussian_kl_to_standard_normal)


def equicorrelated(dim: int, correlation: float) -> np.ndarray:
    return ((1 - correlation) * np.eye(dim) + correlation).astype(np.float32)


def random_covariance(seed: int, dim: int) -> np.ndarray:
    factor = np.random.default_rng(seed).standard_normal((dim, dim + 2))
    return (factor @ factor.T / dim).astype(np.float32)


def test_gaussian_kl_by_hand():
    mean = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 1.0]])
    logvar = np.log([[1.0, 1.0], [1.0, 1.0], [4.0, 0.25]])
    expected = [0, 2.5, 0.5 * (3 - np.log(4)) + 0.5 * (1 - 0.75 + np.log(4))]
    np.testing.assert_allclose(gaussian_kl(mean, logvar), expected, atol=1e-6)


def test_gaussian_kl_is_the_expected_log_ratio(normal):
    mean, logvar = np.array([[0.7, -0.3]]), np.array([[-1.0, 0.5]])
    noise = normal(0, 200_000, 2)
    z = mean + np.exp(0.5 * logvar) * noise
    log_q = -0.5 * (noise**2 + logvar).sum(axis=1)
    log_p = -0.5 * (z**2).sum(axis=1)
    np.testing.assert_allclose(
        gaussian_kl(mean, logvar)[0], (log_q - log_p).mean(), rtol=0.01
    )


def test_gaussian_kl_small_and_extreme(check_finite):
    # ½ (e^l - 1 - l) = l²/4 near 0.
    kl = gaussian_kl(np.zeros((1, 1)), np.array([[1e-2]]))
    np.testing.assert_allclose(kl, 1e-4 / 4, rtol=1e-2)
    extremes = np.array([[[1e4, -1e4]], [[-80.0, 80.0]]], np.float32)
    check_finite(losses.gaussian_kl, *extremes)


def test_gaussian_kl_jit_vmap_and_gradient(normal, check_gradient):
    mean, logvar = normal(0, 2, 4, 3, 5)
    kl = losses.gaussian_kl(mean, logvar)
    assert kl.shape == (4,)
    np.testing.assert_allclose(gaussian_kl(mean, logvar), kl, rtol=1e-6)
    members = jax.jit(jax.vmap(losses.gaussian_kl))(mean, logvar)
    np.testing.assert_allclose(np.sum(members, axis=1), kl, rtol=1e-5)
    check_gradient(losses.gaussian_kl, (mean, logvar))


@pytest.mark.parametrize("rate", [0.5, 6.0])
@pytest.mark.parametrize("logvar", [-8.0, 0.3])
@pytest.mark.parametrize("distance", [0.0, 0.02, -3.0])
def test_kl_from_a_laplace_is_the_integral(distance, logvar, rate):
    std = np.exp(0.5 * logvar)
    z = distance + std * np.linspace(-9, 9, 200_001)
    log_q = -0.5 * ((z - distance) ** 2 / std**2 + logvar + np.log(2 * np.pi))
    log_p = np.log(rate / 2) - rate * np.abs(z)
    wanted = np.trapezoid(np.exp(log_q) * (log_q - log_p), z)
    location = np.full((1, 1), 0.7)
    found = laplace_kl(location + distance, np.full((1, 1), logvar), location, rate)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5)


def test_kl_from_a_laplace_sums_and_stays_finite(normal, check_gradient, check_finite):
    mean, logvar, location = normal(4, 3, 2, 3)
    kl = lambda mean, logvar: losses.gaussian_laplace_kl(mean, logvar, location, 2.0)
    each = [
        laplace_kl(*(a[:, i : i + 1] for a in (mean, logvar)), at, 2.0)
        for i, at in enumerate(location.T[:, :, None])
    ]
    together = kl(mean, logvar)
    np.testing.assert_allclose(together, np.sum(each, axis=0), rtol=1e-5)
    check_gradient(kl, (mean, logvar))
    far = np.array([[[1e4, -1e4, 0.0]], [[-150.0, 60.0, -1e3]]], np.float32)
    check_finite(lambda *a: losses.gaussian_laplace_kl(*a, np.zeros((1, 3)), 1.0), *far)


def test_gaussian_sample_has_the_mean_and_variance_and_passes_gradients():
    mean, logvar = np.array([[0.7, -3.0]]), np.array([[-1.0, 2.0]])
    keys = jax.random.split(jax.random.key(0), 20_000)
    draw = jax.jit(jax.vmap(lambda key: losses.gaussian_sample(key, mean, logvar)[0]))
    drawn = np.asarray(draw(keys))
    np.testing.assert_allclose(drawn.mean(axis=0), mean[0], atol=0.06)
    np.testing.assert_allclose(drawn.var(axis=0), np.exp(logvar[0]), rtol=0.05)
    loss = lambda m, v: losses.gaussian_sample(keys[0], m, v).sum()
    slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))(mean, logvar)
    np.testing.assert_allclose(slopes[0], 1.0)  # for the mean
    # for the log-variance, half the scaled noise
    spread = drawn[:1] - mean
    np.testing.assert_allclose(slopes[1], 0.5 * spread, rtol=1e-5)


def test_aggregate_gaussian_by_hand():
    mean = np.array([[1.0, 0.0], [3.0, 4.0]])
    logvar = np.log([[1.0, 2.0], [3.0, 6.0]])
    m, covariance = aggregate_gaussian(mean, logvar)
    np.testing.assert_allclose(m, [2, 2], rtol=1e-6)
    np.testing.assert_allclose(covariance, [[2 + 1, 2], [2, 4 + 4]], rtol=1e-6)


def test_aggregate_gaussian_has_the_moments_of_the_mixture(normal):
    mean, logvar = normal(1, 2, 6, 3)
    m, covariance = aggregate_gaussian(mean, logvar)
    noise = normal(2, 100_000, 6, 3)
    z = (mean + np.exp(0.5 * logvar) * noise).reshape(-1, 3)
    np.testing.assert_allclose(m, z.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(covariance, np.cov(z.T), atol=0.04)


def test_standard_normal_has_no_divergence_and_no_total_correlation():
    kl = kl_to_standard_normal(np.zeros(10), np.eye(10))
    np.testing.assert_allclose(kl, 0, atol=1e-6)
    np.testing.assert_allclose(total_correlation(np.eye(10)), 0, atol=1e-6)


@pytest.mark.parametrize("correlation", [-0.8, 0.3, 0.8, 0.99])
def test_two_correlated_dimensions(correlation):
    covariance = equicorrelated(2, correlation)
    expected = -0.5 * np.log(1 - correlation**2)
    tc = total_correlation(covariance)
    kl = kl_to_standard_normal(np.zeros(2), covariance)
    np.testing.assert_allclose(tc, expected, rtol=5e-4)
    np.testing.assert_allclose(kl, expected, rtol=5e-4)


def test_ten_equicorrelated_dimensions():
    # det = (1 - r)^9 (1 + 9 r)
    expected = -0.5 * (9 * np.log(0.5) + np.log(5.5))
    found = total_correlation(equicorrelated(10, 0.5))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_any_covariance_against_the_determinant():
    covariance = random_covariance(0, 5)
    mean = np.arange(5.0)
    exact = np.asarray(covariance, np.float64)
    log_det = np.linalg.slogdet(exact)[1]
    np.testing.assert_allclose(
        total_correlation(covariance, jitter=0),
        0.5 * (np.log(np.diag(exact)).sum() - log_det),
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        kl_to_standard_normal(mean, covariance, jitter=0),
        0.5 * (np.trace(exact) + 30 - 5 - log_det),
        rtol=1e-4,
    )


def test_total_correlation_does_not_depend_on_scale():
    covariance = random_covariance(1, 4)
    scale = np.array([1e-4, 1.0, 30.0, 1e5])
    scaled = total_correlation(covariance * np.outer(scale, scale))
    np.testing.assert_allclose(scaled, total_correlation(covariance), rtol=1e-4)


def test_singular_covariances_stay_finite_and_informative(check_finite):
    loss = lambda s: losses.gaussian_kl_to_standard_normal(np.zeros(3), s)
    duplicated = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    constant = np.diag([1.0, 0.0, 1.0])
    for covariance in (duplicated, constant, np.ones((3, 3)), 1e6 * np.eye(3)):
        assert check_finite(loss, covariance) >= 0
    assert total_correlation(duplicated) > 5
    np.testing.assert_allclose(total_correlation(constant), 0, atol=1e-6)


def test_aggregate_measures_jit_vmap_and_gradient(normal, check_gradient):
    means, logvars = normal(2, 2, 4, 16, 3)

    @jax.jit
    def measures(mean, logvar):
        m, covariance = losses.aggregate_gaussian(mean, logvar)
        kl = losses.gaussian_kl_to_standard_normal(m, covariance)
        return kl, losses.gaussian_total_correlation(covariance)

    single = [
        measures(mean, logvar) for mean, logvar in zip(means, logvars, strict=True)
    ]
    together = jax.jit(jax.vmap(measures))(means, logvars)
    np.testing.assert_allclose(np.stack(together, axis=1), single, rtol=1e-4, atol=1e-5)
    check_gradient(measures, (means[0], logvars[0]))


def test_nll_of_a_gaussian_is_scipy_s(normal, check_gradient):
    from scipy.stats import multivariate_normal

    z, mean, root = normal(0, 7, 3), normal(1, 3), normal(2, 3, 3)
    covariance = root @ root.T + np.eye(3, dtype=np.float32)
    nll = functools.partial(losses.multivariate_normal_nll, jitter=0)
    expected = -multivariate_normal(mean, covariance).logpdf(z)
    np.testing.assert_allclose(jax.jit(nll)(z, mean, covariance), expected, rtol=1e-5)
    check_gradient(nll, (z, mean, covariance))


def test_nll_is_least_at_the_moments_of_the_codes(normal):
    z = normal(0, 50, 2) @ np.array([[1.0, 0.7], [0.0, 0.5]]) + 1
    best = z.mean(0), np.cov(z.T, ddof=0)
    nll = lambda m, s: losses.multivariate_normal_nll(z, m, s, jitter=0).mean()
    grads = jax.jit(jax.grad(nll, (0, 1)))(*best)
    for grad in grads:
        np.testing.assert_allclose(grad, 0, atol=1e-4)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"`logvar` has shape \(2, 4\).*latent = 3"):
        losses.gaussian_kl(jnp.zeros((2, 3)), jnp.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"`mean` has shape \(3,\)"):
        losses.aggregate_gaussian(jnp.zeros(3), jnp.zeros(3))
    with pytest.raises(ValueError, match=r"`covariance` has shape \(2, 3\)"):
        losses.gaussian_total_correlation(jnp.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"`covariance` has shape \(3, 3\)"):
        losses.gaussian_kl_to_standard_normal(jnp.zeros(2), jnp.eye(3))
