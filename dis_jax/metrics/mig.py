"""Mutual information gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
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


class Mig(NamedTuple):
    """Result of `mig`.

    Attributes:
      score: the mean gap, 0 to 1.
      per_factor: the gap of each factor, (factor,).
      mutual_information: in nats, (latent, factor).
    """

    score: float
    per_factor: np.ndarray
    mutual_information: np.ndarray


def mig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    bins: int = 20,
    information: str = "histogram",
    neighbours: int = 3,
    kinds: Sequence[Kind] | None = None,
    seed: int = 0,
) -> Mig:
    """Mutual information gap between the two best dimensions of each factor.

    MIG = 1/K sum_k [I(z_j1; v_k) - I(z_j2; v_k)] / H(v_k), where j1 and j2 are the
    dimensions with the most and the second most information about factor k.

    Eq.: Chen et al. 2018, (6)

    The codes are cut into equal-width bins, as in disentanglement_lib, whose score this
    equals. The bins matter: more bins or fewer rows raise every I, and one outlier
    squeezes all other values of its dimension into few bins. In a code of one dimension,
    the information of the missing second dimension counts as 0.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      bins: number of bins of each dimension.
      information: "histogram", or "ksg": from nearest neighbours, without bins (Ross
        2014 for labels, Kraskov et al. 2004 for numbers). A number has no entropy that
        bounds its information, so its gap is computed from 1 - exp(-2 I), the squared
        correlation of two Gaussians with this information (Linfoot 1957).
      neighbours: of "ksg".
      kinds: of "ksg", one per factor; all are labels by default.
      seed: of "ksg", for the noise that breaks ties.

    Returns:
      `Mig(score, per_factor, mutual_information)`: score in [0, 1], higher is better;
      mutual information in nats, (latent, factor).

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or `information` is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((4, 5)).reshape(2, -1).T
      >>> print(round(evaluation.mig(10 * factors, factors).score, 6))
      1.0
    """
    check_information(information)
    if information == "histogram":
        return reweighted_mig(codes, factors, bins=bins)()
    z, columns, own = check_pair_kinds(codes, factors, kinds)
    found = information_matrix(
        z.astype(np.float64), columns, own, neighbours=neighbours, seed=seed
    )
    share = information_shares(found, columns, own)
    ranked = np.sort(np.pad(share, ((1, 0), (0, 0))), axis=0)
    per_factor = ranked[-1] - ranked[-2]
    return Mig(float(per_factor.mean()), per_factor, found)


def reweighted_mig(
    codes: ArrayLike, factors: ArrayLike, *, bins: int = 20
) -> Reweighted[Mig]:
    """`mig` as a function of the order and weights of rows.

    Args:
      codes: as in `mig`.
      factors: as in `mig`.
      bins: as in `mig`.

    Returns:
      `score(order, weights) -> Mig`; see `Reweighted`.
    """
    codes, factors = check_pair(codes, factors)
    labels = relabel(factors)

    def score(order: Order | None = None, weights: Weights | None = None) -> Mig:
        # Bins from the rows with positive weight: the range of a code differs by sample.
        moved = codes if order is None else codes[order]
        moved = histogram_bins(moved, bins, weights)
        information = mutual_information_matrix(moved, labels, weights)
        # With one dimension, a row of zeros replaces the missing second dimension.
        ranked = np.sort(np.pad(information, ((1, 0), (0, 0))), axis=0)
        entropy = entropies(labels, weights)
        # I <= H(v_k), so each gap is in [0, 1]; H = 0 where a resample has one value.
        per_factor = (ranked[-1] - ranked[-2]) / np.where(entropy > 0, entropy, 1)
        return Mig(float(per_factor.mean()), per_factor, information)

    return score
