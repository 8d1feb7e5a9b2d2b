"""OMES: overlap and multiple encoding scores, without a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Key
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes, check_pair, pruned, random_key
from dis_jax.probing.histogram_information import relabel
from dis_jax.probing.one_factor_pairs import Pairs, one_factor_pairs
from dis_jax.probing.reweighted import Order, Reweighted, Weights

_MAX_PAIRS = 100_000
FEWEST_PAIRS = 3  # pairs; a line goes through any two points
_POOLINGS = ("avg", "max")


class Omes(NamedTuple):
    """Result of `omes`.

    Attributes:
      score: mean over the factors that have a score, 0 to 1.
      overlap: the same with alpha = 1: no dimension encodes two factors.
      multiple_encoding: the same with alpha = 0: no factor is encoded twice.
      association: S, how strongly each dimension encodes each factor, (latent, factor).
      per_factor: (factor,); 0 where a factor has no score.
      best_dim: the kept dimension with the largest overlap score for each factor,
        (factor,). It may encode the factor weakly: see `association`. -1 for a
        factor without a score, and if no dimension is kept.
      scored: whether a factor has enough pairs for a score, (factor,).
      kept: which dimensions vary enough to be used, (latent,).
      num_pairs: pairs of each factor, (factor,).
      overlap_per_factor: overlap score of each factor, (factor,).
      multiple_encoding_per_factor: the same for multiple encoding, (factor,).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    score: float
    overlap: float
    multiple_encoding: float
    association: np.ndarray
    per_factor: np.ndarray
    best_dim: np.ndarray
    scored: np.ndarray
    kept: np.ndarray
    num_pairs: np.ndarray
    overlap_per_factor: np.ndarray
    multiple_encoding_per_factor: np.ndarray
    left_out: Mapping[str, str] = {}


def omes(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""] | int,
    *,
    alpha: float = 0.5,
    pooling: str = "avg",
    normalised: bool = False,
    min_std: float = 0.05,
) -> Omes:
    """OMES: measures whether changing one factor changes exactly one dimension.

    Over pairs of rows that differ in factor i alone, S_di = 1 - |corr(z_d, z'_d)|;
    OS_di = 1 - mean_j |[i = j] - S_dj|, MES_di = 1 - mean_e |[d = e] - S_ei|; the score
    of factor i is alpha OS_i + (1 - alpha) MES_i. With X for OS or MES, pooling "avg"
    is X_i = sum_d X_di S_di^2 / sum_d S_di, and "max" is X_i = max_d X_di S_di.

    Eq.: Dapueto et al. 2024, Section 3

    A perfect code does not score 1: the two values of a pair always differ, so that a
    factor of k values has |corr| = 1/(k-1), S = 1 - 1/(k-1): 0 for two values, .5 for
    three. On dSprites a perfect code scores .820 and noise about .15. `normalised` divides
    S by that limit (two values stay 0); without it, if factors have few values, a rotated
    code may score higher than a perfect code. A noise dimension has S = 1 for all factors,
    like a dimension that encodes everything. Factors with fewer than three different pairs
    have no score and are skipped: with two pairs, |corr| is 1. If all factors are skipped,
    as with few rows of many factors, the score is NaN. `left_out` names skipped factors,
    and dimensions that vary too little. The authors use about 15,000 rows.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      key: source of the pairs; or a seed.
      alpha: weight of the overlap score, 0 to 1.
      pooling: "avg" or "max".
      normalised: whether a perfect code scores 1 for factors of three values and more.
      min_std: dimensions with a smaller standard deviation are skipped.

    Returns:
      `Omes(score, overlap, multiple_encoding, association, ...)`; higher is better.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or an option is unknown.

    Example:
      >>> import jax, numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((5, 5)).reshape(2, -1).T
      >>> result = evaluation.omes(factors, factors, jax.random.key(0))
      >>> result.best_dim
      array([0, 1])
    """
    return reweighted_omes(
        codes,
        factors,
        key,
        alpha=alpha,
        pooling=pooling,
        normalised=normalised,
        min_std=min_std,
    )()


