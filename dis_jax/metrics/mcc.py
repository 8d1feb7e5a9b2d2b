"""Mean correlation coefficient: each factor matched with one dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from dis_jax.probing.cross_fit import (
    check_values,
    halves,
    not_scored,
    numbers,
    predict,
    standardise,
)
from dis_jax.probing.factor_kinds import Kind, as_targets, period_of

_CORRELATIONS = ("pearson", "spearman")
_TRANSFORMS = (None, "linear", "kernel")


class Mcc(NamedTuple):
    """Result of `mcc`.

    Attributes:
      score: mean over factors of the correlation with their dimension, 0 to 1.
      per_factor: that of each factor, (factor,); NaN for categories.
      matching: the dimension of each factor, found on all rows, (factor,); -1 where
        it is a category or there are too few dimensions.
      correlations: absolute, of all rows, (latent, factor); with a transform, of its
        outputs, (output, factor).
      left_out: skipped dimensions and factors, with the reason.
    """

    score: float
    per_factor: np.ndarray
    matching: np.ndarray
    correlations: np.ndarray
    left_out: Mapping[str, str] = {}


def mcc(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    correlation: str = "pearson",
    held_out: bool = True,
    transform: str | None = None,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> Mcc:
    """Mean correlation coefficient of factors and the dimensions matched with them.

    MCC = 1/K sum_k |corr(z_p(k), v_k)|, with p the one-to-one matching that maximises
    the sum (Hungarian algorithm).

    Eq.: Hyvarinen & Morioka 2016, mean correlation coefficient

    It is 1 if the code is the factors up to order, sign and scale (Pearson), or up to
    monotone functions of each (Spearman): strong identifiability. `transform` puts an
    affine function or a kernel regression between the codes and the factors, as weak
    identifiability allows (Khemakhem et al. 2020). Matching and transform are found on
    one half of the rows and scored on the other, each half once: on the same rows, the
    choice of the best match would give noise a score. `held_out=False` does both on all
    rows, as most published numbers do. The correlation with an angle is the multiple
    correlation of a dimension with its cosine and sine (Mardia 1976): a code that is
    the angle itself is not a linear function of them, and scores below 1.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), numbers; categories have no correlation.
      correlation: "pearson" or "spearman".
      held_out: whether the matching is scored on other rows than it was found on.
      transform: None, "linear" or "kernel".
      kinds: one a factor, all continuous by default; those that are "categorical" take
        no part, and ("circular", period) are angles.
      seed: of the halves.

    Returns:
      `Mcc(score, per_factor, matching, correlations, left_out)`; higher is better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a factor is constant, there
        are fewer than eight rows, no factor is a number, or an option is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.random.default_rng(0).normal(size=(500, 3))
      >>> result = evaluation.mcc(-2 * factors[:, [2, 0, 1]], factors)
      >>> round(result.score, 6), result.matching
      (1.0, array([1, 2, 0]))
    """
    if correlation not in _CORRELATIONS or transform not in _TRANSFORMS:
        raise ValueError(
            f"correlation must be one of {_CORRELATIONS} and transform one of "
            f"{_TRANSFORMS}, found {correlation!r} and {transform!r}."
        )
    z, v, kinds = check_values(codes, factors, kinds)
    scores, everything = [], np.arange(len(z))
    for chosen, rows in halves(len(z), seed, held_out):
        x = _transform(z, v, kinds, chosen, transform, seed)
        matching = _match(_correlate(x[chosen], v[chosen], kinds, correlation))
        found = _correlate(x[rows], v[rows], kinds, correlation)
        columns = np.arange(v.shape[1])
        scores.append(np.where(matching < 0, 0, found[matching, columns]))
    per_factor = np.mean(scores, axis=0)
    per_factor[[kind == "categorical" for kind in kinds]] = np.nan
    x = _transform(z, v, kinds, everything, transform, seed)
    correlations = _correlate(x, v, kinds, correlation)
    matching = _match(correlations)
    return Mcc(
        float(np.nanmean(per_factor)),
        per_factor,
        matching,
        correlations,
        not_scored(z, kinds, matching),
    )


def _transform(
    z: np.ndarray,
    v: np.ndarray,
    kinds: Sequence[Kind],
    rows: Int[np.ndarray, " fit"],
    model: str | None,
    seed: int,
) -> Float[np.ndarray, "batch column"]:
    """The codes, or the predictions of a regression fitted on some rows."""
    if model is None:
        return z
    targets = [as_targets(v[:, k], kinds[k]) for k in numbers(kinds)]
    x = standardise(z, rows)
    return predict(x[rows], np.concatenate(targets, axis=1)[rows], x, model, seed)


def _correlate(
    z: np.ndarray, v: np.ndarray, kinds: Sequence[Kind], correlation: str
) -> Float[np.ndarray, "latent factor"]:
    """Absolute correlations: 0 of a dimension that is constant, NaN of a category."""
    rank = _ranked if correlation == "spearman" else np.asarray
    # Columns of length 1, so that products are Pearson correlations; of ranks,
    # Spearman's.
    x = _unit(rank(z))
    found = np.full((z.shape[1], v.shape[1]), np.nan)
    for k in numbers(kinds):
        if period_of(kinds[k]) is None:
            found[:, k] = np.abs(x.T @ _unit(rank(v[:, [k]])))[:, 0]
        else:
            cosine, sine = _unit(as_targets(v[:, k], kinds[k])).T
            # Multiple correlation: R² of z on cosine and sine, which correlate by
            # `both`.
            a, b, both = x.T @ cosine, x.T @ sine, cosine @ sine
            squared = (a * a + b * b - 2 * a * b * both) / max(1 - both * both, 1e-12)
            found[:, k] = np.sqrt(np.clip(squared, 0, 1))
    return np.minimum(found, 1)


def _ranked(x: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(x, axis=0)


def _unit(x: Float[np.ndarray, "batch column"]) -> Float[np.ndarray, "batch column"]:
    """Columns of mean 0 and length 1; a constant one becomes 0."""
    scaled = standardise(x, np.arange(len(x)))
    return scaled / np.sqrt(len(x))


def _match(
    correlations: Float[np.ndarray, "latent factor"],
) -> Int[np.ndarray, " factor"]:
    from scipy.optimize import linear_sum_assignment

    # Categories are NaN. With fewer dimensions than factors some stay without a match.
    known = np.flatnonzero(np.isfinite(correlations).all(axis=0))
    dims, columns = linear_sum_assignment(correlations[:, known], maximize=True)
    matching = np.full(correlations.shape[1], -1)
    matching[known[columns]] = dims
    return matching
