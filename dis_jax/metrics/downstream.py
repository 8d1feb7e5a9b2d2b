"""Accuracy with which a simple model predicts each factor from a code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dis_jax.probing.checks import (
    check_split,
    check_spread,
    unit_scale,
)
from dis_jax.probing.histogram_information import (
    histogram_bins,
    mutual_information_matrix,
    relabel,
)
from dis_jax.probing.sklearn_models import fit, majority_accuracy

_MODELS = ("gbt", "mlp", "logistic", "knn")


class Downstream(NamedTuple):
    """Result of `downstream`.

    Attributes:
      accuracy: mean test accuracy over factors, 0 to 1.
      per_factor: test accuracy of each factor, (factor,).
      train_per_factor: training accuracy of each factor, (factor,).
      chance: test accuracy of always predicting the most frequent training value,
        (factor,).
      dims: the dimension that predicts each factor, (factor,), or None for all.
    """

    accuracy: float
    per_factor: np.ndarray
    train_per_factor: np.ndarray
    chance: np.ndarray
    dims: np.ndarray | None


def downstream(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    model: str = "gbt",
    dims: Sequence[int] | None = None,
    pruned: bool = False,
    seed: int = 0,
) -> Downstream:
    """Accuracy with which a model predicts each factor from the code.

    Eq.: Locatello et al. 2019, Section 5.5

    The models are scikit-learn's: "gbt" gradient boosted trees with the defaults, "mlp"
    two hidden layers of 256, "logistic" multinomial regression on the standardised
    code, "knn" five neighbours. Trees of many classes take minutes for 10,000 codes.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      model: "gbt", "mlp", "logistic" or "knn".
      dims: for each factor the one dimension that predicts it, for example
        `omes(...).best_dim`.
      pruned: whether `dims` is the dimension with the largest mutual information with
        each factor (20 bins, training part).
      seed: of the model.

    Returns:
      `Downstream(accuracy, per_factor, train_per_factor, chance, dims)`.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, the model is unknown, `dims` does not fit, or both `dims` and
        `pruned` are given.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((3, 3)).reshape(2, -1).T.repeat(9, axis=0)
      >>> evaluation.downstream(
      ...     factors, factors, factors, factors, model="knn").accuracy
      1.0
    """
    check_model(model)
    split = check_split(codes, factors, test_codes, test_factors)
    x, y, x_test, y_test = split
    x, x_test = x.astype(np.float64), x_test.astype(np.float64)
    if model == "mlp":
        check_spread(x, "the MLP", 1e-2, 1e3)
    if model == "gbt":
        # scikit-learn's trees ignore a dimension with a range below 1e-7; dividing by a
        # power of two is exact.
        scale = unit_scale(x) / 16
        x, x_test = x / scale, x_test / scale
    if dims is not None and pruned:
        raise ValueError(
            "give either dims or pruned=True: pruning chooses dims itself."
        )
    if pruned:
        # On training rows alone: test rows must not choose the dimensions.
        information = mutual_information_matrix(histogram_bins(x, 20), relabel(y))
        dims = information.argmax(axis=0).tolist()
    chosen = None if dims is None else np.asarray(dims)
    if chosen is not None and (
        chosen.shape != (y.shape[1],)
        or not np.isin(chosen, np.arange(x.shape[1])).all()
    ):
        raise ValueError(
            f"dims must name one of {x.shape[1]} dimensions for each of {y.shape[1]} "
            f"factors, found {dims}."
        )
    train, test, chance = [], [], []
    for k in range(y.shape[1]):
        columns = slice(None) if chosen is None else [chosen[k]]
        fitted = fit(_make_model(model, seed), x[:, columns], y[:, k])
        train.append(fitted.score(x[:, columns], y[:, k]))
        test.append(fitted.score(x_test[:, columns], y_test[:, k]))
        chance.append(majority_accuracy(y[:, k], y_test[:, k]))
    return Downstream(
        float(np.mean(test)), np.array(test), np.array(train), np.array(chance), chosen
    )


def _make_model(name: str, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "gbt":
        return GradientBoostingClassifier(random_state=seed)
    if name == "mlp":
        return MLPClassifier(hidden_layer_sizes=(256, 256), random_state=seed)
    if name == "knn":
        return KNeighborsClassifier()
    return make_pipeline(StandardScaler(), LogisticRegression())


def check_model(model: str) -> None:
    """Raises a ValueError if `downstream` does not have this model."""
    if model not in _MODELS:
        raise ValueError(f"model must be one of {_MODELS}, found {model!r}.")
