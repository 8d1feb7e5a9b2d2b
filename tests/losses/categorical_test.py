from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
gumbel_softmax = jax.jit(losses.gumbel_softmax, static_argnames="hard")
entropy_of = jax.jit(losses.categorical_entropy)
categorical_kl = jax.jit(losses.categorical_kl)
info_lower_bound = jax.jit(losses.info_lower_bound)
LOGITS = np.log(np.array([0.05, 0.15, 0.2, 0.6], np.float32))


def log(values):
    """Logarithms, -inf of 0."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(values, np.float32))


def test_gumbel_softmax_draws_classes_with_their_probabilities():
    logits = np.broadcast_to(LOGITS + 7.0, (1_000_000, 4))
    soft = np.asarray(gumbel_softmax(jax.random.key(1), logits, 0.1))
    counts = np.bincount(soft.argmax(axis=1), minlength=4)
    expected = 1e6 * np.exp(np.asarray(LOGITS, float))
    p = scipy.stats.chisquare(counts, expected * 1e6 / expected.sum()).pvalue
    assert p > 1e-3


def test_gumbel_softmax_gradient_equals_finite_differences(normal, check_gradient):
    logits = normal(2, 3, 4)
    key, weights = jax.random.key(3), np.arange(4.0)

    def weighted(logits, temperature, hard):
        drawn = losses.gumbel_softmax(key, logits, temperature, hard)
        return (weights * drawn).sum()

    gradient = jax.jit(jax.grad(weighted), static_argnums=2)
    for temperature in (0.3, 1.0):
        draw = lambda logits, t=temperature: losses.gumbel_softmax(key, logits, t)
        check_gradient(draw, (logits,))
        soft, hard = (gradient(logits, temperature, hard) for hard in (False, True))
        np.testing.assert_allclose(hard, soft, rtol=1e-6)


def test_gumbel_softmax_entropy_falls_with_temperature():
    logits = np.broadcast_to(LOGITS, (2000, 4))
    temperatures = np.array([0, 0.03, 0.1, 0.3, 1, 3, 10, 1e30, np.inf], np.float32)
    draw = jax.jit(jax.vmap(losses.gumbel_softmax, (None, None, 0)))
    soft = np.asarray(draw(jax.random.key(4), logits, temperatures))
    np.testing.assert_allclose(soft.sum(axis=-1), 1, rtol=1e-5)
    entropy = -scipy.special.xlogy(soft, soft).sum(axis=-1).mean(axis=1)
    assert (np.diff(entropy[:-2]) > 0).all()
    np.testing.assert_array_equal(soft[0], np.eye(4)[soft[1].argmax(axis=1)])
    np.testing.assert_allclose(soft[-2:], 0.25, rtol=1e-6)


def test_an_excluded_class_stays_excluded_at_infinite_temperature():
    logits = np.array([[0.0, -np.inf, 0.0]], np.float32)
    for temperature in (np.float32(1e38), np.inf):
        soft = losses.gumbel_softmax(jax.random.key(0), logits, temperature)
        np.testing.assert_array_equal(soft, [[0.5, 0.0, 0.5]])


def test_gumbel_softmax_hard_is_one_hot(normal):
    logits = normal(5, 50, 3, 4)
    hard = gumbel_softmax(jax.random.key(6), logits, 0.67, hard=True)
    soft = np.asarray(gumbel_softmax(jax.random.key(6), logits, 0.67))
    np.testing.assert_array_equal(hard, np.eye(4)[soft.argmax(axis=-1)])


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 1.0, 1e30])
def test_gumbel_softmax_extremes_stay_finite(temperature, check_finite):
    logits = np.array(
        [[1e9, -1e9, 0.0], [-np.inf, 0.0, 1.0], [1e30, 1e30, -1e30]], np.float32
    )
    draw = lambda x: losses.gumbel_softmax(jax.random.key(7), x, temperature)
    check_finite(lambda x: draw(x)[:, 0], logits)
    draws = np.asarray(jax.jit(draw)(logits))
    np.testing.assert_allclose(draws.sum(axis=1), 1, rtol=1e-5)
    assert draws[1, 0] == 0  # a class of probability 0 is never drawn


def test_entropy_by_hand():
    logits = log([[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1]])
    entropy = losses.categorical_entropy(logits)
    np.testing.assert_allclose(entropy, [1.5 * np.log(2), np.log(3), 0], atol=1e-6)


def test_kl_by_hand():
    logits = log([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    prior = log([0.2, 0.3, 0.5])
    kl = categorical_kl(logits, prior + 3.0)
    expected = [0.5 * np.log(0.5 / 0.2) + 0.5 * np.log(0.5 / 0.3), 0]
    np.testing.assert_allclose(kl, expected, atol=1e-6)
    uniform = categorical_kl(logits, np.zeros(3, np.float32))
    entropy = np.asarray(entropy_of(logits))
    np.testing.assert_allclose(uniform, np.log(3) - entropy, rtol=1e-5)
    lacking = log([0.5, 0.0, 0.5])
    np.testing.assert_array_equal(categorical_kl(logits, lacking), [np.inf] * 2)


def test_info_lower_bound_by_hand():
    logits = log([[0.7, 0.3], [0.4, 0.6]])
    code = np.array([[1.0, 0.0], [0.25, 0.75]])
    prior = log([0.8, 0.2])
    log_q = (np.log(0.7) + 0.25 * np.log(0.4) + 0.75 * np.log(0.6)) / 2
    entropy = -0.8 * np.log(0.8) - 0.2 * np.log(0.2)
    bound = info_lower_bound(logits, code, prior)
    np.testing.assert_allclose(bound, log_q + entropy, rtol=1e-6)


def test_info_lower_bound_is_the_information_for_the_true_posterior():
    # A channel that keeps the class with probability .9, uniform input.
    code = np.repeat(np.eye(2), 10, axis=0)
    seen = np.array([0] * 9 + [1] + [1] * 9 + [0])
    posterior = log([[0.9, 0.1], [0.1, 0.9]])[seen]
    exact = np.log(2) + 0.9 * np.log(0.9) + 0.1 * np.log(0.1)
    bound = info_lower_bound(posterior, code, np.zeros(2))
    np.testing.assert_allclose(bound, exact, rtol=1e-6)
    worse = info_lower_bound(2 * posterior, code, np.zeros(2))
    assert worse < bound


@pytest.mark.parametrize(
    "loss",
    [
        lambda logits, prior: losses.categorical_entropy(logits),
        losses.categorical_kl,
        lambda logits, prior: losses.info_lower_bound(logits, jnp.eye(3), prior),
    ],
    ids=["entropy", "kl", "info"],
)
def test_jit_vmap_gradient_and_extremes(loss, normal, check_gradient, check_finite):
    logits = normal(8, 2, 3, 3)
    prior = np.array([0.3, -0.5, 1.0], np.float32)
    single = [loss(member, prior) for member in logits]
    together = jax.jit(jax.vmap(loss, (0, None)))(logits, prior)
    np.testing.assert_allclose(together, single, rtol=1e-5, atol=1e-6)
    check_gradient(loss, (logits[0], prior))
    extreme = np.array(
        [[1e9, -1e9, 0.0], [-1e4, 1e4, 0.0], [0.0, 0.0, 1e30]], np.float32
    )
    check_finite(loss, extreme, prior)


def test_a_prior_without_a_class_stays_finite(check_finite):
    prior = log([0.5, 0.5, 0.0])
    entropy = check_finite(losses.categorical_entropy, prior)
    np.testing.assert_allclose(entropy, np.log(2), rtol=1e-6)
    code = np.eye(3, dtype=np.float32)[:2]
    flat = np.zeros((2, 3), np.float32)
    bound = check_finite(losses.info_lower_bound, flat, code, prior)
    np.testing.assert_allclose(bound, np.log(2) - np.log(3), rtol=1e-5)
    # the true posterior gives such classes probability 0: the bound is tight
    value = info_lower_bound(log(code), code, prior)
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    both = np.array([[0.0, 1.0, -np.inf], [0.5, 0.0, -np.inf]], np.float32)
    grads = jax.jit(jax.grad(losses.info_lower_bound))(both, code, prior)
    softmax = scipy.special.softmax(both, axis=1)
    np.testing.assert_allclose(grads, (code - softmax) / 2, rtol=1e-5)
    logits = np.array([[0.0, 0.0, -np.inf]], np.float32)
    kl = check_finite(lambda x: losses.categorical_kl(x, prior), logits)
    np.testing.assert_allclose(kl, 0, atol=1e-6)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"`prior_logits` has shape \(4,\)"):
        losses.categorical_kl(jnp.zeros((2, 3)), jnp.zeros(4))
    with pytest.raises(ValueError, match=r"`code` has shape \(2, 4\)"):
        losses.info_lower_bound(jnp.zeros((2, 3)), jnp.zeros((2, 4)), jnp.zeros(3))
    with pytest.raises(ValueError, match=r"`logits` has shape \(\)"):
        losses.categorical_entropy(jnp.array(0.0))
    with pytest.raises(ValueError, match=r"`temperature` has shape \(2,\)"):
        losses.gumbel_softmax(jax.random.key(0), jnp.zeros((2, 3)), jnp.ones(2))
