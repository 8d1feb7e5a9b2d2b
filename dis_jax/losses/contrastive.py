"""Losses that make the predictions for an image and its transformed copy agree."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_several, check_shapes


def transformation_distance(
    logits: Float[Array, "batch category"],
    transformed_logits: Float[Array, "batch category"],
    *,
    kind: Literal["squared", "symmetric_kl", "cosine"],
) -> Float[Array, " batch"]:
    """Distance between the predicted categories of an image and its transformed copy.

    With p and q the softmax of the two: "squared" is `Σ (p - q)²`, in [0, 2];
    "symmetric_kl" is `KL(p||q) + KL(q||p)`, nats; "cosine" is
    `1 - p·q / (|p| |q|)`, in [0, 1].

    Eq.: Ojha et al. 2019, L_trans

    Args:
      logits: (batch, category), of the images.
      transformed_logits: (batch, category), of their transformed copies, in the same order.
      kind: "squared", "symmetric_kl" or "cosine".

    Returns:
      (batch,), never negative; 0 where both agree.

    Raises:
      ValueError: if the shapes differ or `kind` is unknown.

    Example:
      >>> logits = jnp.array([[99.0, 0.0]])
      >>> print(losses.transformation_distance(logits, logits[:, ::-1], kind="squared"))
      [2.]
    """
    check_shapes(
        logits=(logits, "batch category"),
        transformed_logits=(transformed_logits, "batch category"),
    )
    p, q = jax.nn.softmax(logits), jax.nn.softmax(transformed_logits)
    if kind == "squared":
        return ((p - q) ** 2).sum(axis=1)
    if kind == "symmetric_kl":
        # KL(p||q) + KL(q||p) = Σ (p - q) (log p - log q). Where both probabilities are
        # 0 the term is 0, but -inf - (-inf) would be NaN.
        same = (p == 0) & (q == 0)
        log_p = jnp.where(same, 0.0, jax.nn.log_softmax(logits))
        log_q = jnp.where(same, 0.0, jax.nn.log_softmax(transformed_logits))
        return ((p - q) * (log_p - log_q)).sum(axis=1)
    if kind == "cosine":
        return 1 - (_unit(p) * _unit(q)).sum(axis=1)
    raise ValueError(
        f'`kind` is {kind!r}; expected "squared", "symmetric_kl" or "cosine".'
    )


def nt_xent(
    features: Float[Array, "batch feature"],
    transformed_features: Float[Array, "batch feature"],
    temperature: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Normalised temperature-scaled cross-entropy: identifies each image's other copy.

    `-log [exp(s_ij / t) / Σ_{k≠i} exp(s_ik / t)]` over all 2N rows i, with s the cosine
    similarity and j the transformed copy of i: 1 positive and 2N - 2 negatives per row.

    Eq.: Chen et al. 2020, (1)

    Args:
      features: (batch, feature), of the images; normalised here.
      transformed_features: (batch, feature), of their transformed copies, in the same
        order.
      temperature: a scalar above 0.

    Returns:
      A scalar, nats, the mean over the 2N rows; log(2N - 1) if all features are equal.

    Raises:
      ValueError: if the shapes differ, `temperature` is not a scalar, or the batch
        contains one pair, which has no negatives.

    Example:
      >>> ones = jnp.ones((4, 3))
      >>> print(losses.nt_xent(ones, ones, temperature=0.5).round(4))  # log 7
      1.9459
    """
    check_shapes(
        features=(features, "batch feature"),
        transformed_features=(transformed_features, "batch feature"),
        temperature=(temperature, ""),
    )
    check_several(features=features)
    batch = len(features)
    rows = _unit(jnp.concatenate([features, transformed_features]))
    # "highest": the default on GPU (TF32) keeps about 3 digits, and 1 / temperature
    # would amplify the error.
    similarity = jnp.matmul(rows, rows.T, precision="highest") / temperature
    # The diagonal at offset N holds s(i, N + i) for the first N rows; s is symmetric,
    # so the last N rows have the same values.
    positive = jnp.tile(jnp.diagonal(similarity, batch), 2)
    # exp(-inf) = 0: a row's denominator excludes the row and includes its positive.
    itself = jnp.eye(2 * batch, dtype=bool)
    others = jnp.where(itself, -jnp.inf, similarity)
    return (jax.nn.logsumexp(others, axis=1) - positive).mean()


def _unit(rows: Float[Array, "batch feature"]) -> Float[Array, "batch feature"]:
    """Rows scaled to length 1; a row of zeros stays zero."""
    # The bound is inside the square root, whose slope at 0 is infinite. It is eps²: with a
    # smaller bound the gradient of a row of zeros, 1 / bound, would outweigh all others.
    square = (rows**2).sum(axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.maximum(square, jnp.finfo(rows.dtype).eps ** 2))
