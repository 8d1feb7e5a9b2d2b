"""The beta-VAE score: a classifier finds the factor that two images share."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from dis_jax.probing.checks import (
    check_spread,
    left_out_of_grid,
    random_key,
    varying_factors,
)
from dis_jax.probing.encoding import Encode, FactorGrid, factor_encoder, sample_factors
from dis_jax.probing.sklearn_models import fit_logistic
from dis_jax.progress import progress_bar

_ROWS = 65_536  # codes in memory at once
# Outside this range of standard deviations the classifier stays at chance: below it
# because of its penalty, above it because of its solver.
SPREAD = 0.05, 1e6


class BetaVaeScore(NamedTuple):
    """Result of `beta_vae_score`.

    Attributes:
      score: accuracy of the linear classifier on fresh examples, 0 to 1.
      train_score: its accuracy on the examples that it was fitted to.
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    score: float
    train_score: float
    left_out: Mapping[str, str] = {}


def beta_vae_score(
    encode: Encode,
    data: FactorGrid,
    key: Key[Array, ""] | int,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
) -> BetaVaeScore:
    """Beta-VAE score: a linear classifier finds the factor that pairs of images share.

    For each example, draw a factor k, and pairs of images that agree on it; the feature
    is the mean over the pairs of |z - z'|, the label is k. The score is the accuracy of a
    logistic regression on fresh examples.

    Eq.: Higgins et al. 2017, Section 3

    The settings are disentanglement_lib's. The score is lenient: a code can score 1
    although it spreads a factor over many dimensions, or does not encode one factor.
    Guessing scores about 1/K. Factors with one value are skipped: all pairs agree on them.

    Args:
      encode: any function from a batch of images to codes (batch, latent).
      data: a full grid of factors: has `sizes` and `images(factors)`.
      key: source of the examples; or a seed.
      batch_size: pairs per example.
      num_train: examples that the classifier is fitted to.
      num_eval: examples on which it is scored.

    Returns:
      `BetaVaeScore(score, train_score)`; higher is better.

    Raises:
      ValueError: if a count is too small, if fewer than two factors vary, if the codes
        have a scale at which the classifier cannot be fitted, or if `encode` returns
        codes that are not finite or not one row per image.

    Example:
      >>> import types
      >>> import jax
      >>> from dis_jax import evaluation
      >>> grid = types.SimpleNamespace(sizes=(4, 5), images=lambda factors: factors)
      >>> result = evaluation.beta_vae_score(
      ...     lambda images: 2.0 * images, grid, jax.random.key(0),
      ...     num_train=100, num_eval=100)
      >>> result.score
      1.0
    """
    key = random_key(key)
    for name, value in (
        ("batch_size", batch_size),
        ("num_train", num_train),
        ("num_eval", num_eval),
    ):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, found {value}.")
    sizes = tuple(int(size) for size in data.sizes)
    varying = varying_factors(sizes, "the beta-VAE score")
    total = num_train + num_eval
    codes_of = factor_encoder(encode, data, 2 * total * batch_size)
    step = max(1, min(total, _ROWS // (2 * batch_size)))
    # Rounded up to whole chunks, so that all have one shape and compile once; the
    # examples beyond `total` are not used.
    keys = jax.random.split(key, -(-total // step) * step).reshape(-1, step)
    features, labels = [], []
    for chunk in progress_bar(keys, unit="chunk of examples", delay=5):
        shared, pairs = _draw_pairs(chunk, batch_size, sizes, varying)
        codes = codes_of(pairs.reshape(-1, len(sizes)))
        if not features:
            check_spread(np.asarray(codes), "the beta-VAE score", *SPREAD)
        # As floats: the difference of two unsigned integers may wrap around.
        codes = codes.astype(jnp.promote_types(codes.dtype, jnp.float32))
        codes = codes.reshape(step, 2, batch_size, -1)
        # (example, batch, latent) -> (example, latent)
        features.append(jnp.abs(codes[:, 0] - codes[:, 1]).mean(axis=1))
        labels.append(shared)
    x, y = np.concatenate(features)[:total], np.concatenate(labels)[:total]
    return classify(x, y, num_train, left_out_of_grid(sizes))


def classify(
    x: Float[np.ndarray, "example latent"],
    y: Int[np.ndarray, " example"],
    num_train: int,
    left_out: Mapping[str, str],
) -> BetaVaeScore:
    """The score of a classifier that is fitted to the first `num_train` examples."""
    train, test = slice(num_train), slice(num_train, None)
    if np.ptp(y[train]) == 0:  # a single example
        return BetaVaeScore(float(np.mean(y[test] == y[0])), 1.0, left_out)
    model = fit_logistic(x[train], y[train])
    fresh, fitted = (float(model.score(x[part], y[part])) for part in (test, train))
    return BetaVaeScore(fresh, fitted, left_out)


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _draw_pairs(
    keys: Key[Array, " example"],
    batch_size: int,
    sizes: tuple[int, ...],
    varying: tuple[int, ...],
) -> tuple[Int[Array, " example"], Int[Array, "example two batch factor"]]:
    """Draws for each key a factor, and the factors of image pairs that agree on it."""

    def draw(key: Array) -> tuple[Array, Array]:
        which, rest = jax.random.split(key)
        shared = jnp.asarray(varying)[jax.random.randint(which, (), 0, len(varying))]
        pairs = sample_factors(rest, (2, batch_size), sizes)
        # Each pair has its own value of the shared factor.
        return shared, pairs.at[1, :, shared].set(pairs[0, :, shared])

    return jax.vmap(draw)(keys)
