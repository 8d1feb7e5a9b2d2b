"""Disentangled inferred prior (DIP): moves the latent covariance to the identity."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_several, check_shapes
from dis_jax.losses.gaussian import aggregate_gaussian


def dip_regulariser(
    mean: Float[Array, "batch latent"],
    logvar: Float[Array, "batch latent"],
    *,
    kind: str,
    lambda_off: Float[Array, ""] | float,
    lambda_diag: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Squared distance of the latent covariance from the identity.

    `lambda_off Σ_{i≠j} C_ij² + lambda_diag Σ_i (C_ii - 1)²`, where C is the covariance
    of the posterior means (DIP-VAE-I) or of the aggregate posterior (DIP-VAE-II); both
    divide by the batch size.

    Eq.: Kumar et al. 2018, (6) and (7)

    Args:
      mean: (batch, latent).
      logvar: (batch, latent); not used by kind "i".
      kind: "i" or "ii".
      lambda_off: weight of the off-diagonal terms; each pair counts twice.
      lambda_diag: weight of the diagonal terms.

    Returns:
      A scalar, never negative; a penalty, not an amount of information.

    Raises:
      ValueError: if the shapes differ or are not of rank 2, if there is one example, or
        if `kind` is unknown.

    Example:
      >>> mean = jnp.array([[1.0, 1.0], [-1.0, -1.0]])
      >>> print(losses.dip_regulariser(
      ...     mean, jnp.zeros((2, 2)), kind="i", lambda_off=10.0, lambda_diag=5.0
      ... ))  # 10 (1² + 1²)
      20.0
    """
    check_shapes(mean=(mean, "batch latent"), logvar=(logvar, "batch latent"))
    check_several(mean=mean)
    if kind not in ("i", "ii"):
        raise ValueError(f'`kind` is {kind!r}; expected "i" or "ii".')
    # Kind "i" uses Cov[mean] only: posteriors with variance exp(-inf) = 0.
    points = jnp.full_like(logvar, -jnp.inf)
    _, covariance = aggregate_gaussian(mean, logvar if kind == "ii" else points)
    diagonal = jnp.diagonal(covariance)
    # Both triangles count, as in the paper's sum over i != j.
    off_diagonal = covariance - jnp.diag(diagonal)
    return (
        lambda_off * (off_diagonal**2).sum() + lambda_diag * ((diagonal - 1) ** 2).sum()
    )
