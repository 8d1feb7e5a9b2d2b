"""DCIMIG: information gaps of dimensions, assigned to the factors that they encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_pair
from dis_jax.probing.factor_kinds import Kind, check_pair_kinds
from dis_jax.probing.histogram_information import (
    entropies,
    histogram_bins,
    mutual_information_matrix,
    relabel,
)
from dis_jax.probing.neighbour_information import (
    check_information,
    information_matrix,
    information_shares,
)
from dis_jax.probing.reweighted import Order, Reweighted, Weights


class Dcimig(NamedTuple):
    """Result of `dcimig`.

    Attributes:
      score: 0 to 1.
      per_factor: the best gap of a dimension that encodes the factor, in units of its
        entropy, (factor,).
      factor_of: the factor with most information in each dimension, (latent,).
    """

    score: float
    per_factor: np.ndarray
    factor_of: np.ndarray


def dcimig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    information: str = "histogram",
    neighbours: int = 3,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> Dcimig:
    """Information gaps over factors, in place of MIG's gaps over dimensions.

    Each dimension j belongs to the factor m that it has most information about, with the
    gap R_j = I(z_j; v_m) - max_{k != m} I(z_j; v_k). DCIMIG = sum_k S_k / sum_k H(v_k),
    where S_k is the largest R_j of the dimensions that belong to factor k, 0 without one.

    Eq.: Sepliarskaia et al. 2019, DCIMIG

    MIG measures whether one dimension encodes a factor, DCIMIG whether a dimension encodes
    one factor. A factor in two dimensions does not lower DCIMIG; two factors in one
    dimension lose nearly both gaps.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      bins: number of equal-width bins of each dimension.
      information: "histogram", or "ksg": from nearest neighbours, without bins. A number
        has no entropy to divide nats by, so the information is first converted to a
        share, as in `mig`; the gaps are those of shares, and the score is the mean of S_k.
      neighbours: of "ksg".
      kinds: of "ksg", one per factor; all are labels by default.
      seed: of "ksg", for the noise that breaks ties.

    Returns:
      `Dcimig(score, per_factor, factor_of)`; score in [0, 1], higher is better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or `information` is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((4, 5)).reshape(2, -1).T
      >>> print(round(evaluation.dcimig(10 * factors, factors).score, 6))
      1.0
    """
    check_information(information)
    if information == "histogram":
        return reweighted_dcimig(codes, factors, bins=bins)()
    z, columns, own = check_pair_kinds(codes, factors, kinds)
    found = information_matrix(
        z.astype(np.float64), columns, own, neighbours=neighbours, seed=seed
    )
    gaps, owner = _gaps(information_shares(found, columns, own))
    return Dcimig(float(gaps.mean()), gaps, owner)


def reweighted_dcimig(
    codes: ArrayLike, factors: ArrayLike, *, bins: int = 20
) -> Reweighted[Dcimig]:
    """`dcimig` as a function of the order and weights of rows.

    All arguments are those of `dcimig`.

    Returns:
      `score(order, weights) -> Dcimig`; see `Reweighted`.
    """
    codes, factors = check_pair(codes, factors)
    labels = relabel(factors)

    def score(order: Order | None = None, weights: Weights | None = None) -> Dcimig:
        # Bins from the rows with positive weight: the range of a code differs by sample.
        moved = codes if order is None else codes[order]
        moved = histogram_bins(moved, bins, weights)
        information = mutual_information_matrix(moved, labels, weights)
        gaps, owner = _gaps(information)
        entropy = entropies(labels, weights)
        per_factor = gaps / np.where(entropy > 0, entropy, 1)
        return Dcimig(float(gaps.sum() / entropy.sum()), per_factor, owner)

    return score


def _gaps(
    information: Float[np.ndarray, "latent factor"],
) -> tuple[Float[np.ndarray, " factor"], Int[np.ndarray, " latent"]]:
    """The best gap of each factor, and the factor that each dimension belongs to."""
    owner = information.argmax(axis=1)
    # With one factor, a column of zeros replaces the missing second factor.
    ranked = np.sort(np.pad(information, ((0, 0), (1, 0))), axis=1)
    gaps = np.zeros(information.shape[1])
    np.maximum.at(gaps, owner, ranked[:, -1] - ranked[:, -2])
    return gaps, owner
