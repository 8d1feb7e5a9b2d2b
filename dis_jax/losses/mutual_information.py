"""Estimates of mutual information from the scores of a critic, in nats.

A critic scores pairs: T(x, y) on positive pairs, drawn from the joint p(x, y), T' on
negative pairs, drawn from the product p(x) p(y). All estimators average over the leading
axis, the batch; further axes are positions (a local critic gives one score per position),
which are averaged last. A larger estimate means more information.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from dis_jax.losses._shapes import check_several, check_shapes


def donsker_varadhan(
    joint_scores: Float[Array, " batch *positions"],
    marginal_scores: Float[Array, " batch2 *positions"],
) -> Float[Array, ""]:
    """Donsker-Varadhan estimate of mutual information.

    `E[T] - log E[exp T']`, a lower bound in expectation over infinitely many samples,
    tight for T = log p(x, y) / (p(x) p(y)) + any constant.

    Bias: the logarithm of a minibatch mean is too small on average, so the estimate is
    too large; this bias grows with the information. Variance: at least
    (exp(I) - 1) / batch for the optimal critic.

    Eq.: Belghazi et al. 2018, Theorem 1

    Args:
      joint_scores: (batch, *positions), T on positive pairs.
      marginal_scores: (batch2, *positions), T on negative pairs.

    Returns:
      A scalar, nats: the estimate at each position, averaged over positions.

    Raises:
      ValueError: if the positions differ or there is no batch axis.

    Example:
      >>> joint, marginal = jnp.array([2.0, 4.0]), jnp.array([0.0, 0.0])
      >>> print(losses.donsker_varadhan(joint, marginal))
      3.0
    """
    _check_scores(joint_scores, marginal_scores)
    # One logarithm per position: each position has its own normaliser, and a mean of
    # lower bounds is a lower bound.
    return (joint_scores.mean(axis=0) - _log_mean_exp(marginal_scores)).mean()


def mine_surrogate(
    joint_scores: Float[Array, " batch *positions"],
    marginal_scores: Float[Array, " batch2 *positions"],
    moving_average: Float[Array, " *positions"],
    decay: Float[Array, ""] | float,
) -> tuple[Float[Array, ""], Float[Array, " *positions"]]:
    """Donsker-Varadhan estimate with MINE's corrected gradient.

    The value is `donsker_varadhan`; the gradient is `E[∇T] - E[exp(T') ∇T'] / A`, where
    A is a moving average of E[exp T'] instead of the minibatch mean, whose gradient is
    biased. The bias of the gradient falls as `decay` rises to 1; the bias and variance
    of the value are those of Donsker-Varadhan.

    Eq.: Belghazi et al. 2018, (12)

    Args:
      joint_scores: (batch, *positions), T on positive pairs.
      marginal_scores: (batch2, *positions), T on negative pairs.
      moving_average: (*positions), the LOGARITHM of the moving average so far, so that
        no score overflows; start with zeros. A scalar for a global critic.
      decay: weight of the past, in [0, 1); 0 gives the plain gradient.

    Returns:
      The estimate, a scalar in nats, and the new logarithm of the moving average,
      (*positions), through which no gradient flows.

    Raises:
      ValueError: if the positions differ or there is no batch axis.

    Example:
      >>> joint, marginal = jnp.array([2.0, 4.0]), jnp.array([0.0, 0.0])
      >>> average = jnp.array(1.0)
      >>> estimate, average = losses.mine_surrogate(joint, marginal, average, decay=0)
      >>> print(estimate, average)
      3.0 0.0
    """
    _check_scores(joint_scores, marginal_scores)
    check_shapes(
        marginal_scores=(marginal_scores, "batch2 *positions"),
        moving_average=(moving_average, "*positions"),
        decay=(decay, ""),
    )
    log_mean = _log_mean_exp(marginal_scores)
    # log(decay A + (1 - decay) E[exp T']); decay = 0 gives log 0 = -inf, which
    # logaddexp takes as a weight of 0.
    average = jax.lax.stop_gradient(
        jnp.logaddexp(jnp.log(decay) + moving_average, jnp.log1p(-decay) + log_mean)
    )
    # E[exp T'] / A: A is constant, so the gradient is E[exp(T') ∇T'] / A.
    correction = jnp.exp(_log_mean_exp(marginal_scores - average))
    correction -= jax.lax.stop_gradient(correction)  # value 0, gradient unchanged
    value = joint_scores.mean(axis=0) - jax.lax.stop_gradient(log_mean)
    return (value - correction).mean(), average


def nwj(
    joint_scores: Float[Array, " batch *positions"],
    marginal_scores: Float[Array, " batch2 *positions"],
) -> Float[Array, ""]:
    """Nguyen-Wainwright-Jordan estimate of mutual information, also called f-MINE-KL.

    `E[T] - E[exp(T' - 1)]`, a lower bound, tight for
    T = 1 + log p(x, y) / (p(x) p(y)).

    Bias: none at any batch size for a given critic, so it is a bound also on average
    over minibatches. Variance: grows as exp(I); for large information the estimate is
    useless unless the batch is of the order exp(I).

    Eq.: Nguyen et al. 2010, Lemma 1

    Args:
      joint_scores: (batch, *positions), T on positive pairs.
      marginal_scores: (batch2, *positions), T on negative pairs; a score above 89
        overflows float32 and gives -inf.

    Returns:
      A scalar, nats, averaged over positions.

    Raises:
      ValueError: if the positions differ or there is no batch axis.

    Example:
      >>> joint, marginal = jnp.array([2.0, 4.0]), jnp.array([1.0, 1.0])
      >>> print(losses.nwj(joint, marginal))
      2.0
    """
    _check_scores(joint_scores, marginal_scores)
    # No logarithm of a mean: hence no bias, and one mean over batch and positions.
    return joint_scores.mean() - jnp.exp(marginal_scores - 1).mean()


def jensen_shannon(
    joint_scores: Float[Array, " batch *positions"],
    marginal_scores: Float[Array, " batch2 *positions"],
) -> Float[Array, ""]:
    """Jensen-Shannon objective: rises with mutual information, on a different scale.

    `-E[softplus(-T)] - E[softplus(T')]`. Its maximum over critics is 2 JSD - 2 log 2,
    with JSD the Jensen-Shannon divergence of joint and product, reached by
    T = log p(x, y) / (p(x) p(y)): 0 information gives -2 log 2, and the value saturates
    at 0. Pass the scores of its critic unchanged to `donsker_varadhan`, `info_nce` and
    `smile`, and to `nwj` after adding 1; prefer `smile`, since `nwj` is unreliable on
    such a critic.

    Bias: none for a given critic. Variance: bounded, which is why it trains well.

    Eq.: Hjelm et al. 2019, (4)

    Args:
      joint_scores: (batch, *positions), T on positive pairs.
      marginal_scores: (batch2, *positions), T on negative pairs.

    Returns:
      A scalar, nats of a divergence, at most 0, averaged over positions.

    Raises:
      ValueError: if the positions differ or there is no batch axis.

    Example:
      >>> print(losses.jensen_shannon(jnp.zeros(4), jnp.zeros(4)).round(4))  # -2 log 2
      -1.3863
    """
    _check_scores(joint_scores, marginal_scores)
    # The log-likelihood of a discriminator with logits T: log σ(T) = -softplus(-T).
    joint, marginal = jax.nn.softplus(-joint_scores), jax.nn.softplus(marginal_scores)
    return -joint.mean() - marginal.mean()


def info_nce(score_matrix: Float[Array, " batch batch *positions"]) -> Float[Array, ""]:
    """InfoNCE estimate of mutual information from the scores of all pairs.

    `E_i[T_ii - log 1/N Σ_j exp T_ij]`: how well the critic selects y_i among the N
    of the batch. A lower bound in expectation, tight for T = log p(x|y) + any c(x) as N
    grows.

    Bias: never above log N, whatever the information is. Variance: low.

    Eq.: van den Oord et al. 2018, (4)

    Args:
      score_matrix: (batch, batch, *positions), T(x_i, y_j); the positive pairs are
        on the diagonal.

    Returns:
      A scalar, nats, at most log batch, averaged over positions.

    Raises:
      ValueError: if the first two axes differ, or have one example: without negative
        pairs the estimate is always 0.

    Example:
      >>> print(losses.info_nce(50 * jnp.eye(8)).round(4))  # log 8
      2.0794
    """
    check_shapes(score_matrix=(score_matrix, "batch batch *positions"))
    check_several(score_matrix=score_matrix)
    # `diagonal` appends its axis: (*positions, batch) -> (batch, *positions).
    diagonal = jnp.moveaxis(jnp.diagonal(score_matrix), -1, 0)
    # The positive is one of the N scores of the mean: hence the upper bound log N.
    return (diagonal - _log_mean_exp(score_matrix, axis=1)).mean()


def smile(
    joint_scores: Float[Array, " batch *positions"],
    marginal_scores: Float[Array, " batch2 *positions"],
    clip: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Smoothed mutual information estimate: Donsker-Varadhan with clipped scores.

    `E[T] - log E[exp clip(T', -clip, clip)]`; `clip=inf` gives `donsker_varadhan`,
    clip -> 0 gives the mean of T. The authors train the critic by `jensen_shannon` and use
    this for the estimate only.

    Bias: no bound either way; clipping large T' raises the estimate, clipping small T'
    lowers it.
    Variance: at most of the order exp(2 clip) / batch, whatever the information is.

    Eq.: Song & Ermon 2020, definition of I_SMILE

    Args:
      joint_scores: (batch, *positions), T on positive pairs.
      marginal_scores: (batch2, *positions), T on negative pairs.
      clip: a scalar above 0; 1 to 10 is usual.

    Returns:
      A scalar, nats: the estimate at each position, averaged over positions.

    Raises:
      ValueError: if the positions differ or there is no batch axis.

    Example:
      >>> joint, marginal = jnp.array([2.0, 4.0]), jnp.array([-50.0, -50.0])
      >>> print(losses.smile(joint, marginal, clip=5.0))
      8.0
    """
    _check_scores(joint_scores, marginal_scores)
    check_shapes(clip=(clip, ""))
    # T stays unclipped: the variance comes from exp T' in the normaliser.
    return donsker_varadhan(joint_scores, jnp.clip(marginal_scores, -clip, clip))


def club(
    joint_log_prob: Float[Array, " batch *positions"],
    marginal_log_prob: Float[Array, " batch2 *positions"],
) -> Float[Array, ""]:
    """Contrastive log-ratio UPPER bound of mutual information.

    `E[log q(y|x)] - E'[log q(y|x)]`, E' over negative pairs. It is an upper bound for
    q(y|x) = p(y|x), and for a learned q as long as q is nearer to the joint than to the
    product.

    Bias: upwards, by KL(p(x) p(y) || p(x, y)) for the true conditional. Variance: that
    of a mean of log-likelihoods, low.

    Eq.: Cheng et al. 2020, definition of I_CLUB

    Args:
      joint_log_prob: (batch, *positions), log q(y|x) of positive pairs.
      marginal_log_prob: (batch2, *positions), of negative pairs.

    Returns:
      A scalar, nats, averaged over positions.

    Raises:
      ValueError: if the positions differ or there is no batch axis.

    Example:
      >>> print(losses.club(jnp.array([-1.0, -2.0]), jnp.array([-4.0, -5.0])))
      3.0
    """
    check_shapes(
        joint_log_prob=(joint_log_prob, "batch *positions"),
        marginal_log_prob=(marginal_log_prob, "batch2 *positions"),
    )
    return joint_log_prob.mean() - marginal_log_prob.mean()


def roll_negatives(
    x: Float[Array, " batch *features"],
) -> Float[Array, " batch *features"]:
    """Makes negative pairs: gives each example the x of its neighbour in the batch.

    `x'_i = x_{i-1}`. No example keeps its own x, and no randomness is needed; the
    batch must be in random order.

    Eq.: Sanchez et al. 2020, section 3

    Args:
      x: (batch, *features).

    Returns:
      (batch, *features), rolled by one along the batch.

    Raises:
      ValueError: if there is no batch axis, or a batch of one, which has no
        negative pair.

    Example:
      >>> print(losses.roll_negatives(jnp.array([0.0, 1.0, 2.0])))
      [2. 0. 1.]
    """
    check_shapes(x=(x, "batch *features"))
    check_several(x=x)
    return jnp.roll(x, 1, axis=0)


def permute_negatives(
    key: Key[Array, ""], x: Float[Array, " batch *features"]
) -> Float[Array, " batch *features"]:
    """Makes negative pairs: gives each example the x of another, random example.

    The batch is permuted by one random cycle, so no example keeps its own x; a plain
    permutation leaves one example of a batch in place, on average.

    Eq.: Belghazi et al. 2018, Algorithm 1

    Args:
      key: a random key.
      x: (batch, *features).

    Returns:
      (batch, *features), the rows of `x` in another order.

    Raises:
      ValueError: if there is no batch axis, or a batch of one, which has no
        negative pair.

    Example:
      >>> x = losses.permute_negatives(jax.random.key(0), jnp.arange(4.0))
      >>> print((x == jnp.arange(4)).any(), x.sum())
      False 6.0
    """
    check_shapes(x=(x, "batch *features"))
    check_several(x=x)
    order = jax.random.permutation(key, len(x))
    # source[order[k]] = order[k - 1]: a single cycle through the whole batch.
    source = jnp.zeros_like(order).at[order].set(jnp.roll(order, 1))
    return x[source]


def all_pairs_scores(
    score_matrix: Float[Array, " batch batch *positions"],
) -> tuple[Float[Array, " batch *positions"], Float[Array, " pairs *positions"]]:
    """Splits the scores of all pairs into those of positive and of negative pairs.

    All batch (batch - 1) off-diagonal pairs are negative pairs; they are not independent
    of each other.

    Eq.: Poole et al. 2019, section 2

    Args:
      score_matrix: (batch, batch, *positions), T(x_i, y_j).

    Returns:
      The diagonal, (batch, *positions), and the rest, (batch (batch - 1), *positions):
      `joint_scores` and `marginal_scores` of the estimators.

    Raises:
      ValueError: if the first two axes differ, or have one example, which leaves no
        negative pair.

    Example:
      >>> joint, marginal = losses.all_pairs_scores(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
      >>> print(joint, marginal)
      [1. 4.] [2. 3.]
    """
    check_shapes(score_matrix=(score_matrix, "batch batch *positions"))
    check_several(score_matrix=score_matrix)
    batch, _, *positions = score_matrix.shape
    joint = jnp.moveaxis(jnp.diagonal(score_matrix), -1, 0)
    # Diagonal elements are batch + 1 apart. Without the first, the rest forms batch - 1
    # rows of batch + 1; each row ends with a diagonal element, which is dropped.
    flat = score_matrix.reshape(batch * batch, *positions)[1:]
    rows = flat.reshape(batch - 1, batch + 1, *positions)[:, :-1]
    return joint, rows.reshape(batch * (batch - 1), *positions)


def _check_scores(joint_scores: Array, marginal_scores: Array) -> None:
    check_shapes(
        joint_scores=(joint_scores, "batch *positions"),
        marginal_scores=(marginal_scores, "batch2 *positions"),
    )


def _log_mean_exp(scores: Array, axis: int = 0) -> Array:
    return jax.nn.logsumexp(scores, axis=axis) - jnp.log(scores.shape[axis])
