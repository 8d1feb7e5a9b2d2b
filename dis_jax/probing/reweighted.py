"""Scores as functions of the order and the weights of the rows, for resampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from jaxtyping import Float, Int

Order = Int[np.ndarray, " batch"]
Weights = Float[np.ndarray, " batch"]
_Result = TypeVar("_Result", bound=NamedTuple, covariant=True)


class Reweighted(Protocol[_Result]):
    """A score of rows that are prepared once, with fixed ranks and targets.

    A row of weight 2 counts as if it occurred twice, so integer weights with the sum n are
    a bootstrap resample. `order` pairs the codes with other factors: a random order gives a
    chance score.
    """

    def __call__(
        self, order: Order | None = None, weights: Weights | None = None
    ) -> _Result:
        """The score, by default of the original rows.

        Args:
          order: for each row of the factors, the row of the codes to pair it with.
          weights: how often each row counts, integers from 0.
        """
        ...


def moments_of(
    z: Float[np.ndarray, "batch latent"],
    targets: Sequence[Float[np.ndarray, "batch target"]],
    parts: Sequence[Int[np.ndarray, " part"]],
) -> Callable[[Order | None, Weights], list[np.ndarray]]:
    """A function for second moments of codes, targets and a constant, over parts of rows.

    Columns with mean 0 and about unit variance lose no precision.

    Args:
      z: the codes.
      targets: the targets of the same rows.
      parts: the rows of each part.

    Returns:
      `moments(order, weights)`: for each part a symmetric matrix of sums of products; its
      columns are those of z, of each target, and the constant.
    """
    columns = np.concatenate([z, *targets, np.ones((len(z), 1))], axis=1)
    blocks = [columns[rows] for rows in parts]

    def moments(order: Order | None, weights: Weights) -> list[np.ndarray]:
        found = []
        for rows, block in zip(parts, blocks, strict=True):
            # Only the codes move; targets and the constant stay in their rows.
            if order is not None:
                block = np.concatenate([z[order[rows]], block[:, z.shape[1] :]], axis=1)
            found.append(block.T @ (block * weights[rows, None]))
        return found

    return moments


def covariance(
    moments: Float[np.ndarray, "column column"],
) -> Float[np.ndarray, "column column"]:
    """Covariance matrix from second moments, without the constant column."""
    mean = moments[-1, :-1] / moments[-1, -1]
    return moments[:-1, :-1] / moments[-1, -1] - np.outer(mean, mean)


def weighted_ranks(
    places: Int[np.ndarray, "batch column"], weights: Weights | None
) -> Float[np.ndarray, "batch column"]:
    """Ranks from 1 of each column; equal values share the mean of their ranks.

    Args:
      places: the rank of each value among the distinct values of its column, from 0.
      weights: how often each row counts; once by default.
    """
    ranks = np.empty(places.shape)
    for j, column in enumerate(places.T):
        # Ranks c - w + 1 to c of a value with weight w and cumulative weight c: their
        # mean is c - (w - 1) / 2.
        counts = np.bincount(column, weights)
        ranks[:, j] = (np.cumsum(counts) - (counts - 1) / 2)[column]
    return ranks
