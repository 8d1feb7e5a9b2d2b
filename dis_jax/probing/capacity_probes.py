"""Families of probes with increasing capacity, for curves of loss over capacity."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dis_jax.probing.cross_fit import location_scale
from dis_jax.probing.sklearn_models import fit, fit_logistic

FOREST_DEPTHS = (1, 2, 3, 4, 8, 10, 12, 14, 16, 18, 20, 32)
MLP_WIDTHS = (0, 16, 32, 64, 128, 256, 512)


class Probes(NamedTuple):
    """Predictions of one factor by all probes of a family.

    Attributes:
      capacities: of each probe, increasing, (probe,).
      predicted: labels (probe, test batch), or numbers (probe, test batch, target).
    """

    capacities: Float[np.ndarray, " probe"]
    predicted: np.ndarray


# (codes, labels or numbers with one column per target, test codes, seed)
FitProbes = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Probes]


def forest_probes(
    codes: Float[np.ndarray, "batch latent"],
    target: np.ndarray,
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
    sizes: Sequence[int] = FOREST_DEPTHS,
) -> Probes:
    """Random forests of 100 trees with these depths; the depth is the capacity.

    One forest is grown to the largest depth. Its trees, cut at a smaller depth, equal the
    trees of a forest with this limit, because a tree is grown from the root.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    labels = target.dtype.kind == "i"
    options: dict[str, Any] = {
        "max_depth": max(sizes),
        "random_state": seed,
        "n_jobs": -1,
    }
    # scikit-learn warns if one column has a separate axis.
    y = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    model = RandomForestClassifier if labels else RandomForestRegressor
    forest = fit(model(**options), codes, y)
    rows = test_codes.astype(np.float32)  # the type that the trees were grown on
    votes: Any = 0
    for tree in forest.estimators_:
        nodes = _cut(tree.tree_, rows, sizes)
        # (node, target, class): shares of classes, or one mean
        values = tree.tree_.value[:, 0] if labels else tree.tree_.value[:, :, 0]
        votes = votes + values[nodes]
    if labels:
        predicted = forest.classes_[votes.argmax(axis=2)]
    else:
        predicted = votes / len(forest.estimators_)
    return Probes(np.array(sizes, np.float64), predicted)


def mlp_probes(
    codes: Float[np.ndarray, "batch latent"],
    target: np.ndarray,
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
    sizes: Sequence[int] = MLP_WIDTHS,
) -> Probes:
    """Networks with two layers of these widths; a width of 0 is a linear model.

    The capacity is the logarithm of the number of parameters. Networks are scikit-learn's
    with early stopping; the linear model is a logistic regression or least squares.
    """
    mean, std = location_scale(codes)
    x, x_test = (codes - mean) / std, (test_codes - mean) / std
    outputs = len(np.unique(target)) if target.dtype.kind == "i" else target.shape[1]
    parameters, predicted = [], []
    for width in sizes:
        layers = [x.shape[1], *([width, width] if width else []), outputs]
        parameters.append(sum((a + 1) * b for a, b in itertools.pairwise(layers)))
        predicted.append(_network(x, target, width, seed)(x_test))
    return Probes(np.log(parameters), np.stack(predicted))


def _cut(tree: Any, rows: np.ndarray, depths: Sequence[int]) -> np.ndarray:
    """The node that each row reaches at each depth, (depth, row)."""
    node, found = np.zeros(len(rows), np.int64), []
    for depth in range(1, max(depths) + 1):
        inner = tree.children_left[node] >= 0
        at = np.where(inner, tree.feature[node], 0)
        left = rows[np.arange(len(rows)), at] <= tree.threshold[node]
        child = np.where(left, tree.children_left[node], tree.children_right[node])
        node = np.where(inner, child, node)
        if depth in depths:
            found.append(node)
    return np.stack(found)


def _network(
    x: np.ndarray, target: np.ndarray, width: int, seed: int
) -> Callable[[np.ndarray], np.ndarray]:
    """The prediction of a fitted probe; `width` 0 is linear."""
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    options: dict[str, Any] = {
        "hidden_layer_sizes": (width, width),
        "random_state": seed,
        "early_stopping": True,
    }
    if target.dtype.kind == "i":
        if width == 0:
            return fit_logistic(x, target).predict
        return fit(MLPClassifier(**options), x, target).predict
    if width == 0:
        return fit(LinearRegression(), x, target).predict
    # Networks depend on the scale of their targets.
    mean, std = location_scale(target)
    y = (target - mean) / std
    model = fit(MLPRegressor(**options), x, y[:, 0] if y.shape[1] == 1 else y)
    return lambda rows: model.predict(rows).reshape(len(rows), -1) * std + mean
