"""Hausdorff distance of a code's support from a factorised support."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes, name_dims


class HausdorffSupport(NamedTuple):
    """Result of `hausdorff_support`.

    Attributes:
      score: mean distance over pairs of dimensions, 0 to 1; NaN with one dimension.
      factorised: the same after a separate shuffle of each dimension: the score of a
        factorised support with as many rows.
      pairwise: distance of each pair, (latent, latent); NaN for constant dimensions.
      left_out: skipped dimensions and scores, with the reason.
    """

    score: float
    factorised: float
    pairwise: np.ndarray
    left_out: Mapping[str, str] = {}


def hausdorff_support(
    codes: ArrayLike, *, rows: int = 2_000, seed: int = 0
) -> HausdorffSupport:
    """Distance between the support of a code and the product of its marginal supports.

    For each pair of dimensions: d = max_{a in Z_i, b in Z_j} min_{z in Z} |(a, b) - (z_i,
    z_j)|, where Z are the codes, and Z_i the values of dimension i. Averaged over pairs.

    Eq.: Roth et al. 2023, pairwise Hausdorff distance of the support

    It measures whether all combinations of values occur, not how often: dimensions may be
    correlated and still have a factorised support. 0 is best. The unit is the range of a
    dimension, because each is scaled to [0, 1]: the codes of a diagonal line score
    0.5 ** 0.5. The paper's loss sums squared distances of unscaled codes. Any sample has
    gaps, and a sample of an unbounded distribution has large gaps at its corners. So
    compare the score with `factorised`: the same marginals without dependence.

    Args:
      codes: (batch, latent).
      rows: number of rows to draw at random; all if there are fewer.
      seed: of the draw and of the random orders.

    Returns:
      `HausdorffSupport(score, factorised, pairwise, left_out)`; lower is better.

    Raises:
      ValueError: if the shape is wrong, a value is not finite, or `rows` is below 2.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> line = np.linspace(0, 1, 101)
      >>> round(evaluation.hausdorff_support(np.stack([line, line], axis=1)).score, 4)
      0.7071
    """
    if rows < 2:
        raise ValueError(f"rows must be at least 2, found {rows}.")
    z = check_codes(codes).astype(np.float64)
    rng = np.random.default_rng(seed)
    if len(z) > rows:
        z = z[rng.permutation(len(z))[:rows]]
    span = np.ptp(z, axis=0)
    active = np.flatnonzero(span > 0)
    left_out = {}
    if len(active) < z.shape[1]:
        left_out[name_dims(np.flatnonzero(span == 0))] = "constant"
    if len(active) < 2:
        why = "undefined: needs two active dimensions"
        left_out |= {"score": why, "factorised": why}
    unit = (z[:, active] - z[:, active].min(axis=0)) / span[active]
    mixed = rng.permuted(unit, axis=0)  # shuffles each column separately
    pairwise = np.full((z.shape[1],) * 2, np.nan)
    pairwise[np.ix_(active, active)] = found = _pairs(unit)
    return HausdorffSupport(_mean(found), _mean(_pairs(mixed)), pairwise, left_out)


def _pairs(z: Float[np.ndarray, "row latent"]) -> Float[np.ndarray, "latent latent"]:
    out = np.zeros((z.shape[1],) * 2)
    for i, j in itertools.combinations(range(z.shape[1]), 2):
        out[i, j] = out[j, i] = _farthest(z[:, [i, j]])
    return out


def _mean(pairwise: Float[np.ndarray, "latent latent"]) -> float:
    """Mean over pairs of different dimensions."""
    pairs = pairwise[np.triu_indices(len(pairwise), 1)]
    return float(pairs.mean()) if pairs.size else float("nan")


def _farthest(points: Float[np.ndarray, "row 2"]) -> float:
    """Largest distance from a combination of two values to the nearest point.

    Two dimensions of n values have n^2 combinations, too many to visit. Blocks of the grid
    are cut in four, from coarse to fine; a block is dropped when no combination in it can
    be farther than the farthest one found, as distances change no faster than positions.
    """
    from scipy.spatial import KDTree

    tree, values = KDTree(points), np.sort(points, axis=0).T
    low, high = np.zeros((1, 2), int), np.full((1, 2), len(points) - 1)
    axes, best = np.arange(2), 0.0
    while len(low):
        middle = (low + high) // 2
        at = values[axes, middle]
        distance, _ = tree.query(at)
        best = max(best, float(np.max(distance)))
        reach = np.maximum(values[axes, high] - at, at - values[axes, low])
        kept = distance + np.hypot(*reach.T) > best
        low, high, middle = low[kept], high[kept], middle[kept]
        quarters = [
            (
                np.where(upper, middle + 1, low),
                np.where(upper, high, middle),
            )
            for upper in itertools.product((False, True), repeat=2)
        ]
        low, high = (np.concatenate(ends) for ends in zip(*quarters, strict=True))
        # An upper half is empty if one value was left; a block of one point is done.
        whole = (low <= high).all(axis=1)
        low, high = low[whole], high[whole]
    return best
