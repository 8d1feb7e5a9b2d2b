"""Logistic regression as the metrics that are defined by it use it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int


def fit_logistic(
    x: Float[np.ndarray, "batch latent"], y: Int[np.ndarray, " batch"], **options: Any
) -> Any:
    """scikit-learn's LogisticRegression, fitted.

    The metrics are defined by 100 steps of its solver, be they enough or not: that it
    says so is no news. Its matrices are small, and threads that wait for each other on a
    busy machine slow it down many times over: it gets one.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(**options).fit(x, y)