def reweighted_omes(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""] | int,
    *,
    alpha: float = 0.5,
    pooling: str = "avg",
    normalised: bool = False,
    min_std: float = 0.05,
) -> Reweighted[Omes]:
    """`omes` as a function of the order and weights of rows, with fixed pairs.

    The pairs of a group (rows that agree on all factors but one) depend on each other, so
    all of them get the weight of one of its rows: a bootstrap of groups. All arguments are
    those of `omes`.

    Returns:
      `score(order, weights) -> Omes`; see `Reweighted`.
    """
    # Values need not repeat: in a grid of one factor all rows differ, and form pairs.
    codes, factors = check_pair(codes, factors, repeating=False)
    factors = relabel(factors)
    drawn = one_factor_pairs(factors, random_key(key), _MAX_PAIRS)
    pairs = _without_rare(drawn, factors.shape[1])

    def score(order: Order | None = None, weights: Weights | None = None) -> Omes:
        z = codes if order is None else codes[order]
        x, y, rows = pairs.x, pairs.y, np.arange(len(z))
        if weights is not None:
            often = weights[pairs.group].astype(int)
            x, y = np.repeat(x, often), np.repeat(y, often)
            rows = np.repeat(rows, weights.astype(int))
            changed = np.repeat(pairs.factor, often)
        else:
            changed = pairs.factor
        return omes_from_pairs(
            z[x],
            z[y],
            changed,
            z[rows],
            sizes=tuple(factors.max(axis=0) + 1),
            alpha=alpha,
            pooling=pooling,
            normalised=normalised,
            min_std=min_std,
        )

    return score


def _without_rare(pairs: Pairs, num_factors: int) -> Pairs:
    """Keeps the pairs of factors with enough different pairs; a pair may repeat."""
    # (a, b) and (b, a) are one pair.
    ends = np.minimum(pairs.x, pairs.y), np.maximum(pairs.x, pairs.y)
    different = np.unique(np.stack([pairs.factor, *ends]), axis=1)[0]
    enough = np.bincount(different, minlength=num_factors) >= FEWEST_PAIRS
    return Pairs(*(part[enough[pairs.factor]] for part in pairs))


def omes_from_pairs(
    x_codes: ArrayLike,
    y_codes: ArrayLike,
    changed_factor: ArrayLike,
    all_codes: ArrayLike,
    *,
    sizes: tuple[int, ...],
    alpha: float = 0.5,
    pooling: str = "avg",
    normalised: bool = False,
    min_std: float = 0.05,
) -> Omes:
    """OMES of given pairs, for example of video frames or of interventions.

    Eq.: Dapueto et al. 2024, Section 3

    Args:
      x_codes: codes of the first image of each pair, (pair, latent).
      y_codes: codes of the second image, (pair, latent).
      changed_factor: the factor in which they differ, (pair,).
      all_codes: codes from which standard deviations are estimated, (batch, latent).
      sizes: the number of values of each factor; its length is the number of factors.
      alpha: weight of the overlap score, 0 to 1.
      pooling: "avg" or "max".
      normalised: whether a perfect code scores 1 for factors of three values and more.
      min_std: dimensions with a smaller standard deviation are skipped.

    Returns:
      `Omes`, as `omes`.

    Raises:
      ValueError: if shapes do not fit, a value is not finite, or an option is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> x, y = np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]])[..., None]
      >>> evaluation.omes_from_pairs(x, y, [0, 0, 0, 0], x, sizes=(4,)).score
      1.0
    """
    x = check_codes(x_codes, name="x_codes", min_rows=0).astype(np.float64)
    y = check_codes(y_codes, name="y_codes", min_rows=0).astype(np.float64)
    everything = check_codes(all_codes, name="all_codes").astype(np.float64)
    changed = np.asarray(changed_factor)
    if x.shape != y.shape or changed.shape != x.shape[:1]:
        raise ValueError(
            "x_codes, y_codes and changed_factor must have the shapes (pair, latent) "
            f"twice and (pair,), found {x.shape}, {y.shape} and {changed.shape}."
        )
    if not np.isin(changed, np.arange(len(sizes))).all():
        raise ValueError(
            f"changed_factor must be numbers of factors, from 0 to {len(sizes) - 1}, "
            f"found {np.unique(changed).tolist()}."
        )
    if everything.shape[1] != x.shape[1]:
        raise ValueError(
            f"all_codes must have {x.shape[1]} dimensions, found {everything.shape}."
        )
    if pooling not in _POOLINGS or not 0 <= alpha <= 1:
        raise ValueError(
            f"pooling must be one of {_POOLINGS} and alpha in [0, 1], found "
            f"{pooling!r} and {alpha}."
        )
    association = np.zeros((x.shape[1], len(sizes)))
    num_pairs = np.array([np.sum(changed == k) for k in range(len(sizes))])
    for k in np.flatnonzero(num_pairs >= FEWEST_PAIRS):
        association[:, k] = _association(x[changed == k], y[changed == k])
    if normalised:
        # S of a perfect code: the values of a pair differ, so |corr| is 1 / (k - 1).
        # For two values that is 1 and S is 0, which no division can scale up.
        limit = [1 - 1 / (size - 1) if size > 2 else 1 for size in sizes]
        association = np.minimum(association / limit, 1)
    std = everything.std(axis=0, ddof=1)
    found = _scores(association, num_pairs, std >= min_std, alpha, pooling)
    left_out = pruned(std, min_std)
    for k in np.flatnonzero(~found.scored):
        left_out[f"factor {k}"] = (
            "takes one value"
            if sizes[k] == 1
            else f"fewer than {FEWEST_PAIRS} distinct pairs that differ only in it"
        )
    if not found.scored.any():
        left_out["score"] = "undefined: no factor has enough pairs"
    return found._replace(left_out=left_out)


