"""Entanglement of pairs of factors: how much they share a dimension of the code."""

from __future__ import annotations

import numpy as np
from jaxtyping import ArrayLike, Float


def pairwise_entanglement(
    importance: ArrayLike,
) -> Float[np.ndarray, "factor factor"]:
    """The largest importance at which dimensions of the code connect two factors.

    A graph has the factors and the dimensions as nodes, and the importance of dimension j
    for factor k as the weight of the edge between them, each factor's scaled to sum to 1.
    The entanglement of two factors is the largest threshold at which the edges above it
    still connect them: 0 if no dimension is shared, 1/2 if one dimension has half of
    both. If a model has learned a correlation of two factors, their value is large.

    Eq.: Träuble et al. 2021, thresholds of the importance matrix at which factors merge

    Args:
      importance: (latent, factor), at least 0, such as `evaluation.dci(...).importance`.

    Returns:
      (factor, factor), symmetric, 0 to 1; 1 on the diagonal. Smaller is better.

    Raises:
      ValueError: if the importance is not a matrix, or has negative or non-finite
        entries.

    Example:
      >>> from dis_jax import evaluation
      >>> shared = evaluation.pairwise_entanglement([[0.9, 0.3], [0.1, 0.7]])
      >>> round(shared[0, 1].item(), 2)
      0.3
    """
    weights = np.asarray(importance, np.float64)
    if weights.ndim != 2 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"importance must be a matrix (latent, factor) of finite values from 0; its "
            f"shape is {weights.shape}."
        )
    total = weights.sum(axis=0)
    weights = np.divide(weights, total, where=total > 0, out=np.zeros_like(weights))
    # Paths over one dimension first, then over more factors: the weight of a path is
    # that of its weakest edge, and Floyd and Warshall's order finds the strongest path.
    found = np.minimum(weights[:, :, None], weights[:, None, :]).max(axis=0)
    for k in range(len(found)):
        found = np.maximum(found, np.minimum(found[:, k, None], found[None, k]))
    np.fill_diagonal(found, 1.0)
    return found
