"""Pairs of rows that differ in exactly one factor."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key


class Pairs(NamedTuple):
    """Pairs of rows that differ in exactly one factor.

    Attributes:
      x: the first row of each pair, (pair,).
      y: the second row, (pair,).
      factor: the factor in which they differ, (pair,).
      group: one row of the group of both, the same for all pairs of the group, (pair,).
    """

    x: Int[np.ndarray, " pair"]
    y: Int[np.ndarray, " pair"]
    factor: Int[np.ndarray, " pair"]
    group: Int[np.ndarray, " pair"]


def one_factor_pairs(
    factors: Int[np.ndarray, "batch factor"], key: Key[Array, ""], max_pairs: int
) -> Pairs:
    """Pairs drawn as in Dapueto et al. 2024: all pairs, or a random subset.

    The rows that are equal in all factors but one form a group, with one row (the first)
    for each of its m values of that factor. A shuffled group gives floor(m / 2) pairs. Each
    group is visited m times, with a new shuffle each time. If a factor has more than
    `max_pairs` pairs, a subset is drawn without replacement; only the visits of this subset
    are shuffled.

    Args:
      factors: (batch, factor), values from 0.
      key: source of the shuffles.
      max_pairs: the largest number of pairs per factor.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    found = [_pairs_of(factors, k, rng, max_pairs) for k in range(factors.shape[1])]
    return Pairs(
        np.concatenate([x for x, _, _ in found]),
        np.concatenate([y for _, y, _ in found]),
        np.repeat(np.arange(len(found)), [len(x) for x, _, _ in found]),
        np.concatenate([group for _, _, group in found]),
    )


def _pairs_of(
    factors: np.ndarray, k: int, rng: np.random.Generator, max_pairs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs that differ in factor k, in random order within each visit."""
    others = _identify(np.delete(factors, k, axis=1))
    # The first row of each label vector, sorted by group (stable: in row order).
    _, first = np.unique(
        _identify(np.stack([others, factors[:, k]], 1)), return_index=True
    )
    rows = first[np.argsort(others[first], kind="stable")]
    _, start, sizes = np.unique(others[rows], return_index=True, return_counts=True)
    # A group of m rows is visited m times: one visit for each of its rows.
    start, sizes = np.repeat(start, sizes), np.repeat(sizes, sizes)
    visit = np.repeat(np.arange(len(sizes)), sizes // 2)
    # Number of each pair within its visit, from 0.
    slot = np.arange(len(visit)) - np.repeat(
        np.cumsum(sizes // 2) - sizes // 2, sizes // 2
    )
    if len(visit) > max_pairs:
        chosen = rng.choice(len(visit), max_pairs, replace=False)
        visit, slot = visit[chosen], slot[chosen]
    # Renumbers the visits that are needed, so that the others are never shuffled.
    used, visit = np.unique(visit, return_inverse=True)
    start, sizes = start[used], sizes[used]
    ends = np.cumsum(sizes)
    member = np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)
    owner = np.repeat(np.arange(len(used)), sizes)
    # Sorted by visit, then by a random number: a shuffle within each visit.
    shuffled = np.lexsort((rng.random(len(member)), owner))
    order = rows[np.repeat(start, sizes) + member[shuffled]]
    # Consecutive shuffled rows form the pairs.
    place = (ends - sizes)[visit] + 2 * slot
    return order[place], order[place + 1], rows[start[visit]]


def _identify(columns: np.ndarray) -> np.ndarray:
    """An integer for each row, the same for equal rows."""
    out = np.zeros(len(columns), np.int64)
    for column in columns.T:
        out = out * (column.max() + 1) + column
        out = np.unique(out, return_inverse=True)[1]  # stays below the number of rows
    return out
