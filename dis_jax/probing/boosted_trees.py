"""Gradient boosted trees of scikit-learn, and the same boosting by LightGBM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from dis_jax.probing.cross_fit import location_scale
from dis_jax.provenance import cpu_cores

# The defaults of scikit-learn's GradientBoostingClassifier.
_ROUNDS = 100
_RATE = 0.1
_DEPTH = 3
_LIGHTGBM = {
    "objective": "none",
    "num_leaves": 2**_DEPTH,
    "max_depth": _DEPTH,
    "learning_rate": 1.0,
    "min_data_in_bin": 1,
    "min_data_in_leaf": 1,
    "min_sum_hessian_in_leaf": 0.0,
    "feature_pre_filter": False,
    "enable_bundle": False,  # for sparse data; costs a tenth of the time
    "force_col_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


class Trees(NamedTuple):
    """Results of the model of one factor, a classifier or a regressor, for DCI.

    Attributes:
      importance: share of each dimension in the reduction of impurity, (latent,).
      train: predicted label or number of each training row, (batch,).
      test: predicted label or number of each test row, (test batch,).
    """

    importance: Float[np.ndarray, " latent"]
    train: np.ndarray
    test: np.ndarray


FitTrees = Callable[[np.ndarray, np.ndarray, np.ndarray, int], Trees]


def fit_side_by_side(
    fits: Sequence[FitTrees],
    codes: Float[np.ndarray, "batch latent"],
    columns: Sequence[np.ndarray],
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
) -> list[Trees]:
    """Fits one model per column, as many in parallel as this process has cores."""
    # Labels with many values take longest, with one tree per value: they start first.
    trees_of = [
        len(np.unique(column)) if column.dtype.kind == "i" else 1 for column in columns
    ]
    order = sorted(range(len(columns)), key=lambda k: -trees_of[k])
    with ThreadPoolExecutor(cpu_cores()) as pool:
        done = pool.map(lambda k: fits[k](codes, columns[k], test_codes, seed), order)
        return [trees for _, trees in sorted(zip(order, done, strict=True))]


def sklearn_trees(
    codes: Float[np.ndarray, "batch latent"],
    labels: Int[np.ndarray, " batch"],
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
) -> Trees:
    """GradientBoostingClassifier with its defaults, as in disentanglement_lib."""
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(random_state=seed).fit(codes, labels)
    return Trees(
        np.abs(model.feature_importances_),
        np.asarray(model.predict(codes)),
        np.asarray(model.predict(test_codes)),
    )


def sklearn_regressor(
    codes: Float[np.ndarray, "batch latent"],
    values: Float[np.ndarray, " batch"],
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
) -> Trees:
    """GradientBoostingRegressor with its defaults."""
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(random_state=seed).fit(codes, values)
    return Trees(
        np.abs(model.feature_importances_),
        np.asarray(model.predict(codes)),
        np.asarray(model.predict(test_codes)),
    )


def lightgbm_regressor(
    codes: Float[np.ndarray, "batch latent"],
    values: Float[np.ndarray, " batch"],
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
) -> Trees:
    """The same trees by LightGBM: the squared error has constant second derivatives."""
    import lightgbm

    codes, test_codes = _not_all_zero(codes, test_codes)
    mean, std = location_scale(values)
    options = _LIGHTGBM | {
        "objective": "regression",
        "learning_rate": _RATE,
        "seed": seed,
    }
    data = lightgbm.Dataset(codes, (values - mean) / std, params=options)
    booster = lightgbm.train(options, data, num_boost_round=_ROUNDS)
    importance = booster.feature_importance("gain")
    train, test = (
        np.asarray(booster.predict(x, num_threads=1)) * std + mean
        for x in (codes, test_codes)
    )
    return Trees(importance / max(importance.sum(), 1e-300), train, test)


def _not_all_zero(*codes: np.ndarray) -> tuple[np.ndarray, ...]:
    """Adds 1 to codes if the first are all 0, as LightGBM refuses these; same trees."""
    return codes if codes[0].any() else tuple(x + 1 for x in codes)


def lightgbm_trees(
    codes: Float[np.ndarray, "batch latent"],
    labels: Int[np.ndarray, " batch"],
    test_codes: Float[np.ndarray, "test latent"],
    seed: int,
    max_bin: int = 255,
) -> Trees:
    """The same classifier, with trees that LightGBM grows on histograms.

    LightGBM's own boosting weights splits and importances by second derivatives;
    scikit-learn's does not. Here LightGBM receives constant second derivatives, so that its
    gain equals scikit-learn's reduction of impurity. The values of the leaves are
    scikit-learn's Newton steps; they are computed outside LightGBM. `max_bin` bins for each
    dimension (255 is LightGBM's default) replace scikit-learn's sorted values.
    """
    import lightgbm

    codes, test_codes = _not_all_zero(codes, test_codes)
    values, y = np.unique(labels, return_inverse=True)
    classes = 1 if len(values) == 2 else len(values)
    x = np.concatenate([codes, test_codes])
    n = len(codes)
    options = _LIGHTGBM | {"num_class": classes, "seed": seed, "max_bin": max_bin}
    booster = lightgbm.Booster(options, lightgbm.Dataset(codes, y, params=options))
    prior = np.bincount(y) / n
    # Boosting starts from the log-odds of the class frequencies, as scikit-learn does.
    start = np.log(prior) if classes > 1 else np.log(prior[1:] / prior[0])
    scores = np.tile(start, (len(x), 1))
    # Where the one-hot target is 1: one tree per class, or one tree for two classes.
    own = (np.arange(n), y) if classes > 1 else (np.flatnonzero(y), 0)
    ones = np.ones((n, classes) if classes > 1 else n, np.float32)
    # Numbers the leaves of all trees of a round, 8 for each.
    offset = 2**_DEPTH * np.arange(classes)
    for i in range(_ROUNDS):
        p = _probabilities(scores[:n])
        curvature = p * (1 - p)
        p[own] -= 1  # now the gradient of the cross-entropy
        gradient = (p if classes > 1 else p[:, 0]).astype(np.float32)
        if booster.update(fobj=lambda *_, gradient=gradient: (gradient, ones)):
            break  # no further split lowers the impurity
        leaf = np.asarray(
            booster.predict(
                x, start_iteration=i, num_iteration=1, pred_leaf=True, num_threads=1
            )
        )
        leaf = leaf.reshape(len(x), classes) + offset
        scores -= _RATE * _newton_step(leaf[:n], p, curvature)[leaf]
    importance = booster.feature_importance("gain")
    best = scores.argmax(axis=1) if classes > 1 else (scores[:, 0] > 0).astype(int)
    total = importance.sum()
    return Trees(
        importance / total if total > 0 else importance,
        values[best[:n]],
        values[best[n:]],
    )


def _probabilities(
    scores: Float[np.ndarray, "batch tree"],
) -> Float[np.ndarray, "batch tree"]:
    """Softmax of the scores of several classes; for two classes, sigmoid of one score."""
    if scores.shape[1] == 1:
        from scipy.special import expit

        return expit(scores)
    p = scores - scores.max(axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


def _newton_step(
    leaf: Int[np.ndarray, "batch tree"],
    gradient: Float[np.ndarray, "batch tree"],
    curvature: Float[np.ndarray, "batch tree"],
) -> Float[np.ndarray, " leaf"]:
    """Value of each leaf: sum of gradients over sum of second derivatives."""
    trees = leaf.shape[1]
    above, below = (
        np.bincount(leaf.ravel(), weights.ravel(), 2**_DEPTH * trees)
        for weights in (gradient, curvature)
    )
    # (K - 1) / K for K classes is Friedman's (2001); 1e-150 is scikit-learn's.
    shrink = (trees - 1) / trees if trees > 1 else 1.0
    small = np.abs(below) < 1e-150
    return shrink * np.where(small, 0, above / np.where(small, 1, below))
