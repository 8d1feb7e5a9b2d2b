"""R2: the share of a factor's variance that a regression on the code predicts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.metrics.mcc import reweighted_mcc
from dis_jax.probing.cross_fit import (
    MODELS,
    check_values,
    halves,
    not_scored,
    numbers,
    predict,
    spread_over,
    standardise,
)
from dis_jax.probing.factor_kinds import Kind, as_targets
from dis_jax.probing.reweighted import Order, Reweighted, Weights, moments_of


class R2(NamedTuple):
    """Result of `r2`.

    Attributes:
      score: mean over factors, each from the whole code; at most 1.
      matched: mean over factors, each from the one dimension matched with it.
      per_factor: from the whole code, (factor,); NaN for categories.
      matched_per_factor: from the matched dimension, (factor,); 0 without one.
      matching: the dimension of each factor, as `mcc` finds it, (factor,).
      blocks: by the name of a block of dimensions, R2 of each factor, (factor,).
      left_out: skipped dimensions and factors, with the reason.
    """

    score: float
    matched: float
    per_factor: np.ndarray
    matched_per_factor: np.ndarray
    matching: np.ndarray
    blocks: Mapping[str, np.ndarray]
    left_out: Mapping[str, str] = {}


def r2(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    model: str = "linear",
    blocks: Mapping[str, Sequence[int]] | None = None,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> R2:
    """Coefficient of determination of each factor, predicted from the code.

    R2_k = 1 - sum_i |v_ik - f_k(z_i)|^2 / sum_i |v_ik - mean_k|^2, over rows that f_k was
    not fitted to: each half of the rows is predicted from the other.

    Eq.: Zimmermann et al. 2021, coefficient of determination

    A linear model tests whether the code is the factors up to an affine map; the others
    test whether the factors can be predicted at all. An angle is predicted as cosine and
    sine, whose errors are added. R2 is negative if the prediction is worse than the mean.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), numbers; categories have no R2.
      model: "linear", "mlp", "gbt" or "kernel"; see `predict` in probing.cross_fit.
      blocks: groups of dimensions by name, such as content and style, each scored
        alone.
      kinds: one for each factor, all continuous by default; "categorical" factors are
        skipped, and ("circular", period) are angles.
      seed: of the halves and the models.

    Returns:
      `R2(score, matched, per_factor, matched_per_factor, matching, blocks, left_out)`.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a factor is constant, there
        are fewer than eight rows, no factor is a number, a block is empty or names a
        dimension that does not exist, or the model is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.random.default_rng(0).normal(size=(500, 2))
      >>> turned = factors @ [[0.6, -0.8], [0.8, 0.6]]
      >>> round(evaluation.r2(turned, factors).score, 6)
      1.0
    """
    return reweighted_r2(
        codes, factors, model=model, blocks=blocks, kinds=kinds, seed=seed
    )()


def reweighted_r2(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    model: str = "linear",
    blocks: Mapping[str, Sequence[int]] | None = None,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> Reweighted[R2]:
    """`r2` as a function of the order and weights of rows, with fixed halves.

    All arguments are those of `r2`. Weighted scores of a linear model are computed from
    second moments, which ignore directions of the code with less than 1e-12 of the
    variance of the others.

    Returns:
      `score(order, weights) -> R2`; see `Reweighted`.

    Raises:
      ValueError: as `r2`.
    """
    if model not in MODELS:
        raise ValueError(f"model must be one of {MODELS}, found {model!r}.")
    z, v, kinds = check_values(codes, factors, kinds)
    blocks = dict(blocks or {})
    for name, dims in blocks.items():
        if not dims or not {*dims} <= {*range(z.shape[1])}:
            raise ValueError(
                f"block {name!r} is {dims}; expected dimensions from 0 to "
                f"{z.shape[1] - 1}."
            )
    columns, everything = numbers(kinds), np.arange(len(z))
    z = standardise(z, everything)
    targets = []
    for k in columns:
        target = as_targets(v[:, k], kinds[k])
        # One scale for both columns of an angle, which keeps their relative spread.
        centred = target - target.mean(axis=0)
        targets.append(centred / np.sqrt((centred**2).mean()))
    matched = reweighted_mcc(z, v, kinds=kinds, seed=seed)

    def score(order: Order | None = None, weights: Weights | None = None) -> R2:
        x = z if order is None else z[order]
        matching = matched(order, weights).matching
        if weights is None or model != "linear":
            of = functools.partial(_score, x, targets, model, seed, weights)
        else:
            of = _from_moments(x, targets, seed, weights)
        whole = of(range(x.shape[1]), range(len(targets)))
        alone = np.array(
            [
                0.0 if dim < 0 else of([dim], [k])[0]
                for k, dim in enumerate(matching[columns])
            ]
        )
        found = {
            name: spread_over(of(dims, range(len(targets))), kinds)
            for name, dims in blocks.items()
        }
        return R2(
            float(whole.mean()),
            float(alone.mean()),
            spread_over(whole, kinds),
            spread_over(alone, kinds),
            matching,
            found,
            not_scored(z, kinds, matching),
        )

    return score


def _score(
    z: np.ndarray,
    targets: Sequence[np.ndarray],
    model: str,
    seed: int,
    weights: Weights | None,
    dims: Sequence[int],
    chosen: Sequence[int],
) -> Float[np.ndarray, " factor"]:
    """R2 of some factors over all rows, each predicted from the other half."""
    own = np.ones(len(z)) if weights is None else weights
    joined = np.concatenate([targets[k] for k in chosen], axis=1)
    predicted = np.empty(joined.shape)
    # Cross-fitting: every row is predicted once, by a model that was not fitted to it.
    for rows, others in halves(len(z), seed):
        x = standardise(z[:, list(dims)], rows)
        fit = np.repeat(rows, own[rows].astype(int))
        predicted[others] = predict(x[fit], joined[fit], x[others], model, seed)
    mean = own @ joined / own.sum()
    wrong, spread = own @ (joined - predicted) ** 2, own @ (joined - mean) ** 2
    return _share(wrong, spread, [targets[k].shape[1] for k in chosen])


def _from_moments(
    z: np.ndarray, targets: Sequence[np.ndarray], seed: int, weights: Weights
) -> Callable[[Sequence[int], Sequence[int]], np.ndarray]:
    """`_score` of a linear model, as a function, from second moments of the halves."""
    parts = [rows for rows, _ in halves(len(z), seed)]
    moments = moments_of(z, targets, parts)(None, weights)
    first, second = moments
    starts = np.cumsum([z.shape[1], *(target.shape[1] for target in targets)])

    def score(dims: Sequence[int], chosen: Sequence[int]) -> np.ndarray:
        x = [*dims, len(first) - 1]  # the last column is the constant
        y = [c for k in chosen for c in range(starts[k], starts[k + 1])]
        wrong = np.zeros(len(y))
        for fit, held_out in ((first, second), (second, first)):
            slopes = np.linalg.lstsq(fit[np.ix_(x, x)], fit[np.ix_(x, y)], rcond=1e-12)
            # residual = columns @ reads, so its square is a quadratic form of moments
            reads = np.concatenate([-slopes[0], np.eye(len(y))])
            part = held_out[np.ix_(x + y, x + y)]
            wrong += np.einsum("ij,ik,kj->j", reads, part, reads)
        total = first + second
        ones = total[-1, -1]
        spread = total[y, y] - total[-1, y] ** 2 / ones
        return _share(wrong, spread, [targets[k].shape[1] for k in chosen])

    return score


def _share(
    wrong: np.ndarray, spread: np.ndarray, widths: Sequence[int]
) -> Float[np.ndarray, " factor"]:
    """1 - wrong / spread; cosine and sine of an angle are one factor: they are added."""
    starts = np.cumsum([0, *widths])[:-1]
    wrong, spread = (np.add.reduceat(part, starts) for part in (wrong, spread))
    return 1 - wrong / np.where(spread > 0, spread, np.inf)
