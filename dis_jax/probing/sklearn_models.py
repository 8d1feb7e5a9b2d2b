"""Scikit-learn models with the defaults that define some metrics, and chance accuracy."""

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
    """Fits a model with its default number of iterations, in one thread.

    That number defines metrics and published tables, whether or not the solver converges,
    so the solver's warning is silenced. Matrices of codes are small: on a busy machine
    several threads wait for each other and are many times slower than one.
    """
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(x, y)


def fit_logistic(
    x: Float[np.ndarray, "batch latent"], y: Int[np.ndarray, " batch"], **options: Any
) -> Any:
    """scikit-learn's LogisticRegression with its default of 100 iterations."""
    from sklearn.linear_model import LogisticRegression

    return fit(LogisticRegression(**options), x, y)


def majority_accuracy(
    train: Int[np.ndarray, " train"], test: Int[np.ndarray, " test"]
) -> float:
    """Accuracy of always predicting the most frequent training label.

    Args:
      train: training labels; of equally frequent ones, the smallest is predicted.
      test: test labels.

    Returns:
      The accuracy on the test labels, 0 to 1.

    Example:
      >>> majority_accuracy(np.array([0, 2, 2]), np.array([2, 1, 2, 0]))
      0.5
    """
    values, counts = np.unique(train, return_counts=True)
    return float(np.mean(test == values[counts.argmax()]))
