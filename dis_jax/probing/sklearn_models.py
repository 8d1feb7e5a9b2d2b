"""Fitting models of scikit-learn as the metrics that are defined by them do."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int


def fit(
    model: Any,
    x: Float[np.ndarray, "batch latent"],
    y: Int[np.ndarray, " batch"],
) -> Any:
    """The model, fitted by its default number of steps.

    The metrics and published tables are defined by that number, be it enough or not: that
    scikit-learn says so is no news. Matrices of codes are small, and threads that wait
    for each other on a busy machine slow them down many times over: it gets one.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def fit_logistic(
    x: Float[np.ndarray, "batch latent"], y: Int[np.ndarray, " batch"], **options: Any
) -> Any:
    """scikit-learn's LogisticRegression, fitted by 100 steps of its solver."""
    from sklearn.linear_model import LogisticRegression

    return fit(LogisticRegression(**options), x, y)
