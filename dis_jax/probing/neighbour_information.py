"""Mutual information of a continuous and a discrete variable, by nearest neighbours."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


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
    adjacent in sorted order, so no search tree is needed. Rows whose label occurs once
    are left out, k is smaller for labels with fewer rows, and a noise of 1e-10 breaks
    ties: all as in scikit-learn's `mutual_info_classif`, which this equals.

    Args:
      x: (batch,), of about unit scale.
      labels: (batch,).
      neighbours: k.
      seed: of the noise.
    """
    from scipy.special import digamma

    noise = np.random.RandomState(seed).standard_normal(size=(len(x), 1))[:, 0]
    std = x.std()
    x = x / std if std > 0 else x
    x = x + 1e-10 * max(1.0, np.mean(np.abs(x))) * noise
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
    order = np.argsort(x)
    # The next smaller number excludes the k-th neighbour: m counts rows that are
    # nearer, and the row itself.
    x, radius = x[order], np.nextafter(radius[order], 0)
    near = _reach(x, radius) + _reach(-x[::-1], radius[::-1])[::-1] + 1
    information = (
        digamma(len(x))
        + np.mean(digamma(np.concatenate(k_used)))
        - np.mean(digamma(np.concatenate(sizes)))
        - np.mean(digamma(near))
    )
    return max(0.0, float(information))


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

    The k nearest and the value itself fill a window of k + 1 neighbours in order: the
    distance is the smallest, over the windows that hold it, of the farther end.
    """
    n = len(x)
    best = np.full(n, np.inf)
    for left in range(k + 1):
        start, stop = left, n - (k - left)  # rows with `left` values to their left
        inside = x[start:stop]
        reach = np.maximum(inside - x[: stop - start], x[start + k - left :] - inside)
        best[start:stop] = np.minimum(best[start:stop], reach)
    return best
