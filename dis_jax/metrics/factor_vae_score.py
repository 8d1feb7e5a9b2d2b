"""The FactorVAE score: a majority vote on the dimension that varies least."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.probing.checks import (
    left_out_of_grid,
    pruned,
    random_key,
    unit_scale,
    varying_factors,
)
from dis_jax.probing.encoding import Encode, FactorGrid, factor_encoder, sample_factors
from dis_jax.progress import progress_bar

FACTOR_VAE_PAPER = {"batch_size": 100, "num_train": 800, "num_eval": 800}
_ROWS = 65_536  # codes in memory at once while votes are counted


class FactorVaeScore(NamedTuple):
    """Result of `factor_vae_score`.

    Attributes:
      score: accuracy of the majority vote on fresh votes, 0 to 1.
      train_score: its accuracy on the votes that define the majority.
      votes: how often each dimension varied least when each factor was fixed,
        (latent, factor), in the votes that define the majority.
      std: standard deviation of each dimension over the set, (latent,).
      kept: which dimensions vary enough to be used, (latent,).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    score: float
    train_score: float
    votes: np.ndarray
    std: np.ndarray
    kept: np.ndarray
    left_out: Mapping[str, str] = {}


def factor_vae_score(
    encode: Encode,
    data: FactorGrid,
    key: Key[Array, ""] | int,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    num_variance: int = 10_000,
    min_std: float = 0.05,
    discrete: Sequence[int] = (),
) -> FactorVaeScore:
    """FactorVAE score: the dimension that varies least predicts the fixed factor.

    For each vote, draw a factor k, and images that share one value of it;
    d = argmin_j Var_local(z_j) / Var_global(z_j), variances with ddof 1. The majority
    classifier predicts the factor that dimension d was voted for most often; the score
    is its accuracy on fresh votes.

    The variance of a category is Gini's. For numbers and categories,
    Var(z_j) = 1 / (2 B (B - 1)) sum_ab d(z_aj, z_bj), where d of two numbers is their
    squared difference; d of two categories is 1 if they differ, else 0.

    Eq.: Kim & Mnih 2018, Section 4 and Appendix B

    The defaults are disentanglement_lib's; `**FACTOR_VAE_PAPER` gives the paper's 800
    votes of 100 images. A code without any dimension above `min_std` scores 0; guessing
    scores about 1/K. Factors with one value are skipped: fixing them has no effect. A
    grid with fewer images than the votes need is encoded once, and its codes are looked
    up.

    Args:
      encode: any function from a batch of images to codes (batch, latent).
      data: a full grid of factors: has `sizes` and `images(factors)`.
      key: source of the votes, or a seed; the same one gives the same votes to every
        encoder.
      batch_size: images per vote.
      num_train: votes from which the majority is learned.
      num_eval: votes on which it is scored.
      num_variance: images from which the global variances are estimated.
      min_std: dimensions with a smaller standard deviation are skipped.
      discrete: dimensions whose values are labels of categories, not numbers.

    Returns:
      `FactorVaeScore(score, train_score, votes, std, kept)`; higher is better.

    Raises:
      ValueError: if a count is too small, if a discrete dimension is not one of the
        code's, if fewer than two factors vary, or if `encode` returns codes that are
        not finite or not one row per image.

    Example:
      >>> import types
      >>> import jax
      >>> from dis_jax import evaluation
      >>> grid = types.SimpleNamespace(sizes=(4, 5), images=lambda factors: factors)
      >>> code = lambda images: 2.0 * images
      >>> result = evaluation.factor_vae_score(
      ...     code, grid, jax.random.key(0), num_train=100, num_eval=100)
      >>> result.score
      1.0
    """
    key = random_key(key)
    for name, value, least in (
        ("batch_size", batch_size, 2),
        ("num_train", num_train, 1),
        ("num_eval", num_eval, 1),
        ("num_variance", num_variance, 2),
    ):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, found {value}.")
    sizes = tuple(int(size) for size in data.sizes)
    num_images = num_variance + (num_train + num_eval) * batch_size
    codes_of = factor_encoder(encode, data, num_images)
    return score_votes(
        codes_of,
        sizes,
        key,
        batch_size=batch_size,
        num_train=num_train,
        num_eval=num_eval,
        num_variance=num_variance,
        min_std=min_std,
        discrete=discrete,
    )


