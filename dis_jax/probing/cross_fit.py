"""Cross-fitting: fit on one half of the rows, score on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes, name_dims
from dis_jax.probing.factor_kinds import Kind

MODELS = ("linear", "mlp", "gbt", "kernel")
_KERNEL_ROWS = 2_000  # the kernel matrix grows with their square
_RIDGE: Any = 1e-3  # `Any`, because scikit-learn's types ask for an int
_FEWEST_ROWS = 8


def check_values(
    codes: ArrayLike, factors: ArrayLike, kinds: Sequence[Kind] | None
) -> tuple[np.ndarray, np.ndarray, tuple[Kind, ...]]:
    """Codes and factors as float64, and the kind of each factor.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a factor is constant, all
        are categorical, or there are fewer than eight rows.
    """
    z = check_codes(codes, min_rows=_FEWEST_ROWS).astype(np.float64)
    v = check_codes(factors, name="factors").astype(np.float64)
    if len(v) != len(z):
        raise ValueError(
            f"factors must have one row per code ({len(z)}), found {v.shape}."
        )
    if (still := np.flatnonzero(np.ptp(v, axis=0) == 0)).size:
        raise ValueError(
            f"factors must vary, but factor {still[0]} is {v[0, still[0]]} in all rows; "
            "remove that factor."
        )
    if kinds is None:
        return z, v, ("continuous",) * v.shape[1]
    if len(kinds) != v.shape[1]:
        raise ValueError(
            f"kinds must contain one kind per factor ({v.shape[1]}), found {len(kinds)}."
        )
    if all(kind == "categorical" for kind in kinds):
        raise ValueError(
            "all factors are categorical, and categories have no correlation; declare "
            'others by kinds={name: "ordered"} (or "continuous"), for codes '
            "in the shell by --kinds=name=ordered, for images by kinds.json."
        )
    return z, v, tuple(kinds)


def numbers(kinds: Sequence[Kind]) -> Int[np.ndarray, " number"]:
    """Indices of the factors that are numbers, not categories."""
    return np.array([k for k, kind in enumerate(kinds) if kind != "categorical"])


def not_scored(
    z: np.ndarray, kinds: Sequence[Kind], matching: np.ndarray
) -> dict[str, str]:
    """Skipped factors and dimensions, by the names that results use."""
    left_out = {
        f"factor {k}": "categorical: its values have no order"
        for k, kind in enumerate(kinds)
        if kind == "categorical"
    }
    for k in numbers(kinds)[matching[numbers(kinds)] < 0]:
        left_out[f"factor {k}"] = "no dimension left to match; counts as 0"
    if (still := np.flatnonzero(np.ptp(z, axis=0) == 0)).size:
        left_out[name_dims(still)] = "constant"
    return left_out


def spread_over(
    found: Float[np.ndarray, "*rows number"], kinds: Sequence[Kind]
) -> Float[np.ndarray, "*rows factor"]:
    """Inserts a column of NaN for each categorical factor."""
    out = np.full((*found.shape[:-1], len(kinds)), np.nan)
    out[..., numbers(kinds)] = found
    return out


def halves(
    num_rows: int, seed: int, held_out: bool = True
) -> list[tuple[Int[np.ndarray, " fit"], Int[np.ndarray, " score"]]]:
    """Rows to fit on and rows to score on: each half once, or all rows for both."""
    if not held_out:
        return [(np.arange(num_rows), np.arange(num_rows))]
    order = np.random.default_rng(seed).permutation(num_rows)
    first, second = order[: num_rows // 2], order[num_rows // 2 :]
    return [(first, second), (second, first)]


def standardise(
    x: Float[np.ndarray, "batch column"], rows: Int[np.ndarray, " fit"]
) -> Float[np.ndarray, "batch column"]:
    """Standardises all rows by the mean and standard deviation of some rows.

    Args:
      x: all rows.
      rows: positions of the rows for the mean and the deviation.

    Returns:
      The same shape; columns that are constant in these rows are 0.
    """
    mean, std = location_scale(x[rows])
    moving = np.ptp(x[rows], axis=0) > 0
    return np.where(moving, (x - mean) / std, 0)


def location_scale(
    x: Float[np.ndarray, " *shape"],
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; a constant has the deviation 1.

    Args:
      x: rows.

    Returns:
      Both, one number per column.

    Example:
      >>> mean, std = location_scale(np.array([[0.1, 0.0], [0.1, 2.0], [0.1, 4.0]]))
      >>> std.round(3).tolist()
      [1.0, 1.633]
    """
    # By the range: the computed deviation of equal values may be a rounding error.
    return x.mean(axis=0), np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1)


def predict(
    x: Float[np.ndarray, "fit latent"],
    y: Float[np.ndarray, "fit target"],
    x_test: Float[np.ndarray, "test latent"],
    model: str,
    seed: int,
) -> Float[np.ndarray, "test target"]:
    """Predicts the targets of test rows by a regression on standardised codes.

    Args:
      x: codes to fit on.
      y: their targets, one column each.
      x_test: codes to predict from.
      model: "linear" (least squares), "mlp" (two layers of 100, early stopping), "gbt"
        (scikit-learn's histogram gradient boosting) or "kernel" (ridge of 1e-3 with a
        Gaussian kernel of the width sqrt(latent / 2), on at most 2,000 rows).
      seed: of the models that use random numbers.
    """
    if model == "linear":
        # `lstsq` takes the shortest solution if dimensions are collinear.
        design = np.c_[np.ones(len(x)), x]
        weights = np.linalg.lstsq(design, y, rcond=None)[0]
        return np.c_[np.ones(len(x_test)), x_test] @ weights
    # Kernel ridge and networks depend on the scale of their targets.
    mean, std = location_scale(y)
    target = (y - mean) / std
    if model == "kernel":
        rows = np.random.default_rng(seed).permutation(len(x))[:_KERNEL_ROWS]
        x, target = x[rows], target[rows]
    columns = [_fit(model, seed, x, column)(x_test) for column in target.T]
    return np.stack(columns, axis=1) * std + mean


def _fit(
    model: str, seed: int, x: np.ndarray, y: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    from dis_jax.probing.sklearn_models import fit

    if model == "gbt":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return fit(HistGradientBoostingRegressor(random_state=seed), x, y).predict
    if model == "mlp":
        from sklearn.neural_network import MLPRegressor

        network = MLPRegressor(
            hidden_layer_sizes=(100, 100), random_state=seed, early_stopping=True
        )
        return fit(network, x, y).predict
    from sklearn.kernel_ridge import KernelRidge

    # exp(-gamma r²): in d standardised dimensions r² is about 2 d between two rows.
    width = 1 / x.shape[1]
    return fit(KernelRidge(alpha=_RIDGE, kernel="rbf", gamma=width), x, y).predict
