"""Disentanglement, completeness and informativeness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.probing.boosted_trees import (
    FitTrees,
    fit_side_by_side,
    lightgbm_regressor,
    lightgbm_trees,
    sklearn_regressor,
    sklearn_trees,
)
from dis_jax.probing.checks import unit_scale
from dis_jax.probing.factor_kinds import Kind, as_targets, check_split_kinds, is_label

_TREES = {
    "sklearn": (sklearn_trees, sklearn_regressor),
    "lightgbm": (lightgbm_trees, lightgbm_regressor),
}


class Dci(NamedTuple):
    """Result of `dci`.

    Attributes:
      disentanglement: 0 to 1; NaN with one factor.
      completeness: 0 to 1; NaN with one dimension.
      informativeness_train: mean accuracy over factors on the training part.
      informativeness_test: the same on the test part.
      importance: of each dimension in predicting each factor, (latent, factor); the
        columns sum to 1.
      test_accuracy: of each factor, (factor,).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    disentanglement: float
    completeness: float
    informativeness_train: float
    informativeness_test: float
    importance: np.ndarray
    test_accuracy: np.ndarray
    left_out: Mapping[str, str] = {}


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    seed: int = 0,
    trees: str | FitTrees = "sklearn",
    kinds: Sequence[Kind] | None = None,
) -> Dci:
    """Disentanglement, completeness, informativeness of a code by boosted trees.

    With R_jk the importance of dimension j for factor k: D = sum_j w_j (1 - H_K(R_j.)),
    C = sum_k w_k (1 - H_D(R_.k)), H the entropy to the base of the number of entries
    and w the share of the row or column in all of R.

    Eq.: Eastwood & Williams 2018, Section 2

    trees="sklearn" is the original of disentanglement_lib, one gradient boosting
    classifier per factor, and takes minutes. "lightgbm" grows the same trees on
    histograms and takes seconds; its estimate differs, so name it in reports. Any code
    has D = 1 with one factor, and C = 1 with one dimension: such a score is NaN, and
    `left_out` names it. Informativeness is an accuracy here, as in
    disentanglement_lib; the paper reports an error.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      seed: of the trees, which break ties at random.
      trees: "sklearn", "lightgbm", or a function (codes, labels of one factor, test
        codes, seed) -> `Trees` for your own trees.
      kinds: one per factor; all are labels by default. For numbers, regressors of the same
        trees replace the classifiers, and R2 replaces accuracy; for an angle, the
        regressors of cosine and sine are averaged.

    Returns:
      `Dci(disentanglement, completeness, informativeness_train, informativeness_test,
      importance, test_accuracy)`; higher is better, at most 1, and at least 0 except the
      informativeness of numbers, which is an R2.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or `trees` is unknown.
      ImportError: if `trees` is "lightgbm" and LightGBM is not installed.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((2, 2)).reshape(2, -1).T.repeat(9, axis=0)
      >>> result = evaluation.dci(factors, factors, factors, factors)
      >>> round(result.disentanglement, 6), round(result.completeness, 6)
      (1.0, 1.0)
    """
    if callable(trees):
        of_labels = of_numbers = trees
    elif trees in _TREES:
        of_labels, of_numbers = _TREES[trees]
    else:
        raise ValueError(f"trees must be one of {tuple(_TREES)}, found {trees!r}.")
    x, columns, x_test, tests, own = check_split_kinds(
        codes, factors, test_codes, test_factors, kinds
    )
    # scikit-learn's trees ignore a dimension with a range below 1e-7. Divided by a
    # power of two, which is exact, the ranges are 8 to 16.
    scale = unit_scale(x) / 16
    # One model per label, and one per column of a number: an angle has cosine and sine.
    models = [
        (k, of_labels if is_label(kind) else of_numbers, *pair)
        for k, kind in enumerate(own)
        for pair in zip(
            _targets(columns[k], kind), _targets(tests[k], kind), strict=True
        )
    ]
    factor, fits = [model[0] for model in models], [model[1] for model in models]
    targets, test_targets = [m[2] for m in models], [m[3] for m in models]
    fitted = fit_side_by_side(fits, x / scale, targets, x_test / scale, seed)
    # (latent, factor): column k is the importance in predicting factor k.
    importance = np.zeros((x.shape[1], len(own)))
    for k, model in zip(factor, fitted, strict=True):
        importance[:, k] += model.importance / factor.count(k)
    train = _informativeness(factor, targets, [model.train for model in fitted])
    test = _informativeness(factor, test_targets, [model.test for model in fitted])
    left_out = {}
    if len(own) == 1:
        left_out["disentanglement"] = "undefined: with one factor, any code scores 1"
    if x.shape[1] == 1:
        left_out["completeness"] = "undefined: with one dimension, any code scores 1"
    return Dci(
        _concentration(importance),
        _concentration(importance.T),
        float(np.mean(train)),
        float(np.mean(test)),
        importance,
        np.array(test),
        left_out,
    )


def _targets(column: np.ndarray, kind: Kind) -> list[np.ndarray]:
    """Targets of the models of a factor."""
    return [column] if is_label(kind) else [*as_targets(column, kind).T]


def _informativeness(
    factor: Sequence[int],
    targets: Sequence[np.ndarray],
    predicted: Sequence[np.ndarray],
) -> list[float]:
    """For each factor, the accuracy of labels, or R2 of all columns of a number."""
    found = []
    for k in range(max(factor) + 1):
        own = [i for i, of in enumerate(factor) if of == k]
        truth, guess = (
            np.stack([part[i] for i in own]) for part in (targets, predicted)
        )
        if truth.dtype.kind == "i":
            found.append(float(np.mean(truth == guess)))
            continue
        spread = ((truth - truth.mean(axis=1, keepdims=True)) ** 2).sum()
        wrong = ((truth - guess) ** 2).sum()
        found.append(float(1 - wrong / spread) if spread > 0 else 0.0)
    return found


def _concentration(importance: Float[np.ndarray, "row column"]) -> float:
    """1 - normalised entropy of each row, weighted by the row's share of the whole.

    The 1e-11 is disentanglement_lib's: a row of zeros counts as uniform.
    """
    columns = importance.shape[1]
    if columns == 1:
        return float("nan")
    share = importance + 1e-11
    share = share / share.sum(axis=1, keepdims=True)
    entropy = -(share * np.log(share)).sum(axis=1) / np.log(columns)
    weights = importance.sum(axis=1)
    # No importance at all: any weights give 0, as every row is uniform.
    if weights.sum() == 0:
        weights = np.ones_like(weights)
    return float(np.average(1 - entropy, weights=weights))
