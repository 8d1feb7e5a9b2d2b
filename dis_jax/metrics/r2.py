"""R2: the share of a factor's variance that a regression on the code predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.metrics.mcc import mcc
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

    A linear model asks whether the code is the factors up to an affine map; the others
    ask whether they can be predicted at all. An angle is predicted as cosine and sine,
    whose errors are added. It is negative where the prediction is worse than the mean.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), numbers; categories have no R2.
      model: "linear", "mlp", "gbt" or "kernel"; see `predict` in probing.cross_fit.
      blocks: groups of dimensions by name, such as content and style, each scored
        alone.
      kinds: one a factor, all continuous by default; those that are "categorical" take
        no part, and ("circular", period) are angles.
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
    columns = numbers(kinds)
    targets = [as_targets(v[:, k], kinds[k]) for k in columns]
    matching = mcc(z, v, kinds=kinds, seed=seed).matching
    whole = _score(z, targets, model, seed)
    alone = np.array(
        [
            0.0 if dim < 0 else _score(z[:, [dim]], [target], model, seed)[0]
            for dim, target in zip(matching[columns], targets, strict=True)
        ]
    )
    found = {
        name: spread_over(_score(z[:, list(dims)], targets, model, seed), kinds)
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


def _score(
    z: np.ndarray, targets: list[np.ndarray], model: str, seed: int
) -> Float[np.ndarray, " factor"]:
    """R2 of each factor over all rows, each predicted from the other half."""
    predicted = np.empty((len(z), sum(target.shape[1] for target in targets)))
    joined = np.concatenate(targets, axis=1)
    # Cross-fitting: every row is predicted once, by a model that has not seen it.
    for rows, others in halves(len(z), seed):
        x = standardise(z, rows)
        predicted[others] = predict(x[rows], joined[rows], x[others], model, seed)
    wrong = ((joined - predicted) ** 2).sum(axis=0)
    spread = ((joined - joined.mean(axis=0)) ** 2).sum(axis=0)
    # Cosine and sine of an angle are one factor: their errors are added.
    ends = np.cumsum([0, *(target.shape[1] for target in targets)])[:-1]
    return 1 - np.add.reduceat(wrong, ends) / np.add.reduceat(spread, ends)
