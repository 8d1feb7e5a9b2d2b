"""Mutual information of discretised codes and factors, by counting."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def histogram_bins(
    values: Float[np.ndarray, "batch column"],
    bins: int,
    weights: Float[np.ndarray, " batch"] | None = None,
) -> Int[np.ndarray, "batch column"]:
    """The equal-width bin, 0 to bins - 1, of each value, column by column.

    The edges are those of `np.histogram`, so the bins are disentanglement_lib's. A
    constant column falls into one bin.

    Args:
      values: numbers.
      bins: number of bins.
      weights: of the rows; those of weight 0 have no influence on the edges.

    Returns:
      The bins.

    Raises:
      ValueError: if `bins` is not positive.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, found {bins}.")
    out = np.empty(values.shape, np.int64)
    counted = slice(None) if weights is None else weights > 0
    for j, column in enumerate(values.T):
        try:
            edges = np.histogram_bin_edges(column[counted], bins)
        except ValueError:  # the range has fewer floating-point numbers than bins
            out[:, j] = np.minimum(np.unique(column, return_inverse=True)[1], bins - 1)
        else:
            # Without the last edge: the largest value belongs to the last bin.
            out[:, j] = np.maximum(np.digitize(column, edges[:-1]) - 1, 0)
    return out


def relabel(
    factors: Int[np.ndarray, "batch factor"],
) -> Int[np.ndarray, "batch factor"]:
    """Replaces the values of each column with their ranks 0, 1, ... in the column."""
    columns = [np.unique(column, return_inverse=True)[1] for column in factors.T]
    return np.stack(columns, axis=1)


def mutual_information_matrix(
    a: Int[np.ndarray, "batch latent"],
    b: Int[np.ndarray, "batch factor"],
    weights: Float[np.ndarray, " batch"] | None = None,
) -> Float[np.ndarray, "latent factor"]:
    """Empirical mutual information, in nats, of each column of `a` with each of `b`.

    Args:
      a: small integers from 0.
      b: small integers from 0, in the same rows as `a`.
      weights: how often each row counts; once by default.

    Returns:
      A (latent, factor) matrix of non-negative values.
    """
    sizes_a, sizes_b = a.max(axis=0) + 1, b.max(axis=0) + 1
    # Contiguous columns: `bincount` would copy a strided one for every pair.
    columns_a = [np.ascontiguousarray(column) for column in a.T]
    columns_b = [np.ascontiguousarray(column) for column in b.T]
    out = np.empty((a.shape[1], b.shape[1]))
    for i, column_a in enumerate(columns_a):
        for j, column_b in enumerate(columns_b):
            # The pair (a, b) as one number: a joint histogram in one pass.
            counts = np.bincount(
                column_a * sizes_b[j] + column_b,
                weights,
                minlength=sizes_a[i] * sizes_b[j],
            )
            out[i, j] = _from_counts(counts.reshape(sizes_a[i], sizes_b[j]))
    return out


def entropies(
    a: Int[np.ndarray, "batch column"],
    weights: Float[np.ndarray, " batch"] | None = None,
) -> Float[np.ndarray, " column"]:
    """Empirical entropy, in nats, of every column of integers from 0."""
    return np.array([_entropy(np.bincount(column, weights)) for column in a.T])


def _from_counts(counts: Float[np.ndarray, "a b"]) -> float:
    """I = H(a) + H(b) - H(a, b), clipped because rounding may make it negative."""
    return max(
        0.0,
        _entropy(counts.sum(axis=1)) + _entropy(counts.sum(axis=0)) - _entropy(counts),
    )


def _entropy(counts: Float[np.ndarray, "..."]) -> float:
    # -Σ p log p with p = n / N is log N - Σ n log n / N; 0 log 0 = 0.
    counts = counts[counts > 0]
    total = counts.sum()
    return float(np.log(total) - np.sum(counts * np.log(counts)) / total)