def _association(
    x: Float[np.ndarray, "pair latent"], y: Float[np.ndarray, "pair latent"]
) -> Float[np.ndarray, " latent"]:
    """1 - |corr|; 0 for a dimension that is the same in all pairs."""
    # Equal values minus their rounded mean give rounding errors, not variation.
    still = (np.ptp(x, axis=0) == 0) | (np.ptp(y, axis=0) == 0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
    scale[still] = 0
    correlation = (x * y).sum(axis=0) / np.where(scale > 0, scale, 1)
    return np.where(scale > 0, 1 - np.minimum(np.abs(correlation), 1), 0)


def _scores(
    association: Float[np.ndarray, "latent factor"],
    num_pairs: Int[np.ndarray, " factor"],
    kept: np.ndarray,
    alpha: float,
    pooling: str,
) -> Omes:
    """Overlap and multiple encoding scores, pooled over the kept dimensions."""
    scored = num_pairs >= FEWEST_PAIRS
    overlap, multiple = np.zeros(len(scored)), np.zeros(len(scored))
    best = np.full(len(scored), -1)
    if kept.any() and scored.any():
        # Pruned after the association was computed, as in the public code.
        s = association[np.ix_(kept, scored)]
        # mean_j |[i = j] - S_j|, with S in [0, 1]: 1 - S_i for i itself, S_j for the
        # others.
        os = 1 - (s.sum(axis=1, keepdims=True) + 1 - 2 * s) / s.shape[1]
        mes = 1 - (s.sum(axis=0, keepdims=True) + 1 - 2 * s) / s.shape[0]
        overlap[scored], multiple[scored] = (
            _pool(os, s, pooling),
            _pool(mes, s, pooling),
        )
        best[scored] = np.flatnonzero(kept)[os.argmax(axis=0)]
    per_factor = alpha * overlap + (1 - alpha) * multiple
    mean = lambda v: float(v[scored].mean()) if scored.any() else float("nan")
    return Omes(
        mean(per_factor),
        mean(overlap),
        mean(multiple),
        association,
        per_factor,
        best,
        scored,
        kept,
        num_pairs,
        overlap,
        multiple,
    )


def _pool(scores: np.ndarray, s: np.ndarray, pooling: str) -> np.ndarray:
    if pooling == "max":
        return (scores * s).max(axis=0)
    total = s.sum(axis=0)
    return (scores * s * s).sum(axis=0) / np.where(total > 0, total, 1)
