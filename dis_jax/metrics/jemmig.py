"""JEMMIG: the mutual information gap, lowered by other information in a dimension."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_pair
from dis_jax.probing.histogram_information import (
    entropies,
    histogram_bins,
    mutual_information_matrix,
    relabel,
)
from dis_jax.probing.reweighted import Order, Reweighted, Weights


class Jemmig(NamedTuple):
    """Result of `jemmig`.

    Attributes:
      score: mean over factors, 0 to 1.
      per_factor: score of each factor, (factor,).
      nats: the same before normalisation, lower is better, (factor,).
      best_dim: the dimension with most information about each factor, (factor,).
    """

    score: float
    per_factor: np.ndarray
    nats: np.ndarray
    best_dim: np.ndarray


def jemmig(codes: ArrayLike, factors: ArrayLike, *, bins: int = 20) -> Jemmig:
    """Joint entropy minus mutual information gap, normalised so that 1 is best.

    JEMMIG = 1/K sum_k {1 - [H(z_j1, v_k) - I(z_j1; v_k) + I(z_j2; v_k)] /
    [H(v_k) + log B]}, where j1 and j2 are the dimensions with most and second most
    information about factor k, and B is the number of bins.

    Eq.: Do & Tran 2020, JEMMIG

    H(z, v) - I(z; v) is 0 where dimension and factor determine each other. So a
    dimension that encodes a second factor, or noise, lowers the score; MIG ignores both.
    A real-valued code has noise in its last digits: with B equal-width bins, as here, a
    code of more values than its factor does not reach 1. The paper's quantity, in nats
    and lower is better, is `nats`; the normalisation is that of Carbonneau et al. 2022.
    Unlike `mig`, it has no nearest-neighbour form: the joint entropy of real
    numbers depends on their scale and has no lower bound, so there is nothing to
    normalise it by.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      bins: number of equal-width bins of each dimension.

    Returns:
      `Jemmig(score, per_factor, nats, best_dim)`; higher is better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), or
        a factor is constant.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((4, 5)).reshape(2, -1).T
      >>> print(round(evaluation.jemmig(10 * factors, factors).score, 6))
      1.0
    """
    return reweighted_jemmig(codes, factors, bins=bins)()


def reweighted_jemmig(
    codes: ArrayLike, factors: ArrayLike, *, bins: int = 20
) -> Reweighted[Jemmig]:
    """`jemmig` as a function of the order and weights of rows.

    All arguments are those of `jemmig`.

    Returns:
      `score(order, weights) -> Jemmig`; see `Reweighted`.
    """
    codes, factors = check_pair(codes, factors)
    labels = relabel(factors)
    columns = np.arange(labels.shape[1])

    def score(order: Order | None = None, weights: Weights | None = None) -> Jemmig:
        # Bins from the rows with positive weight: the range of a code differs by sample.
        moved = codes if order is None else codes[order]
        moved = histogram_bins(moved, bins, weights)
        information = mutual_information_matrix(moved, labels, weights)
        of_codes, of_factors = entropies(moved, weights), entropies(labels, weights)
        best = information.argmax(axis=0)
        # With one dimension, a row of zeros replaces the missing second dimension.
        ranked = np.sort(np.pad(information, ((1, 0), (0, 0))), axis=0)
        # H(z, v) = H(z) + H(v) - I(z; v)
        joint = of_codes[best] + of_factors - information[best, columns]
        nats = joint - ranked[-1] + ranked[-2]
        per_factor = 1 - nats / (of_factors + np.log(bins))
        return Jemmig(float(per_factor.mean()), per_factor, nats, best)

    return score
