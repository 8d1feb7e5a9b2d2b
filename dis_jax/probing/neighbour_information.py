"""Mutual information of a real number and a label or number, by nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from dis_jax.probing.factor_kinds import Kind, is_label, period_of
from dis_jax.probing.histogram_information import entropies, relabel

INFORMATION = ("histogram", "ksg")


def check_information(information: str) -> None:
    """Refuses an unknown estimator.

    Raises:
      ValueError: if it is none of `INFORMATION`.
    """
    if information not in INFORMATION:
        raise ValueError(
            f"information must be one of {INFORMATION}, found {information!r}."
        )


def neighbour_information(
    x: Float[np.ndarray, " batch"],
    labels: Int[np.ndarray, " batch"],
    *,
    neighbours: int,
    seed: int,
) -> float:
    """Mutual information, in nats, of a real variable and a label (Ross 2014).

    I = psi(n) + psi(k) - <psi(n_label)> - <psi(m)>: m counts the rows no farther from a
    row than its k-th neighbour of the same label. In one dimension, neighbours are
    adjacent in sorted order, so no search tree is needed. The result equals that of
    scikit-learn's `mutual_info_classif`: rows whose label occurs once are skipped, k is
    smaller for labels with fewer rows, and a noise of 1e-10 breaks ties.

    Args:
      x: (batch,), of about unit scale.
      labels: (batch,).
      neighbours: k.
      seed: of the noise.
    """
    from scipy.special import digamma

    x = _noisy(x, np.random.RandomState(seed))
    kept, radius, k_used, sizes = [], [], [], []
    for value in np.unique(labels):
        rows = np.flatnonzero(labels == value)
        if len(rows) < 2:
            continue
        k = min(neighbours, len(rows) - 1)
        rows = rows[np.argsort(x[rows])]
        kept.append(rows)
        radius.append(_kth_distance(x[rows], k))
        k_used.append(np.full(len(rows), k))
        sizes.append(np.full(len(rows), len(rows)))
    if not kept:
        return 0.0
    x, radius = x[np.concatenate(kept)], np.concatenate(radius)
    # The next smaller number excludes the k-th neighbour: m counts rows that are
    # nearer, and the row itself.
    near = _near(x, np.nextafter(radius, 0))
    information = (
        digamma(len(x))
        + np.mean(digamma(np.concatenate(k_used)))
        - np.mean(digamma(np.concatenate(sizes)))
        - np.mean(digamma(near))
    )
    return max(0.0, float(information))


def number_information(
    x: Float[np.ndarray, " batch"],
    y: Float[np.ndarray, " batch"],
    *,
    neighbours: int,
    seed: int,
    period: float | None = None,
) -> float:
    """Mutual information, in nats, of two real numbers (Kraskov et al. 2004, (8)).

    I = psi(n) + psi(k) - <psi(m_x + 1) + psi(m_y + 1)>: m_x counts the rows nearer in x
    than the distance to the k-th neighbour in (x, y), which is the larger of its distances
    in x and in y. The result equals that of scikit-learn's `mutual_info_regression`: a
    noise of 1e-10 breaks ties.

    Args:
      x: (batch,).
      y: (batch,); an angle, if `period` is given: distances are then circular.
      neighbours: k, fewer than rows.
      seed: of the noise.
      period: of y.

    Raises:
      ValueError: if there are too few rows.
    """
    from scipy.spatial import KDTree
    from scipy.special import digamma

    if len(x) <= neighbours + 1:
        raise ValueError(
            f"{len(x)} rows are too few for information from {neighbours} neighbours; "
            f"expected at least {neighbours + 2}."
        )
    rng = np.random.RandomState(seed)
    x, box = _noisy(x, rng), None
    if period is None:
        y = _noisy(y, rng)
    else:
        # A circle of circumference √12: uniform angles then have standard deviation 1,
        # as the other columns do.
        y, box = _noisy(np.mod(y, period) / period * 12**0.5, rng, 1), (0, 12**0.5)
        y = np.mod(y, box[1])
        x = x - x.min()  # a KDTree with a periodic axis refuses negative numbers
    both = np.stack([x, y], axis=1)
    tree = KDTree(both, boxsize=box)
    ranks: Any = [neighbours + 1]  # a list: only the k-th; the first is the row itself
    radius, _ = tree.query(both, k=ranks, p=np.inf, workers=-1)
    radius = np.nextafter(radius[:, 0], 0)
    near_y = _near(y, radius) if box is None else _near_angle(y, radius, box[1])
    information = (
        digamma(len(x))
        + digamma(neighbours)
        - np.mean(digamma(_near(x, radius)))
        - np.mean(digamma(near_y))
    )
    return max(0.0, float(information))


def information_matrix(
    codes: Float[np.ndarray, "batch latent"],
    columns: Sequence[np.ndarray],
    kinds: Sequence[Kind],
    *,
    neighbours: int,
    seed: int,
) -> Float[np.ndarray, "latent factor"]:
    """Mutual information of each dimension with each factor, by the factor's kind.

    Args:
      codes: standardised.
      columns: labels or numbers, as `check_kinds` returns them.
      kinds: one per column.
      neighbours: k.
      seed: of the noise.
    """
    out = np.empty((codes.shape[1], len(columns)))
    options = {"neighbours": neighbours, "seed": seed}
    for j, z in enumerate(codes.T):
        for k, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
            if np.ptp(z) == 0:
                out[j, k] = 0.0  # all distances are those of the noise
            elif is_label(kind):
                out[j, k] = neighbour_information(z, column, **options)
            else:
                out[j, k] = number_information(
                    z, column, period=period_of(kind), **options
                )
    return out


def information_shares(
    information: Float[np.ndarray, "latent factor"],
    columns: Sequence[np.ndarray],
    kinds: Sequence[Kind],
) -> Float[np.ndarray, "latent factor"]:
    """Information about each factor on a scale from 0 to 1 that is common to all kinds.

    For labels it is I / H(v); an estimate of I above H(v) counts as H(v). For numbers, no
    entropy bounds the information: it is 1 - exp(-2 I), the squared correlation of two
    Gaussians with this information (Linfoot 1957).

    Args:
      information: from `information_matrix`.
      columns: as in `information_matrix`.
      kinds: as in `information_matrix`.
    """
    out = np.empty(information.shape)
    for k, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        out[:, k] = (
            np.minimum(information[:, k] / entropies(relabel(column[:, None])), 1)
            if is_label(kind)
            else -np.expm1(-2 * information[:, k])
        )
    return out


def _noisy(
    x: np.ndarray, rng: np.random.RandomState, std: float | None = None
) -> Float[np.ndarray, " batch"]:
    """The column scaled to unit standard deviation, with a noise that breaks ties."""
    spread = float(x.std()) if std is None else std
    x = x / spread if spread > 0 else x
    return x + 1e-10 * max(1.0, np.mean(np.abs(x))) * rng.standard_normal(len(x))


def _near(
    x: Float[np.ndarray, " batch"], radius: Float[np.ndarray, " batch"]
) -> Int[np.ndarray, " batch"]:
    """Number of values within the radius of each value, itself included."""
    order = np.argsort(x)
    x, radius = x[order], radius[order]
    found = np.empty(len(x), np.int64)
    found[order] = _reach(x, radius) + _reach(-x[::-1], radius[::-1])[::-1] + 1
    return found


def _near_angle(
    y: Float[np.ndarray, " batch"], radius: Float[np.ndarray, " batch"], period: float
) -> Int[np.ndarray, " batch"]:
    """`_near` on a circle, for values from 0 to its circumference."""
    order = np.argsort(y)
    y, radius = y[order], radius[order]
    backward = _reach_around(y, radius, period)
    forward = _reach_around(-y[::-1], radius[::-1], period)[::-1]
    found = np.empty(len(y), np.int64)
    found[order] = _near(y, radius) + backward + forward
    return np.minimum(found, len(y))


def _reach_around(
    y: Float[np.ndarray, " row"], radius: Float[np.ndarray, " row"], period: float
) -> Int[np.ndarray, " row"]:
    """Number of values at the start that are near each sorted value across the end."""
    beyond = np.append(y, np.inf)
    end = np.searchsorted(y, y + radius - period, "right")
    # As in `_reach`: the difference decides, as the search tree computes it.
    while (over := (end > 0) & (period - (y - y[end - 1]) > radius)).any():
        end -= over
    while (under := period - (y - beyond[end]) <= radius).any():
        end += under
    return end


def _reach(
    x: Float[np.ndarray, " row"], radius: Float[np.ndarray, " row"]
) -> Int[np.ndarray, " row"]:
    """Number of sorted values after each one that are at most its radius away."""
    beyond = np.append(x, np.inf)
    end = np.searchsorted(x, x + radius, "right")
    # x + radius is rounded; the difference decides, as in scikit-learn's search tree.
    while (over := x[end - 1] - x > radius).any():
        end -= over
    while (under := beyond[end] - x <= radius).any():
        end += under
    return end - 1 - np.arange(len(x))


def _kth_distance(x: Float[np.ndarray, " row"], k: int) -> Float[np.ndarray, " row"]:
    """Distance of each of the sorted values to its k-th nearest other value.

    The k nearest values and the value itself form a window of k + 1 sorted values. The
    result is the smallest distance to the farther end of a window, over all windows that
    contain the value.
    """
    n = len(x)
    best = np.full(n, np.inf)
    for left in range(k + 1):
        start, stop = left, n - (k - left)  # rows with `left` values to their left
        inside = x[start:stop]
        reach = np.maximum(inside - x[: stop - start], x[start + k - left :] - inside)
        best[start:stop] = np.minimum(best[start:stop], reach)
    return best
