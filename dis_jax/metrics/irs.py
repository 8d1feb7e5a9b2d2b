"""Interventional robustness score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_pair, name_dims
from dis_jax.probing.histogram_information import histogram_bins, relabel


class Irs(NamedTuple):
    """Result of `irs`.

    Attributes:
      score: mean of the best entry of each row, weighted by `deviation`; at most 1.
      matrix: robustness of each dimension given each factor, (latent, factor).
      deviation: largest distance of each dimension from its mean, (latent,).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    score: float
    matrix: np.ndarray
    deviation: np.ndarray
    left_out: Mapping[str, str] = {}


def irs(
    codes: ArrayLike, factors: ArrayLike, *, quantile: float = 0.99, bins: int = 20
) -> Irs:
    """Interventional robustness: a dimension stays constant while other factors change.

    R_jk = 1 - mean over values v of Q(|z_j - E[z_j | v_k = v]|) / max |z_j - E z_j|, Q
    the quantile over the rows with v_k = v; IRS = sum_j w_j max_k R_jk / sum_j w_j with
    w_j = max |z_j - E z_j|.

    Eq.: Suter et al. 2019, interventional robustness score

    The definition uses the maximum. disentanglement_lib, whose score this equals, uses the
    .99 quantile, and puts factors of more than 20 values into 20 bins. Constant dimensions
    have a row of zeros and no weight; a constant code scores 0. Noise does not score 0,
    because the rows of one value do not have the full spread.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      quantile: 0 to 1; 1 is the maximum.
      bins: number of equal-width bins of each factor.

    Returns:
      `Irs(score, matrix, deviation)`; higher is better, at most 1; negative if rows
      lie farther from the mean of their factor value than any row from the overall mean.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or `quantile` is not in [0, 1].

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((4, 5)).reshape(2, -1).T
      >>> evaluation.irs(factors, factors).score
      1.0
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile must be in [0, 1], found {quantile}.")
    codes, factors = check_pair(codes, factors)
    codes = codes.astype(np.float64)
    groups = histogram_bins(relabel(factors).astype(np.float64), bins)
    active = np.ptp(codes, axis=0) > 0
    matrix = np.zeros((codes.shape[1], factors.shape[1]))
    deviation = np.zeros(codes.shape[1])
    left_out = {}
    if not active.all():
        left_out[name_dims(np.flatnonzero(~active))] = "constant"
    if not active.any():
        left_out["score"] = "0 by definition: all dimensions are constant"
        return Irs(0.0, matrix, deviation, left_out)
    # Constant dimensions would divide 0 by 0; they keep a row of zeros and weight 0.
    moving = codes[:, active]
    deviation[active] = np.abs(moving - moving.mean(axis=0)).max(axis=0)
    for k, column in enumerate(groups.T):
        # Among rows that share a value, only the other factors (and noise) vary.
        spreads = [_spread(moving[column == v], quantile) for v in np.unique(column)]
        matrix[active, k] = 1 - np.mean(spreads, axis=0) / deviation[active]
    score = np.average(matrix.max(axis=1), weights=deviation)
    return Irs(float(score), matrix, deviation, left_out)


def _spread(codes: np.ndarray, quantile: float) -> np.ndarray:
    """The quantile of the distance of each dimension from its mean."""
    return np.quantile(np.abs(codes - codes.mean(axis=0)), quantile, axis=0)
