"""The fields of a metric's result that are (factor,) or (latent, factor)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dis_jax.evaluation import METRICS

# By the metric's function. A shape does not tell: with as many dimensions as factors, a
# covariance (latent, latent) has the shape of a matrix (latent, factor).
_MATRICES = {  # (latent, factor)
    "dci": ("importance",),
    "factor_vae_score": ("votes",),
    "grouped_factor_vae_score": ("votes",),
    "infomec": ("information",),
    "irs": ("matrix",),
    "mcc": ("correlations",),
    "mig": ("mutual_information",),
    "modularity_explicitness": ("mutual_information",),
    "omes": ("association",),
    "omes_on_grid": ("association",),
    "sap": ("matrix",),
}
_OMES = (
    *("per_factor", "best_dim", "scored", "num_pairs"),
    *("overlap_per_factor", "multiple_encoding_per_factor"),
)
_VECTORS = {  # (factor,)
    "dci": ("test_accuracy",),
    "dci_es": ("per_factor", "baseline"),
    "dcimig": ("per_factor",),
    "downstream": ("per_factor", "train_per_factor", "chance", "dims"),
    "jemmig": ("per_factor", "nats", "best_dim"),
    "mcc": ("per_factor", "matching"),
    "mig": ("per_factor",),
    "omes": _OMES,
    "omes_on_grid": _OMES,
    "r2": ("per_factor", "matched_per_factor", "matching"),
    "sap": ("per_factor",),
}


def matrices(evaluation: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The fields of a metric's result that are (latent, factor).

    Args:
      evaluation: what `evaluate` or `evaluate_codes` returned.
      metric: one of its metrics.

    Returns:
      The matrices by field.

    Example:
      >>> found = {"mutual_information": [[0.5], [0.0]], "per_factor": [0.5]}
      >>> scored = {"num_latents": 2, "factor_names": ["size"]}
      >>> matrices(scored | {"metrics": {"mig": {"result": found}}}, "mig")
      {'mutual_information': [[0.5], [0.0]]}
    """
    # After a transform, the rows of MCC's matrix are outputs of a regression.
    if evaluation["metrics"][metric].get("settings", {}).get("transform"):
        return {}
    shape = (evaluation.get("num_latents"), len(evaluation.get("factor_names", [])))
    return _fields(evaluation, metric, _MATRICES, shape)


def vectors(evaluation: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The fields of a metric's result that are (factor,).

    Args:
      evaluation: what `evaluate` or `evaluate_codes` returned.
      metric: one of its metrics.

    Returns:
      The vectors by field.

    Example:
      >>> found = {"deviation": [1.0, 2.0], "matrix": [[1.0, 0.0], [0.0, 1.0]]}
      >>> scored = {"num_latents": 2, "factor_names": ["size", "x"]}
      >>> vectors(scored | {"metrics": {"irs": {"result": found}}}, "irs")
      {}
    """
    shape = (len(evaluation.get("factor_names", [])),)
    return _fields(evaluation, metric, _VECTORS, shape)


def _fields(
    evaluation: Mapping[str, Any],
    metric: str,
    known: Mapping[str, tuple[str, ...]],
    shape: tuple[int | None, ...],
) -> dict[str, Any]:
    """The known fields of this shape; of your own metric, all fields of this shape."""
    result = evaluation["metrics"][metric]["result"]
    if metric in METRICS:
        names = known.get(METRICS[metric].fn.__name__, ())
    # The fields of your own metric are not declared. Their shape is enough only if no
    # axis of dimensions has the length of one of factors: otherwise none is shown.
    elif evaluation.get("num_latents") in (
        None,
        len(evaluation.get("factor_names", [])),
    ):
        names = ()
    else:
        names = tuple(result)
    # A metric on a grid has columns for constant factors too, which have no name here.
    return {f: v for f, v in result.items() if f in names and _shape(v) == shape}


def _shape(values: Any) -> tuple[int, ...] | None:
    """The shape of nested lists of numbers and None; None for words and ragged lists."""
    array = np.array(values, object)
    numbers = all(v is None or isinstance(v, int | float) for v in array.flat)
    return array.shape if numbers else None