def score_votes(
    codes_of: Callable[[Int[Array, "batch factor"]], Float[Array, "batch latent"]],
    sizes: tuple[int, ...],
    key: Key[Array, ""],
    *,
    batch_size: int,
    num_train: int,
    num_eval: int,
    num_variance: int,
    min_std: float,
    discrete: Sequence[int] = (),
) -> FactorVaeScore:
    """`factor_vae_score`, given a function from factors to codes."""
    varying = varying_factors(sizes, "the FactorVAE score")
    variance_key, vote_key = jax.random.split(key)
    factors = sample_factors(variance_key, (num_variance,), sizes)
    codes = codes_of(factors)
    discrete = tuple(discrete)
    if not {*discrete} <= {*range(codes.shape[1])}:
        raise ValueError(
            f"discrete is {discrete}; expected some of the dimensions from 0 to "
            f"{codes.shape[1] - 1}."
        )
    # Squares of codes of 1e19 overflow float32, those of 1e-30 vanish.
    scale = unit_scale(np.asarray(codes))
    scale[list(discrete)] = 1
    unit = jnp.asarray(1 / scale, jnp.float32)
    variance = _variance(codes * unit, discrete)
    std = np.sqrt(np.asarray(variance, np.float64)) * scale
    kept = jnp.asarray(std >= min_std)
    # (training or fresh, latent, factor)
    votes = np.zeros((2, len(variance), len(sizes)), np.int64)
    if kept.any():
        # Chunks of one shape compile once, and bound the memory.
        chunks = math.ceil((num_train + num_eval) * batch_size / _ROWS)
        step = math.ceil((num_train + num_eval) / chunks)
        keys = jax.random.split(vote_key, chunks * step).reshape(chunks, step)
        drawn = []
        for chunk in progress_bar(keys, unit="chunk of votes", delay=5):
            fixed, factors = _draw_votes(chunk, batch_size, sizes, varying)
            codes = codes_of(factors.reshape(-1, len(sizes)))
            codes = codes.reshape(step, batch_size, -1)
            drawn.append((_stillest(codes * unit, variance, kept, discrete), fixed))
        stillest, fixed = np.concatenate(drawn, axis=1)[:, : num_train + num_eval]
        fresh = (np.arange(num_train + num_eval) >= num_train).astype(int)
        # `+=` would count repeated indices once.
        np.add.at(votes, (fresh, stillest, fixed), 1)
    train_score, score = majority_accuracies(votes)
    return FactorVaeScore(
        score=score,
        train_score=train_score,
        votes=votes[0],
        std=std,
        kept=np.asarray(kept),
        left_out=left_out_of_grid(sizes) | pruned(std, min_std),
    )


def majority_accuracies(
    votes: Int[np.ndarray, "two latent factor"],
) -> tuple[float, float]:
    """Accuracy of the training votes' majority, on training votes and on fresh votes."""
    majority = votes[0].argmax(axis=1)
    # (2,): training and fresh votes whose factor is the majority's for their dimension.
    correct = votes[:, np.arange(len(majority)), majority].sum(axis=1)
    train, fresh = correct / np.maximum(1, votes.sum(axis=(1, 2)))
    return float(train), float(fresh)


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _draw_votes(
    keys: Key[Array, " vote"],
    batch_size: int,
    sizes: tuple[int, ...],
    varying: tuple[int, ...],
) -> tuple[Int[Array, " vote"], Int[Array, "vote batch factor"]]:
    """Draws for each key a factor, and factors of images that share one value of it."""

    def draw(key: Array) -> tuple[Array, Array]:
        which, rest = jax.random.split(key)
        fixed = jnp.asarray(varying)[jax.random.randint(which, (), 0, len(varying))]
        factors = sample_factors(rest, (batch_size,), sizes)
        return fixed, factors.at[:, fixed].set(factors[0, fixed])

    return jax.vmap(draw)(keys)


@functools.partial(jax.jit, static_argnums=3)
def _stillest(
    codes: Float[Array, "vote batch latent"],
    variance: Float[Array, " latent"],
    kept: Bool[Array, " latent"],
    discrete: tuple[int, ...],
) -> Int[Array, " vote"]:
    """The kept dimension with the smallest relative variance."""
    # A dropped dimension may have variance 0: divides by 1, then sets its ratio to inf.
    ratio = _variance(codes, discrete) / jnp.where(kept, variance, 1.0)
    return jnp.argmin(jnp.where(kept, ratio, jnp.inf), axis=1)


@functools.partial(jax.jit, static_argnums=1)
def _variance(
    codes: Float[Array, "*votes batch latent"], discrete: tuple[int, ...]
) -> Float[Array, "*votes latent"]:
    variance = jnp.var(codes, axis=-2, ddof=1)
    for dim in discrete:
        variance = variance.at[..., dim].set(_gini(codes[..., dim]))
    return variance


@functools.partial(jnp.vectorize, signature="(batch)->()")
def _gini(labels: Float[Array, " batch"]) -> Float[Array, ""]:
    """Half the probability that two different rows have different labels."""
    # Equal labels are neighbours in sorted order: two binary searches count them,
    # without a batch x batch comparison.
    ordered = jnp.sort(labels)
    first, last = (
        jnp.searchsorted(ordered, ordered, side=s) for s in ("left", "right")
    )
    count = len(labels)
    # Over all pairs, also of a row with itself; count / (count - 1) corrects for these.
    alike = ((last - first) / count).mean()
    return (1 - alike) * count / (2 * (count - 1))
