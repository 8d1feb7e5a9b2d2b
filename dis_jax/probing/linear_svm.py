"""Linear support vector machines on one variable, solved exactly and in parallel.

On one variable, the rows within the margin are those on one side of a threshold, so
their sums are differences of cumulative sums: a Newton step costs a binary search
instead of a pass over the data.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

_MAX_STEPS = 100
_TOLERANCE = 1e-9


def fit_svms(
    x: Float[np.ndarray, "batch latent"],
    y: Int[np.ndarray, " batch"],
    num_classes: int,
    *,
    c: float,
) -> tuple[Float[np.ndarray, "latent class"], Float[np.ndarray, "latent class"]]:
    """One-against-rest linear SVMs with balanced classes, for each column separately.

    Each minimises (w^2 + b^2) / 2 + c sum_i s_i max(0, 1 - y_i (w x_i + b))^2, the
    objective of liblinear: the intercept is regularised; positives have the weight
    s = batch / (num_classes * their number). Negatives have the weight 1; with only two
    classes they have the balanced weight of their class.

    Args:
      x: (batch, latent).
      y: class of each row, 0 to num_classes - 1, each at least once.
      num_classes: 2 or more.
      c: weight of the loss.

    Returns:
      Slopes and intercepts, (latent, class). Two classes have two mirrored machines.
    """
    sums = _MarginSums(x.astype(np.float64), y, num_classes)
    weight = len(y) / (num_classes * np.bincount(y, minlength=num_classes))
    negative = weight[::-1] if num_classes == 2 else np.ones(num_classes)
    weights = 2 * c * np.stack([weight, negative])  # (2, class)

    # The loss is piecewise quadratic and convex: Newton's method, which halves a step
    # that overshoots, ends at the exact optimum of all machines.
    params = np.zeros((2, x.shape[1], num_classes))
    value, target = _newton(params, sums(params), weights)
    for _ in range(_MAX_STEPS):
        step = target - params
        if np.all(np.abs(step) <= _TOLERANCE * np.abs(target)):
            break
        size = np.ones(params.shape[1:])
        while True:
            trial = params + size * step
            trial_value, trial_target = _newton(trial, sums(trial), weights)
            # Halve the steps that raised the objective by more than rounding.
            worse = (trial_value > value * (1 + 1e-12)) & (size > _TOLERANCE)
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        params, value, target = trial, trial_value, trial_target
    return params[0], params[1]


class _MarginSums:
    """Sums of 1, x and x^2 over the rows within the margin of each machine."""

    def __init__(self, x: np.ndarray, y: np.ndarray, num_classes: int):
        n, dims = x.shape
        order = np.argsort(x, axis=0)
        self.sorted = np.take_along_axis(x, order, axis=0).T.copy()  # (latent, batch)
        by_class = np.argsort(y[order.T], axis=1, kind="stable")
        # Class and rank of each row as one increasing number: a binary search in it
        # finds how many rows of one class lie below a rank.
        self.rank = (
            np.take_along_axis(y[order.T], by_class, axis=1) * (n + 1) + by_class
        )
        self.all = _cumulate(self.sorted)
        self.own = _cumulate(np.take_along_axis(self.sorted, by_class, axis=1))
        bounds = np.concatenate([[0], np.cumsum(np.bincount(y, minlength=num_classes))])
        self.start, self.stop = bounds[:-1], bounds[1:]
        self.offset = np.arange(num_classes) * (n + 1)
        self.dims = range(dims)

    def __call__(self, params: np.ndarray) -> np.ndarray:
        """Sums (positive or negative, latent, class, moment) at (w, b)."""
        w, b = params
        # y (w x + b) < 1. For w > 0, positives within the margin lie left of (1 - b) / w
        # and negatives right of (-1 - b) / w; for w < 0 the sides are exchanged.
        right = w < 0
        own, _ = self._below(1 - b, w, right)
        total_own = self.own[:, self.stop] - self.own[:, self.start]
        positive = np.where(right[..., None], total_own - own, own)
        own, everyone = self._below(-1 - b, w, ~right)
        rest, total = everyone - own, self.all[:, None, -1] - total_own
        negative = np.where(right[..., None], rest, total - rest)
        return np.stack([positive, negative])

    def _below(
        self, numerator: np.ndarray, w: np.ndarray, inclusive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums over rows left of numerator / w: of the class itself, and of all."""
        # w = 0: all rows are within the margin, or none.
        far = np.where(numerator > 0, np.inf, -np.inf)
        threshold = np.divide(numerator, w, out=far, where=w != 0)
        own = np.empty((*w.shape, 3))
        everyone = np.empty((*w.shape, 3))
        for d in self.dims:
            left, right = (
                np.searchsorted(self.sorted[d], threshold[d], side)
                for side in ("left", "right")
            )
            rank = np.where(inclusive[d], right, left)
            place = np.searchsorted(self.rank[d], self.offset + rank)
            own[d] = self.own[d, place] - self.own[d, self.start]
            everyone[d] = self.all[d, rank]
        return own, everyone


def _cumulate(x: np.ndarray) -> np.ndarray:
    """Cumulative sums of 1, x and x^2 along rows, from 0: (latent, batch + 1, 3)."""
    out = np.zeros((x.shape[0], x.shape[1] + 1, 3))
    np.cumsum(np.stack([np.ones_like(x), x, x * x], axis=-1), axis=1, out=out[:, 1:])
    return out


def _newton(
    params: np.ndarray, sums: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The objective, and the minimum of its quadratic piece around `params`."""
    w, b = params
    n, sx, sxx = np.moveaxis(weights[:, None, :, None] * sums, -1, 0)
    (n, dn), (sx, dx), sxx = (
        (n.sum(axis=0), n[0] - n[1]),
        (sx.sum(axis=0), sx[0] - sx[1]),
        sxx.sum(axis=0),
    )
    # Σ (1 - y (w x + b))² over rows within the margin, by their moments; y² = 1.
    loss = w * w * sxx + 2 * w * b * sx + b * b * n - 2 * (w * dx + b * dn) + n
    value = (w * w + b * b + loss) / 2
    a, d = 1 + sxx, 1 + n
    # The 2 x 2 normal equations [1 + sxx, sx; sx, 1 + n] (w, b) = (dx, dn).
    target = np.stack([d * dx - sx * dn, a * dn - sx * dx]) / (a * d - sx * sx)
    return value, target
