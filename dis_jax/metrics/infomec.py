"""InfoMEC: modularity, explicitness and compactness in terms of information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes, check_pair, name_dims
from dis_jax.probing.cross_fit import location_scale
from dis_jax.probing.factor_kinds import (
    Kind,
    as_labels,
    as_targets,
    check_kinds,
    is_label,
    period_of,
)
from dis_jax.probing.histogram_information import (
    entropies,
    mutual_information_matrix,
    relabel,
)
from dis_jax.probing.neighbour_information import information_matrix, number_information
from dis_jax.probing.sklearn_models import fit_logistic


class InfoMec(NamedTuple):
    """Result of `infomec`.

    Attributes:
      modularity: InfoM: each dimension encodes one factor, 0 to 1.
      explicitness: InfoE: share of each factor's entropy that a linear model predicts.
      compactness: InfoC: each factor is encoded by one dimension, 0 to 1.
      information: normalised mutual information, (latent, factor).
      active: which dimensions InfoM and InfoC use, (latent,).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    modularity: float
    explicitness: float
    compactness: float
    information: np.ndarray
    active: np.ndarray
    left_out: Mapping[str, str] = {}


def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: bool = False,
    neighbours: int = 10,
    seed: int = 0,
    kinds: Sequence[Kind] | None = None,
) -> InfoMec:
    """InfoM, InfoE and InfoC of a code.

    With N_jk = I(z_j; v_k) / H(v_k): InfoM = (mean_j max_k N_jk / sum_k N_jk - 1/K) /
    (1 - 1/K); InfoC the same with the roles of j and k exchanged; InfoE = mean over
    factors of 1 - CE / log(number of values), CE the cross entropy of a logistic
    regression from the whole code.

    Eq.: Hsu et al. 2023, Section 4

    As in the authors' code, the information is estimated from nearest neighbours (from
    counts if `discrete`). InfoM and InfoC skip dimensions whose range is at most 1/20 of
    the largest (only constant ones if `discrete`). The regression is unregularised with
    balanced classes, and scored on the rows that it was fitted to. A dimension without
    information counts as 0 in InfoM, a factor without information as 0 in InfoC. Any code
    has InfoM 1 with one factor, and InfoC 1 with one active dimension: such a score is
    NaN. `left_out` names these scores and the skipped dimensions.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values; or
        numbers, by `kinds`.
      discrete: whether each dimension has few values, as in a quantised code.
      neighbours: number of neighbours of the estimate.
      seed: of the noise that breaks ties in the estimate.
      kinds: one per factor; all are labels by default. The information about a number
        is estimated from neighbours (Kraskov et al. 2004) and divided by that of the
        number with itself; its explicitness is the R2 of a linear model, as in the
        authors' later code. An angle is represented by cosine and sine. With `discrete`,
        numbers are binned at their quantiles.

    Returns:
      `InfoMec(modularity, explicitness, compactness, information, active)`; higher is
      better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), or
        a factor is constant.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((4, 5)).reshape(2, -1).T.repeat(5, axis=0)
      >>> result = evaluation.infomec(factors, factors, discrete=True)
      >>> round(result.modularity, 3), round(result.compactness, 3)
      (1.0, 1.0)
    """
    if kinds is None:
        z, labels = check_pair(codes, factors)
        columns, own = [*labels.T], ("categorical",) * labels.shape[1]
    else:
        z, own = check_codes(codes), tuple(kinds)
        columns = check_kinds(factors, len(z), own)
    z = z.astype(np.float64)
    if discrete:
        columns = [as_labels(v, kind)[0] for v, kind in zip(columns, own, strict=True)]
        own = ("categorical",) * len(columns)
    columns = [
        np.unique(v, return_inverse=True)[1] if is_label(kind) else v
        for v, kind in zip(columns, own, strict=True)
    ]
    options = {"neighbours": neighbours, "seed": seed}
    if discrete:
        labels = np.stack(columns, axis=1)
        information = mutual_information_matrix(relabel(z), labels)
    else:
        information = information_matrix(_standardise(z), columns, own, **options)
    # In units of H(v_k), so that factors of many values do not dominate.
    information = information / [
        entropies(v[:, None])[0]
        if is_label(kind)
        else number_information(v, v, period=period_of(kind), **options)
        for v, kind in zip(columns, own, strict=True)
    ]
    ranges = np.ptp(z, axis=0)
    active = ranges > (0 if discrete else ranges.max() / 20)
    inputs = _one_hot(z) if discrete else _standardise(z)
    left_out = {}
    if not active.all():
        left_out[name_dims(np.flatnonzero(~active))] = (
            "constant" if discrete else "range below 1/20 of the largest, or constant"
        )
    if len(columns) == 1:
        left_out["modularity"] = "undefined: with one factor, any code scores 1"
    if active.sum() == 1:
        left_out["compactness"] = "undefined: 1 for any code of one active dimension"
    return InfoMec(
        modularity=_preference(information[active]),
        explicitness=float(
            np.mean(
                [
                    _explicitness(inputs, v)
                    if is_label(kind)
                    else _determination(inputs, as_targets(v, kind))
                    for v, kind in zip(columns, own, strict=True)
                ]
            )
        ),
        compactness=_preference(information[active].T),
        information=information,
        active=active,
        left_out=left_out,
    )


def _preference(information: Float[np.ndarray, "row column"]) -> float:
    """Mean share of a row's information in its best column: 0 if even, 1 if all."""
    rows, columns = information.shape
    if rows == 0 or columns == 0:
        return 0.0
    if columns == 1:
        return float("nan")
    # A row without information has no preference: 1 / columns gives it a score of 0.
    total = information.sum(axis=1)
    share = np.where(
        total > 0, information.max(axis=1) / np.where(total > 0, total, 1), 1 / columns
    )
    return float((share.mean() - 1 / columns) / (1 - 1 / columns))


def _explicitness(inputs: np.ndarray, labels: np.ndarray) -> float:
    """Share of log(number of values) that a logistic regression saves."""
    model = fit_logistic(inputs, labels, C=np.inf, class_weight="balanced")
    chosen = model.predict_proba(inputs)[np.arange(len(labels)), labels]
    cross_entropy = -np.mean(np.log(np.maximum(chosen, np.finfo(float).eps)))
    # With balanced classes a model without inputs predicts all values with the same
    # probability; its cross entropy is log(number of values).
    return float(1 - cross_entropy / np.log(labels.max() + 1))


def _determination(inputs: np.ndarray, targets: np.ndarray) -> float:
    """R2 of a linear model on the rows that it was fitted to."""
    centred = targets - targets.mean(axis=0)
    predicted = inputs @ np.linalg.lstsq(inputs, centred, rcond=None)[0]
    return float(1 - ((centred - predicted) ** 2).sum() / (centred**2).sum())


def _standardise(codes: np.ndarray) -> np.ndarray:
    mean, std = location_scale(codes)
    return (codes - mean) / std


def _one_hot(codes: np.ndarray) -> np.ndarray:
    columns = [column[:, None] == np.unique(column) for column in codes.T]
    return np.concatenate(columns, axis=1).astype(np.float64)
