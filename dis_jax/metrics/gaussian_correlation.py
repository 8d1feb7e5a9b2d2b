"""Dependence between the dimensions of a code; needs no labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes, name_dims
from dis_jax.probing.histogram_information import (
    histogram_bins,
    mutual_information_matrix,
)


class GaussianCorrelation(NamedTuple):
    """Result of `gaussian_correlation`; independent dimensions give the first four near 0.

    Attributes:
      total_correlation: of the Gaussian with the code's covariance, in nats.
      wasserstein: squared 2-Wasserstein distance to the product of its marginals.
      wasserstein_normalised: the same, divided by the sum of the variances.
      mutual_info: mean mutual information, in nats, of two different dimensions.
      covariance: (latent, latent).
      left_out: skipped dimensions, factors and scores, with the reason.
    """

    total_correlation: float
    wasserstein: float
    wasserstein_normalised: float
    mutual_info: float
    covariance: np.ndarray
    left_out: Mapping[str, str] = {}


def gaussian_correlation(codes: ArrayLike, *, bins: int = 20) -> GaussianCorrelation:
    """Total correlation, Wasserstein correlation and mutual information of dimensions.

    With covariance S and D = diag S: TC = [sum_j log S_jj - log det S] / 2;
    W = 2 tr S - 2 tr (D^1/2 S D^1/2)^1/2.

    Eq.: Locatello et al. 2019, Section 5.1

    Constant dimensions are skipped, but their pairs count as 0 in the mean `mutual_info`,
    as in disentanglement_lib. If one dimension is a linear function of others, the total
    correlation is infinite; without more rows than dimensions it cannot be estimated, and
    is NaN.

    Args:
      codes: (batch, latent).
      bins: number of equal-width bins of each dimension, for the mutual information.

    Returns:
      `GaussianCorrelation(total_correlation, wasserstein, wasserstein_normalised,
      mutual_info, covariance)`; all at least 0, lower is more independent.

    Raises:
      ValueError: if the shape is wrong or a value is not finite.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> codes = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
      >>> evaluation.gaussian_correlation(codes).total_correlation
      0.0
    """
    codes = check_codes(codes).astype(np.float64)
    covariance = np.atleast_2d(np.cov(codes, rowvar=False))
    active = np.ptp(codes, axis=0) > 0
    part = covariance[np.ix_(active, active)]
    variance = np.diag(part)
    outer = np.sqrt(np.outer(variance, variance))
    # Symmetric matrices: eigenvalues give log det, and below the trace of the root.
    # part / outer is the correlation matrix R, and TC = -½ log det R.
    eigenvalues = np.linalg.eigvalsh(part / outer)
    singular = bool(eigenvalues.size and eigenvalues[0] <= 1e-12 * eigenvalues[-1])
    # A covariance of n rows has at most rank n - 1.
    few = int(active.sum()) >= len(codes)
    left_out = {}
    if not active.all():
        left_out[name_dims(np.flatnonzero(~active))] = "constant"
    if few:
        left_out["total_correlation"] = (
            f"undefined: {len(codes)} rows are too few for {active.sum()} dimensions"
        )
    elif singular:
        left_out["total_correlation"] = (
            f"inf: {_dependent(part, np.flatnonzero(active))}"
        )
    # part * outer is D^1/2 S D^1/2, as D is diagonal.
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(part * outer), 0))
    wasserstein = max(0.0, 2 * variance.sum() - 2 * roots.sum())
    bins_of = histogram_bins(codes[:, active], bins)
    return GaussianCorrelation(
        total_correlation=np.nan
        if few
        else np.inf
        if singular
        else max(0.0, -0.5 * float(np.log(eigenvalues).sum())),
        wasserstein=float(wasserstein),
        wasserstein_normalised=float(wasserstein / max(variance.sum(), 1e-300)),
        mutual_info=_mean_off_diagonal(bins_of, codes.shape[1]),
        covariance=covariance,
        left_out=left_out,
    )


def _dependent(covariance: np.ndarray, dims: np.ndarray) -> str:
    """Names the first dimension that is a linear function of those before it."""
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    for n in range(2, len(dims) + 1):
        if np.linalg.eigvalsh(correlation[:n, :n])[0] <= 1e-12 * n:
            return f"{name_dims(dims[n - 1 : n])} is a linear function of others"
    return "dimensions are linear functions of each other"


def _mean_off_diagonal(bins_of: np.ndarray, latents: int) -> float:
    if bins_of.shape[1] < 2:
        return 0.0
    information = mutual_information_matrix(bins_of, bins_of)
    off = information.sum() - np.trace(information)
    return float(off / (latents * (latents - 1)))
