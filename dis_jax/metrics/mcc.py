"""Mean correlation coefficient: each factor matched with one dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from dis_jax.probing.cross_fit import (
    check_values,
    halves,
    not_scored,
    numbers,
    predict,
    spread_over,
    standardise,
)
from dis_jax.probing.factor_kinds import Kind, as_targets
from dis_jax.probing.reweighted import (
    Order,
    Reweighted,
    Weights,
    covariance,
    moments_of,
    weighted_ranks,
)

_CORRELATIONS = ("pearson", "spearman")
_TRANSFORMS = (None, "linear", "kernel")
_CONSTANT = 1e-7  # spread that rounding in the moments gives a constant column
_HALF = "constant in half of the rows, so no match can be held out"
_COLLINEAR = 1e-9  # 1 - r² that rounding leaves of two collinear columns


class Mcc(NamedTuple):
    """Result of `mcc`.

    Attributes:
      score: mean over factors of the correlation with their dimension, 0 to 1.
      per_factor: correlation of each factor, (factor,); NaN for categories, and for
        factors that are constant in half of the rows, so that no match can be held out.
      matching: the dimension of each factor, found on all rows, (factor,); -1 where
        it is a category or there are too few dimensions.
      correlations: absolute, over all rows, (latent, factor); with a transform, of its
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
    monotone functions of each (Spearman): strong identifiability. `transform` maps
    the codes to the factors by an affine function or a kernel regression, as weak
    identifiability allows (Khemakhem et al. 2020). Matching and transform are found on
    one half of the rows and scored on the other, each half once: on the same rows, noise
    would score above 0, because the best match is chosen. `held_out=False` does both on all
    rows, as most published numbers do. The correlation with an angle is the multiple
    correlation of a dimension with its cosine and sine (Mardia 1976): a code that is
    the angle itself is not a linear function of them, and scores below 1.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), numbers; categories have no correlation.
      correlation: "pearson" or "spearman".
      held_out: whether the matching is scored on other rows than it was found on.
      transform: None, "linear" or "kernel".
      kinds: one for each factor, all continuous by default; "categorical" factors are
        skipped, and ("circular", period) are angles.
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
    return reweighted_mcc(
        codes,
        factors,
        correlation=correlation,
        held_out=held_out,
        transform=transform,
        kinds=kinds,
        seed=seed,
    )()


