"""Separated attribute predictability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_spread, unit_scale
from dis_jax.probing.factor_kinds import Kind, as_targets, check_split_kinds, is_label
from dis_jax.probing.linear_svm import fit_svms

_C = 0.01  # disentanglement_lib's


class Sap(NamedTuple):
    """Result of `sap`.

    Attributes:
      score: the mean gap, 0 to 1.
      per_factor: the gap of each factor, (factor,).
      matrix: test accuracy of each factor from each dimension alone, (latent, factor).
    """

    score: float
    per_factor: np.ndarray
    matrix: np.ndarray


def sap(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    kinds: Sequence[Kind] | None = None,
) -> Sap:
    """Separated attribute predictability: gap between a factor's two best dimensions.

    SAP = 1/K sum_k (A_j1k - A_j2k), A_jk the test accuracy of a linear support vector
    machine (SVM) that predicts factor k from dimension j alone, j1 and j2 the two best.

    Eq.: Kumar et al. 2018, Section 3

    The SVM is disentanglement_lib's for discrete factors (squared hinge, C = .01,
    balanced classes, one against rest), solved to its optimum. It is linear and
    regularised, so that the score changes with the scale and the offset of the codes,
    and a dimension that encodes a factor of many values perfectly does not reach
    accuracy 1.

    For a numeric factor, A_jk is the squared correlation on the training rows, which is
    the R2 of a linear model, as in disentanglement_lib and the paper. An angle is
    predicted as cosine and sine, whose variances are added.

    Args:
      codes: (batch, latent), at least two dimensions.
      factors: (batch, factor), whole numbers, each factor with at least two values.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      kinds: one per factor; all are labels by default.

    Returns:
      `Sap(score, per_factor, matrix)`: score in [0, 1], higher is better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or there is only one dimension, or if the scale of the codes
        is so small that the SVM's penalty dominates.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((2, 2)).reshape(2, -1).T.repeat(50, axis=0)
      >>> evaluation.sap(factors, factors, factors, factors).score
      0.5
    """
    z, columns, z_test, tests, own = check_split_kinds(
        codes, factors, test_codes, test_factors, kinds
    )
    if z.shape[1] < 2:
        raise ValueError(
            "codes must have at least 2 dimensions for a gap between the best two, "
            f"found {z.shape}."
        )
    if any(map(is_label, own)):
        check_spread(z, "SAP", 0.05, np.inf)
    matrix = np.empty((z.shape[1], len(columns)))
    for k, (column, test, kind) in enumerate(zip(columns, tests, own, strict=True)):
        matrix[:, k] = (
            _accuracies(z, column, z_test, test)
            if is_label(kind)
            else _determinations(z.astype(np.float64), as_targets(column, kind))
        )
    ranked = np.sort(matrix, axis=0)
    per_factor = ranked[-1] - ranked[-2]
    return Sap(float(per_factor.mean()), per_factor, matrix)


def _accuracies(
    codes: np.ndarray, labels: np.ndarray, test_codes: np.ndarray, test: np.ndarray
) -> Float[np.ndarray, " latent"]:
    """Test accuracy of a linear SVM on each dimension."""
    values, classes = np.unique(labels, return_inverse=True)
    slopes, intercepts = fit_svms(codes, classes, len(values), c=_C)
    found = np.empty(codes.shape[1])
    for d, x in enumerate(test_codes.T):
        if np.ptp(codes[:, d]) == 0:
            # All classes tie: the accuracy of a random choice, not of the first class.
            found[d] = 1 / len(values)
            continue
        # One SVM per class, (test row, class): the largest margin wins.
        best = np.argmax(np.outer(x, slopes[d]) + intercepts[d], axis=1)
        found[d] = np.mean(values[best] == test)
    return found


def _determinations(
    codes: Float[np.ndarray, "batch latent"], targets: Float[np.ndarray, "batch target"]
) -> Float[np.ndarray, " latent"]:
    """R2 of a linear model on each dimension; 0 for a constant dimension."""
    scale = unit_scale(codes)
    z = (codes - codes.mean(axis=0)) / scale
    moving = np.ptp(codes, axis=0) > 0
    t = targets - targets.mean(axis=0)
    explained = ((z.T @ t) ** 2).sum(axis=1) / np.where(moving, (z * z).sum(axis=0), 1)
    return np.where(moving, explained / (t * t).sum(), 0)
