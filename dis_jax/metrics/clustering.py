"""Scores of clusters and class priors that are learned without labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike


class Clustering(NamedTuple):
    """Result of `clustering`.

    Attributes:
      accuracy: under the best one-to-one matching of clusters and labels.
      nmi_arithmetic: mutual information over the arithmetic mean of the two entropies.
      nmi_geometric: the same over the geometric mean.
      average_entropy: ENT, in nats; lower is better.
      confusion: counts, (cluster, label).
    """

    accuracy: float
    nmi_arithmetic: float
    nmi_geometric: float
    average_entropy: float
    confusion: np.ndarray


class PriorError(NamedTuple):
    """Result of `prior_rmse`.

    Attributes:
      rmse: root mean squared difference after matching clusters to labels.
      mse: its square.
      rmse_sorted: the same with both distributions sorted, which needs no matching.
      label_of_cluster: the matching, (class,).
    """

    rmse: float
    mse: float
    rmse_sorted: float
    label_of_cluster: np.ndarray


def clustering(
    assignment: ArrayLike,
    labels: ArrayLike,
    *,
    num_clusters: int | None = None,
    num_labels: int | None = None,
) -> Clustering:
    """Agreement of clusters with labels: accuracy, NMI, average entropy.

    With the confusion M (cluster, label): accuracy = max over matchings p of
    sum_c M[c, p(c)] / sum M; NMI = I / mean(H, H'); ENT = the mean of the entropies of
    M's normalised rows and columns, in which an empty row or column counts as uniform,
    the worst case.

    Eq.: Ojha et al. 2020, Section 4

    If both partitions have a single part, they agree, although they share no information:
    NMI is 1.

    Args:
      assignment: cluster of each row, (batch,), whole numbers from 0.
      labels: label of each row, (batch,), whole numbers from 0.
      num_clusters: number of clusters; the largest index plus 1 if None.
      num_labels: number of labels; the largest plus 1 if None.

    Returns:
      `Clustering(accuracy, nmi_arithmetic, nmi_geometric, average_entropy, confusion)`.

    Raises:
      ValueError: if the shapes differ, or if a value is negative or out of range.

    Example:
      >>> from dis_jax import evaluation
      >>> result = evaluation.clustering([1, 1, 0, 0], [0, 0, 1, 1])
      >>> result.accuracy, result.nmi_arithmetic, result.average_entropy
      (1.0, 1.0, 0.0)
    """
    a = _check_indices(assignment, "assignment", num_clusters)
    b = _check_indices(labels, "labels", num_labels)
    if a.shape != b.shape:
        raise ValueError(
            f"assignment and labels must have the same shape, found {a.shape} and "
            f"{b.shape}."
        )
    rows, columns = num_clusters or a.max() + 1, num_labels or b.max() + 1
    # One number for each pair (cluster, label), counted and reshaped to the matrix.
    counts = np.bincount(a * columns + b, minlength=rows * columns)
    confusion = counts.reshape(rows, columns)
    from scipy.optimize import linear_sum_assignment

    matched = confusion[linear_sum_assignment(confusion, maximize=True)].sum()
    joint = confusion / confusion.sum()
    # Rounding may make the probability of a single part exceed 1, and its entropy
    # negative.
    h_a, h_b = (max(0.0, float(_entropy(joint.sum(axis=axis)))) for axis in (1, 0))
    # I = H(a) + H(b) - H(a, b)
    information = max(0.0, h_a + h_b - float(_entropy(joint.ravel())))
    single = h_a == h_b == 0
    return Clustering(
        accuracy=float(matched / len(a)),
        nmi_arithmetic=1.0 if single else _ratio(information, (h_a + h_b) / 2),
        nmi_geometric=1.0 if single else _ratio(information, np.sqrt(h_a * h_b)),
        average_entropy=average_entropy(confusion),
        confusion=confusion,
    )


def average_entropy(confusion: ArrayLike) -> float:
    """ENT: the mean entropy, in nats, of a confusion's normalised rows and columns.

    Eq.: Ojha et al. 2020, Section 4

    Args:
      confusion: counts or weights, (cluster, label).

    Returns:
      A number from 0 (one label per cluster, one cluster per label) to the logarithm of
      the number of classes. An empty row or column counts as uniform.

    Raises:
      ValueError: if the shape is wrong, or if a value is negative or not finite.

    Example:
      >>> from dis_jax import evaluation
      >>> round(evaluation.average_entropy([[5, 5], [5, 5]]), 4)
      0.6931
    """
    m = np.asarray(confusion, np.float64)
    if m.ndim != 2 or m.size == 0 or not np.isfinite(m).all() or m.min() < 0:
        raise ValueError(
            "confusion must be a matrix (cluster, label) of finite values from 0, "
            f"found the shape {m.shape}{f' and {m.min()}' if m.size else ''}."
        )
    entropies = []
    for rows in (m, m.T):
        total = rows.sum(axis=1, keepdims=True)
        # A category that is never predicted must not improve the score, nor make it
        # NaN.
        even = np.full_like(rows, 1 / rows.shape[1])
        share = np.where(total > 0, rows / np.where(total > 0, total, 1), even)
        entropies.append(_entropy(share))
    return float(np.mean(np.concatenate(entropies)))


def prior_rmse(prior: ArrayLike, truth: ArrayLike, confusion: ArrayLike) -> PriorError:
    """Distance of a learned class prior from the true class distribution.

    RMSE = sqrt(mean_c (prior_c - truth_p(c))^2), with p the best one-to-one matching of
    clusters and labels on the confusion.

    Eq.: Ojha et al. 2020, Section 4

    Args:
      prior: learned probabilities, (class,).
      truth: true probabilities, (class,).
      confusion: counts (cluster, label), from which the matching is computed.

    Returns:
      `PriorError(rmse, mse, rmse_sorted, label_of_cluster)`; lower is better.

    Raises:
      ValueError: if the shapes do not fit, or if one is not a distribution.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.prior_rmse([0.25, 0.75], [0.75, 0.25], [[0, 9], [9, 0]]).rmse
      0.0
    """
    p, q = np.asarray(prior, np.float64), np.asarray(truth, np.float64)
    m = np.asarray(confusion)
    if p.ndim != 1 or q.shape != p.shape or m.shape != (len(p), len(p)):
        raise ValueError(
            "prior, truth and confusion must have the shapes (class,), (class,) and "
            f"(class, class), found {p.shape}, {q.shape}, {m.shape}."
        )
    for name, value in (("prior", p), ("truth", q)):
        if not (value.min() >= 0 and abs(value.sum() - 1) < 1e-4):
            raise ValueError(
                f"{name} must be probabilities that sum to 1, found {value}."
            )
    from scipy.optimize import linear_sum_assignment

    _, label = linear_sum_assignment(m, maximize=True)
    mse = float(np.mean((p - q[label]) ** 2))
    # Sorting needs no labels, but may pair clusters with the wrong classes.
    apart = float(np.sqrt(np.mean((np.sort(p) - np.sort(q)) ** 2)))
    return PriorError(float(np.sqrt(mse)), mse, apart, label)


def _check_indices(
    values: ArrayLike, name: str, limit: int | None
) -> Int[np.ndarray, " batch"]:
    array = np.asarray(values)
    if (
        array.ndim != 1
        or array.size == 0
        or not np.array_equal(array, array.astype(int))
    ):
        raise ValueError(
            f"{name} must be integers of shape (batch,), found {array.dtype} of shape "
            f"{array.shape}; take the argmax of probabilities."
        )
    array = array.astype(np.int64)
    if array.min() < 0 or (limit is not None and array.max() >= limit):
        raise ValueError(
            f"{name} must lie in 0 to {'...' if limit is None else limit - 1}, found "
            f"{array.min()} to {array.max()}"
            + ("; drop the rows that are unknown (-1)." if array.min() == -1 else ".")
        )
    return array


def _entropy(share: Float[np.ndarray, "*row column"]) -> Float[np.ndarray, "*row"]:
    # log 1 = 0 in place of log 0
    return -np.sum(share * np.log(np.where(share > 0, share, 1)), axis=-1)


def _ratio(information: float, entropy: float) -> float:
    return float(min(1.0, information / entropy)) if entropy > 0 else 0.0
