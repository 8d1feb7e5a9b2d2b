"""Modularity and explicitness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from dis_jax.probing.cross_fit import location_scale
from dis_jax.probing.factor_kinds import Kind, check_split_kinds, is_label
from dis_jax.probing.histogram_information import (
    histogram_bins,
    mutual_information_matrix,
    relabel,
)
from dis_jax.probing.neighbour_information import (
    check_information,
    information_matrix,
)
from dis_jax.probing.sklearn_models import fit_logistic


class ModularityExplicitness(NamedTuple):
    """Result of `modularity_explicitness`.

    Attributes:
      modularity: mean over dimensions, 0 to 1; NaN with one factor.
      explicitness_train: mean area under the ROC curve on the training part.
      explicitness_test: the same on the test part; .5 is guessing, 1 perfect.
      per_dim: modularity of each dimension, (latent,).
      mutual_information: in nats, (latent, factor).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    modularity: float
    explicitness_train: float
    explicitness_test: float
    per_dim: np.ndarray
    mutual_information: np.ndarray
    left_out: Mapping[str, str] = {}


def modularity_explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    bins: int = 20,
    information: str = "histogram",
    neighbours: int = 3,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> ModularityExplicitness:
    """Modularity: one factor for each dimension. Explicitness: all are predictable.

    Modularity of dimension j = 1 - sum_{k != m} I(z_j; v_k)^2 / [(K-1) I(z_j; v_m)^2],
    m the factor that j has most information about. Explicitness of factor k = mean over
    its values of the area under the ROC curve of a multinomial logistic regression on
    the standardised code.

    Eq.: Ridgeway & Mozer 2018, Section 3

    As in disentanglement_lib, the mean is over all dimensions: one without any information
    has modularity 0 and lowers the score, while one with only estimation noise counts
    fully. With one factor, any code has modularity 1, so it is NaN. A value that no test
    row or every test row has does not have a ROC curve and is skipped in the mean.
    `left_out` names both cases.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      bins: number of equal-width bins of each dimension, for modularity.
      information: "histogram", or "ksg": modularity from nearest neighbours, without bins.
        Modularity is a ratio of nats, so numbers have one too. A ROC curve needs labels,
        so explicitness then uses only the factors that are labels.
      neighbours: of "ksg".
      kinds: of "ksg", one per factor; all are labels by default.
      seed: of "ksg", for the noise that breaks ties.

    Returns:
      `ModularityExplicitness(modularity, explicitness_train, explicitness_test, ...)`;
      higher is better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or `information` is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((3, 3)).reshape(2, -1).T.repeat(9, axis=0)
      >>> result = evaluation.modularity_explicitness(
      ...     factors, factors, factors, factors)
      >>> round(result.modularity, 6)
      1.0
    """
    check_information(information)
    if information == "histogram":
        kinds = None  # numbers among the labels are refused
    codes, columns, test_codes, tests, own = check_split_kinds(
        codes, factors, test_codes, test_factors, kinds
    )
    if information == "histogram":
        found = mutual_information_matrix(
            histogram_bins(codes, bins), relabel(np.stack(columns, axis=1))
        )
    else:
        found = information_matrix(
            codes.astype(np.float64), columns, own, neighbours=neighbours, seed=seed
        )
    per_dim = _modularity(found)
    codes, test_codes = codes.astype(np.float64), test_codes.astype(np.float64)
    # By the moments of the training part, on which the regression is fitted.
    mean, std = location_scale(codes)
    parts = (codes - mean) / std, (test_codes - mean) / std
    labels = {k: (columns[k], tests[k]) for k, kind in enumerate(own) if is_label(kind)}
    explicitness = [_explicitness(*parts, *pair) for pair in labels.values()]
    # The mean is over factors that have a ROC curve; one may lack it in the test part.
    areas = np.reshape(explicitness, (-1, 2)).T
    train, test = (
        float(np.mean(area[np.isfinite(area)])) if np.isfinite(area).any() else np.nan
        for area in areas
    )
    left_out = _left_out(labels)
    for k in set(range(len(own))) - set(labels):
        left_out[f"factor {k}"] = "numeric factor: no ROC curve, so no explicitness"
    if not labels:
        why = "undefined: no factor has labels"
        left_out |= {"explicitness_train": why, "explicitness_test": why}
    if len(own) == 1:
        left_out["modularity"] = "undefined: with one factor, any code scores 1"
        per_dim = np.full_like(per_dim, np.nan)
    return ModularityExplicitness(
        float(per_dim.mean()), train, test, per_dim, found, left_out
    )


def _left_out(labels: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> dict[str, str]:
    """Factors of which some values have no ROC curve in the test part."""
    found = {}
    for k, (column, test) in labels.items():
        values, tested = np.unique(column), np.unique(test)
        missing = len(values) - np.isin(values, tested).sum()
        if missing:
            found[f"factor {k}"] = (
                f"{missing} of {len(values)} values are missing from the test part and "
                "count only in explicitness_train"
            )
    if labels and all(len(np.unique(test)) == 1 for _, test in labels.values()):
        found["explicitness_test"] = "undefined: the test part has one value per factor"
    return found


def _modularity(
    information: Float[np.ndarray, "latent factor"],
) -> Float[np.ndarray, " latent"]:
    squared = np.square(information)
    # 0: information spread evenly over all factors; 1: about one factor alone.
    best = squared.max(axis=1)
    others = squared.sum(axis=1) - best
    most = best * max(1, information.shape[1] - 1)
    return np.where(best > 0, 1 - others / np.where(best > 0, most, 1), 0)


def _explicitness(
    codes: np.ndarray, test_codes: np.ndarray, labels: np.ndarray, test: np.ndarray
) -> tuple[float, float]:
    model = fit_logistic(codes, labels)
    return (
        _mean_auc(model.predict_proba(codes), labels, model.classes_),
        _mean_auc(model.predict_proba(test_codes), test, model.classes_),
    )


def _mean_auc(
    scores: Float[np.ndarray, "batch class"],
    labels: Int[np.ndarray, " batch"],
    classes: Int[np.ndarray, " class"],
) -> float:
    """Mean area under the ROC curve of each class against the rest.

    The area is the chance that a row of the class scores higher than one of the rest,
    ties counting half: it follows from the mean rank of the class's rows.
    """
    from scipy.stats import rankdata

    # Drops rows of classes without training rows: no class would score them high.
    known = np.isin(labels, classes)
    scores, labels = scores[known], labels[known]
    areas = []
    for score, value in zip(scores.T, classes, strict=True):
        inside = labels == value
        n = int(inside.sum())
        if 0 < n < len(labels):
            # Mann-Whitney: rank sum - minimum = number of correctly ordered pairs.
            low = rankdata(score)[inside].sum() - n * (n + 1) / 2
            areas.append(low / (n * (len(labels) - n)))
    return float(np.mean(areas)) if areas else float("nan")
