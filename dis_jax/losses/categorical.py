"""Categorical codes: relaxed samples, entropies, divergences, a bound on information.

Logits are unnormalised log-probabilities. A class whose logit is -inf has probability 0
and contributes nothing to any sum, so a prior may exclude classes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from dis_jax.losses._shapes import check_shapes


def gumbel_softmax(
    key: Key[Array, ""],
    logits: Float[Array, " batch *codes category"],
    temperature: Float[Array, ""] | float,
    hard: bool = False,
) -> Float[Array, " batch *codes category"]:
    """Relaxed draw from a categorical distribution, differentiable in the logits.

    `softmax((logits + g) / temperature)` with Gumbel noise g. At temperature 0 it is a
    one-hot draw with the exact probabilities; at infinite temperature it is uniform
    over the classes whose logit is not -inf. The variance of the gradient grows as the
    temperature falls.

    Eq.: Jang et al. 2017, (2)

    Args:
      key: a random key.
      logits: (batch, *codes, category).
      temperature: a scalar, not negative.
      hard: whether the value is rounded to one-hot while the gradient stays that of the
        relaxed draw (straight-through).

    Returns:
      (batch, *codes, category), not negative, summing to 1 over the last axis.

    Raises:
      ValueError: if `logits` has no class axis or `temperature` is not a scalar.

    Example:
      >>> logits = jnp.log(jnp.array([[0.0, 1.0, 0.0]]))
      >>> print(losses.gumbel_softmax(jax.random.key(0), logits, temperature=0.1))
      [[0. 1. 0.]]
    """
    check_shapes(
        logits=(logits, "batch *codes category"), temperature=(temperature, "")
    )
    noisy = logits + jax.random.gumbel(key, logits.shape)
    # Subtract the maximum before dividing: then no quotient is positive, and none
    # overflows to +inf. Softmax ignores the shift, so it needs no gradient.
    noisy -= jax.lax.stop_gradient(noisy.max(axis=-1, keepdims=True))
    # At temperature 0 the maximum gives 0 / tiny = 0, all others large negative
    # numbers: the one-hot limit, without 0 / 0. An excluded class stays excluded at
    # infinite temperature, without -inf / inf.
    colder = noisy / jnp.maximum(temperature, jnp.finfo(noisy.dtype).tiny)
    soft = jax.nn.softmax(jnp.where(jnp.isneginf(noisy), noisy, colder))
    if not hard:
        return soft
    one_hot = jax.nn.one_hot(noisy.argmax(axis=-1), logits.shape[-1], dtype=soft.dtype)
    # The bracket is exactly 0, so the value is exactly one-hot; without the bracket
    # (one_hot + soft) - soft would round.
    return one_hot + (soft - jax.lax.stop_gradient(soft))


def categorical_entropy(
    logits: Float[Array, " *batch category"],
) -> Float[Array, " *batch"]:
    """Entropy of categorical distributions.

    `H = -Σ_k p_k log p_k`, p = softmax(logits).

    Eq.: Shannon 1948, section 6

    Args:
      logits: (*batch, category).

    Returns:
      (*batch,), nats, from 0 to log(number of classes).

    Raises:
      ValueError: if there is no class axis.

    Example:
      >>> print(losses.categorical_entropy(jnp.zeros((1, 10))).round(4))  # log 10
      [2.3026]
    """
    check_shapes(logits=(logits, "*batch category"))
    p, log_p = _distribution(logits)
    return -(p * log_p).sum(axis=-1)


def categorical_kl(
    logits: Float[Array, " batch *codes category"],
    prior_logits: Float[Array, " category"],
) -> Float[Array, " batch *codes"]:
    """KL divergence of categorical distributions from a prior.

    `Σ_k q_k (log q_k - log p_k)`, q = softmax(logits), p = softmax(prior_logits).

    Eq.: Dupont 2018, KL divergence of the discrete latents

    Args:
      logits: (batch, *codes, category).
      prior_logits: (category,); zeros for a uniform prior.

    Returns:
      (batch, *codes), nats, never negative; infinite where the prior excludes a class
      that has positive probability.

    Raises:
      ValueError: if the numbers of classes differ.

    Example:
      >>> kl = losses.categorical_kl(jnp.array([[0.0, 0.0], [99.0, 0.0]]), jnp.zeros(2))
      >>> print(kl.round(4))  # 0 and log 2
      [0.     0.6931]
    """
    check_shapes(
        logits=(logits, "batch *codes category"),
        prior_logits=(prior_logits, "category"),
    )
    q, log_q = _distribution(logits)
    log_p = jax.nn.log_softmax(prior_logits)
    # q = 0 contributes 0 even where log p = -inf; 0 times infinity would be NaN.
    return (q * jnp.where(q > 0, log_q - log_p, 0.0)).sum(axis=-1)


def info_lower_bound(
    logits: Float[Array, "batch category"],
    code: Float[Array, "batch category"],
    prior_logits: Float[Array, " category"],
) -> Float[Array, ""]:
    """InfoGAN's lower bound on the mutual information of an image and its category.

    `I(c; G(z, c)) >= E[log Q(c|x)] + H(c)`, tight for Q(c|x) = P(c|x).

    Bias: downwards, by E_x KL(P(c|x) || Q(c|x)). Variance: that of a mean of
    log-likelihoods, low.

    The gradient of H(c) moves a learned prior towards uniform; pass
    `stop_gradient(prior_logits)` to keep the value without this gradient.

    Eq.: Chen et al. 2016, (5)

    Args:
      logits: (batch, category), Q's logits on the images generated from `code`.
      code: (batch, category), one-hot or relaxed draws from the prior.
      prior_logits: (category,); zeros for a uniform prior.

    Returns:
      A scalar, nats, the mean over the batch; at most H(c).

    Raises:
      ValueError: if the shapes do not agree.

    Example:
      >>> code = jnp.eye(4)
      >>> bound = losses.info_lower_bound(99 * code, code, jnp.zeros(4))
      >>> print(bound.round(4))  # log 4
      1.3863
    """
    check_shapes(
        logits=(logits, "batch category"),
        code=(code, "batch category"),
        prior_logits=(prior_logits, "category"),
    )
    log_q = jax.nn.log_softmax(logits)
    # 0 log 0 = 0 for a class that Q excludes and that the code does not contain.
    log_q = jnp.where((code == 0) & jnp.isneginf(log_q), 0.0, log_q)
    log_likelihood = (code * log_q).sum(axis=-1)
    return log_likelihood.mean() + categorical_entropy(prior_logits)


def _distribution(logits: Array) -> tuple[Array, Array]:
    """Probabilities and their logarithms; 0 replaces log 0, so that p log p is 0."""
    log_p = jax.nn.log_softmax(logits)
    p = jnp.exp(log_p)
    return p, jnp.where(p > 0, log_p, 0.0)