def reweighted_mcc(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    correlation: str = "pearson",
    held_out: bool = True,
    transform: str | None = None,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> Reweighted[Mcc]:
    """`mcc` as a function of the order and weights of rows, with fixed halves.

    All arguments are those of `mcc`.

    Returns:
      `score(order, weights) -> Mcc`; see `Reweighted`.

    Raises:
      ValueError: as `mcc`.
    """
    if correlation not in _CORRELATIONS or transform not in _TRANSFORMS:
        raise ValueError(
            f"correlation must be one of {_CORRELATIONS} and transform one of "
            f"{_TRANSFORMS}, found {correlation!r} and {transform!r}."
        )
    z, v, kinds = check_values(codes, factors, kinds)
    everything = np.arange(len(z))
    z = standardise(z, everything)
    targets = [
        standardise(as_targets(v[:, k], kinds[k]), everything) for k in numbers(kinds)
    ]
    # The match of one half is scored on the other half. Without a transform, the table
    # for matching is therefore the other half's table for scoring.
    parts = halves(len(z), seed, held_out)
    rows = [part for _, part in parts]
    constant = np.array(
        [any(np.ptp(v[r], axis=0).max() == 0 for r in rows) for v in targets]
    )
    if transform is not None:
        tables = _of_transformed(z, targets, parts, transform, correlation, seed)
    elif correlation == "spearman":
        tables = _of_ranks(z, targets, rows)
    else:
        tables = _of_moments(z, targets, rows)

    def score(order: Order | None = None, weights: Weights | None = None) -> Mcc:
        own = np.ones(len(z)) if weights is None else weights
        chosen, scored, whole = tables(order, own)
        per_factor = np.mean(
            [_matched(*pair) for pair in zip(chosen, scored, strict=True)], axis=0
        )
        per_factor[constant] = np.nan
        correlations, matching = spread_over(whole, kinds), np.full(len(kinds), -1)
        matching[numbers(kinds)] = _match(whole)
        return Mcc(
            float(np.nanmean(per_factor)) if not constant.all() else np.nan,
            spread_over(per_factor, kinds),
            matching,
            correlations,
            not_scored(z, kinds, matching)
            | {f"factor {k}": _HALF for k in np.array(numbers(kinds))[constant]},
        )

    return score


# Correlations of the rows to match on and of those to score, for each part, and of all.
_Tables = Callable[
    [Order | None, Weights],
    tuple[Sequence[np.ndarray], Sequence[np.ndarray], np.ndarray],
]


def _of_moments(
    z: np.ndarray, targets: Sequence[np.ndarray], rows: Sequence[np.ndarray]
) -> _Tables:
    moments = moments_of(z, targets, rows)
    widths = [target.shape[1] for target in targets]

    def tables(order: Order | None, weights: Weights) -> Any:
        parts = moments(order, weights)
        scored = [_correlations(part, widths) for part in parts]
        return scored[::-1], scored, _correlations(np.sum(parts, axis=0), widths)

    return tables


def _of_ranks(
    z: np.ndarray, targets: Sequence[np.ndarray], rows: Sequence[np.ndarray]
) -> _Tables:
    # Ranks with any weights follow from the places of the values, so sort only once.
    places, of_targets = _places(z), [_rankable(target) for target in targets]
    everything = np.arange(len(z))

    def tables(order: Order | None, weights: Weights) -> Any:
        x = places if order is None else places[order]
        scored = [_correlate(x, of_targets, part, weights) for part in rows]
        whole = _correlate(x, of_targets, everything, weights)
        return scored[::-1], scored, whole

    return tables


def _of_transformed(
    z: np.ndarray,
    targets: Sequence[np.ndarray],
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    model: str,
    correlation: str,
    seed: int,
) -> _Tables:
    joined, everything = np.concatenate(targets, axis=1), np.arange(len(z))
    by_rank = correlation == "spearman"
    compared = [_rankable(target) if by_rank else target for target in targets]

    def tables(order: Order | None, weights: Weights) -> Any:
        codes = z if order is None else z[order]

        def outputs(rows: np.ndarray) -> np.ndarray:
            """Predictions for all rows by a regression fitted on these rows."""
            # A row of weight w is repeated w times, since not all models take weights.
            x, fit = (
                standardise(codes, rows),
                np.repeat(rows, weights[rows].astype(int)),
            )
            found = predict(x[fit], joined[fit], x, model, seed)
            found = standardise(found, everything)
            return _places(found) if by_rank else found

        chosen, scored = [], []
        for rows, others in parts:
            x = outputs(rows)
            chosen.append(_correlate(x, compared, rows, weights))
            scored.append(_correlate(x, compared, others, weights))
        whole = _correlate(outputs(everything), compared, everything, weights)
        return chosen, scored, whole

    return tables


def _correlate(
    x: np.ndarray,
    targets: Sequence[np.ndarray],
    rows: np.ndarray,
    weights: Weights,
) -> Float[np.ndarray, "column number"]:
    """Absolute correlations of some rows; integer columns are places, ranked first."""
    own = weights[rows]
    columns = [
        standardise(weighted_ranks(part[rows], own), np.arange(len(rows)))
        if part.dtype.kind == "i"
        else part[rows]
        for part in (x, *targets)
    ]
    (moments,) = moments_of(columns[0], columns[1:], [np.arange(len(rows))])(None, own)
    return _correlations(moments, [target.shape[1] for target in targets])


def _correlations(
    moments: np.ndarray, widths: Sequence[int]
) -> Float[np.ndarray, "column number"]:
    """Absolute correlations of codes and targets; 0 for constant columns."""
    both = covariance(moments)
    std = np.sqrt(np.maximum(np.diag(both), 0))
    std = np.where(std > _CONSTANT, std, np.inf)  # correlation 0 for a constant
    both = both / std / std[:, None]
    found, at = [], len(both) - sum(widths)
    codes = both[:at]
    for width in widths:
        a = codes[:, at]
        if width == 2:  # an angle: multiple correlation with cosine and sine
            # R² of the dimension on both columns, which correlate by `between`
            b, between = codes[:, at + 1], both[at, at + 1]
            rest = 1 - between * between
            if rest > _COLLINEAR:
                a = np.sqrt(np.maximum(a * a + b * b - 2 * a * b * between, 0) / rest)
            else:  # an angle of two values: one column is a multiple of the other
                a = np.maximum(np.abs(a), np.abs(b))
        found.append(np.minimum(np.abs(a), 1))
        at += width
    return np.stack(found, axis=1)


def _rankable(target: np.ndarray) -> np.ndarray:
    """Places of the values of a number; cosine and sine of an angle unchanged."""
    return _places(target) if target.shape[1] == 1 else target


def _places(x: np.ndarray) -> Int[np.ndarray, "batch column"]:
    """The place of each value among the sorted distinct values of its column."""
    columns = [np.unique(column, return_inverse=True)[1] for column in x.T]
    return np.stack(columns, axis=1)


def _match(
    correlations: Float[np.ndarray, "latent number"],
) -> Int[np.ndarray, " number"]:
    """The dimension of each factor; -1 where there are too few."""
    from scipy.optimize import linear_sum_assignment

    # With fewer dimensions than factors, some factors have no match.
    dims, columns = linear_sum_assignment(correlations, maximize=True)
    matching = np.full(correlations.shape[1], -1)
    matching[columns] = dims
    return matching


def _matched(
    chosen: Float[np.ndarray, "latent number"],
    scored: Float[np.ndarray, "latent number"],
) -> Float[np.ndarray, " number"]:
    """Correlations in one table by the matching on another; 0 without a dimension."""
    matching = _match(chosen)
    return np.where(matching < 0, 0, scored[matching, np.arange(len(matching))])
