"""Unsupervised disentanglement ranking: agreement between trained models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes, name_dims
from dis_jax.probing.cross_fit import location_scale

_ALPHA = 0.1  # weight of the lasso's penalty
_CORRELATIONS = ("lasso", "spearman")


class Udr(NamedTuple):
    """Result of `udr`.

    Attributes:
      scores: score of each model, (model,).
      pairwise: similarity of each pair of models, (model, model); 0 on the diagonal.
      correlations: {(i, j): (latent of i, latent of j)}, between their dimensions.
      left_out: skipped dimensions by model, with the reason.
    """

    scores: np.ndarray
    pairwise: np.ndarray
    correlations: dict[tuple[int, int], np.ndarray]
    left_out: Mapping[str, str] = {}


def udr(
    codes: Sequence[ArrayLike],
    *,
    kl: Sequence[ArrayLike] | None = None,
    min_kl: float = 0.01,
    correlation: str = "lasso",
) -> Udr:
    """Unsupervised disentanglement ranking of models that encoded the same images.

    R_ab = |weight of dimension a of model i in a lasso that predicts b of model j|;
    UDR_ij = [mean_b (max_a R_ab)^2 / sum_a R_ab + mean_a (max_b R_ab)^2 / sum_b R_ab] /
    2; the score of model j is the median of UDR_ij over i.

    Eq.: Duan et al. 2020, Section 4

    No labels are used: models that found the same dimensions, up to order and sign,
    score high. As in disentanglement_lib, codes are standardised, and dimensions whose
    mean KL from the prior is at most `min_kl` are skipped; without `kl`, only constant
    dimensions are skipped. Also as there, the means over the dimensions of i and of j
    have equal weight, even if their numbers differ. Model i predicts j, so the matrix is
    not exactly symmetric.

    Args:
      codes: one (batch, latent) array per model, of the same images in the same order.
      kl: for each model, the mean KL of each dimension in nats, (latent,).
      min_kl: the KL that a dimension must exceed.
      correlation: "lasso" (the better one in the paper) or "spearman".

    Returns:
      `Udr(scores, pairwise, correlations)`; scores in [0, 1], higher is better.

    Raises:
      ValueError: if there are fewer than two models, their rows or `kl` do not match, a
        value is not finite, or `correlation` is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> codes = np.random.default_rng(0).normal(size=(200, 3))
      >>> result = evaluation.udr([codes, -codes[:, ::-1]], correlation="spearman")
      >>> bool(result.scores[0] > 0.7)
      True
    """
    if correlation not in _CORRELATIONS:
        raise ValueError(
            f"correlation must be one of {_CORRELATIONS}, found {correlation!r}."
        )
    models = [check_codes(z, name=f"codes[{i}]") for i, z in enumerate(codes)]
    if len(models) < 2 or len({len(z) for z in models}) > 1:
        raise ValueError(
            "codes must be two arrays or more with the same number of rows, found the "
            f"shapes {[z.shape for z in models]}."
        )
    active = _active(models, kl, min_kl)
    # Inactive dimensions become 0, so that the lasso gives them no weight.
    inputs = [_standardise(z) * mask for z, mask in zip(models, active, strict=True)]
    n = len(models)
    pairwise, correlations = np.zeros((n, n)), {}
    for i in range(n):
        for j in range(n):
            if i != j:
                matrix = _correlate(inputs[i], inputs[j], correlation)
                correlations[i, j] = matrix
                pairwise[i, j] = _agreement(matrix[np.ix_(active[i], active[j])])
    # A median: one failed model does not lower the scores of the others.
    scores = [np.median(np.delete(pairwise[:, j], j)) for j in range(n)]
    reason = "constant" if kl is None else f"KL of at most min_kl = {min_kl:g} nats"
    left_out = {
        f"model {i} {name_dims(np.flatnonzero(~mask))}": reason
        for i, mask in enumerate(active)
        if not mask.all()
    }
    return Udr(np.array(scores), pairwise, correlations, left_out)


def _active(
    models: list[np.ndarray], kl: Sequence[ArrayLike] | None, min_kl: float
) -> list[Bool[np.ndarray, " latent"]]:
    if kl is None:
        return [np.ptp(z, axis=0) > 0 for z in models]
    found = [np.asarray(values, np.float64) for values in kl]
    if [values.shape for values in found] != [z.shape[1:] for z in models]:
        raise ValueError(
            f"kl must contain one value per dimension, {[z.shape[1:] for z in models]}, "
            f"found the shapes {[values.shape for values in found]}."
        )
    if not all(np.isfinite(values).all() for values in found):
        raise ValueError(f"kl must be finite, found {found}.")
    return [values > min_kl for values in found]


def _correlate(
    x: Float[np.ndarray, "batch a"], y: Float[np.ndarray, "batch b"], kind: str
) -> Float[np.ndarray, "a b"]:
    if kind == "spearman":
        from scipy.stats import rankdata

        ranks = (_standardise(rankdata(z, axis=0)) for z in (x, y))
        a, b = ranks
        return np.abs(a.T @ b) / len(x)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    # The default number of iterations, converged or not, as in disentanglement_lib.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Lasso(alpha=_ALPHA).fit(x, y)
    # scikit-learn drops the axis of a single target.
    return np.abs(np.reshape(model.coef_, (y.shape[1], x.shape[1]))).T


def _agreement(matrix: Float[np.ndarray, "a b"]) -> float:
    """Mean over rows and columns of (largest entry)^2 / sum; 0 for 0 / 0."""
    if matrix.size == 0:
        return 0.0
    halves = []
    for axis in (0, 1):
        total = matrix.sum(axis=axis)
        best = matrix.max(axis=axis) ** 2
        halves.append(
            np.mean(np.where(total > 0, best / np.where(total > 0, total, 1), 0))
        )
    return float(np.mean(halves))


def _standardise(z: np.ndarray) -> np.ndarray:
    mean, std = location_scale(z.astype(np.float64))
    return (z - mean) / std
