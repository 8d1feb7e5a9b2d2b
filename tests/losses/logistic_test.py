from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
logistic = jax.jit(losses.discretised_logistic_nll)
mixture = jax.jit(losses.logistic_mixture_nll)
clipped_mean = jax.jit(losses.clipped_logistic_mean)
LEVELS = np.arange(256) / 255


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def bins(mean, scale):
    """The probability of each of the 256 levels, by its definition, in 64 bits."""
    edges = (np.arange(1, 256) - 0.5) / 255
    below = np.concatenate([[0.0], sigmoid((edges - mean) / scale), [1.0]])
    return np.diff(below)


@pytest.mark.parametrize(
    ("mean", "scale"), [(0.5, 0.1), (0.0, 0.02), (0.97, 0.3), (0.3, 5.0), (1.2, 0.05)]
)
def test_the_probability_of_every_level_is_that_of_its_bin(mean, scale):
    given = (np.full((256, 1), value) for value in (mean, np.log(scale)))
    nll = np.asarray(logistic(*given, LEVELS[:, None]))
    wanted = bins(mean, scale)
    kept = wanted > 1e-12  # here 64-bit differences keep 4 digits
    np.testing.assert_allclose(nll[kept], -np.log(wanted[kept]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.exp(-nll).sum(), 1, rtol=1e-5)


def test_a_mixture_of_one_is_a_logistic_and_of_two_is_their_weighted_sum(normal):
    mean, scale, other = (0.3 * normal(i, 2, 4, 4, 3) for i in range(3))
    targets = np.random.default_rng(0).integers(0, 256, mean.shape) / 255
    alone = logistic(mean, scale, targets)
    one = mixture(np.zeros((2, 4, 4, 1)), mean[..., None], scale[..., None], targets)
    np.testing.assert_allclose(one, alone, rtol=1e-5)

    # channels share the component: the weights stand outside of the product over them
    weights = np.log([0.25, 0.75])
    two = mixture(
        np.broadcast_to(weights, (2, 4, 4, 2)),
        np.stack([mean, other], axis=-1),
        np.stack([scale, scale], axis=-1),
        targets,
    )
    flat = lambda m: np.asarray(
        logistic(*(a.reshape(32, 3) for a in (m, scale, targets)))
    )
    pixel = 0.25 * np.exp(-flat(mean)) + 0.75 * np.exp(-flat(other))
    np.testing.assert_allclose(two, -np.log(pixel).reshape(2, 16).sum(1), rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "scale"), [(0.5, 0.1), (0.0, 0.05), (0.97, 0.3), (0.3, 2.0), (0.8, 0.01)]
)
def test_the_clipped_mean_is_that_of_the_levels(mean, scale):
    found = clipped_mean(np.float32(mean), np.float32(np.log(scale)))
    np.testing.assert_allclose(found, (bins(mean, scale) * LEVELS).sum(), atol=2e-5)


def test_extremes_are_finite_and_shapes_are_checked(
    check_finite, check_gradient, normal
):
    # scales from far below a level to far above all, targets at both ends
    mean = np.array([[0.0, 1.0, 50.0, -50.0, 0.5, 0.5]], np.float32)
    scale = np.array([[-9.0, -9.0, -5.0, -5.0, 60.0, 20.0]], np.float32)
    targets = np.array([[0.0, 1.0, 0.0, 1.0, 0.5, 1.0]], np.float32)
    nll = lambda m, s: losses.discretised_logistic_nll(m, s, targets)
    check_finite(nll, mean, scale)
    check_finite(losses.clipped_logistic_mean, mean, np.clip(scale, -9, 9))
    inner = 0.5 + 0.1 * normal(0, 2, 6), 0.3 * normal(1, 2, 6) - 2
    targets = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(2, 6)
    check_gradient(nll, inner)
    np.testing.assert_allclose(logistic(*inner, targets), nll(*inner), rtol=1e-6)
    with pytest.raises(ValueError, match="`log_scale` has shape"):
        losses.discretised_logistic_nll(mean, scale[:, :2], targets)
    with pytest.raises(ValueError, match="`mean` has shape"):
        losses.logistic_mixture_nll(jnp.zeros((2, 4)), targets, targets, targets)
