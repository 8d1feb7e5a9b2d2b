"""Divergences of Gaussians: of single posteriors and of the aggregate posterior."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Key

from dis_jax.losses._shapes import check_shapes


def gaussian_kl(
    mean: Float[Array, " batch *latent"], logvar: Float[Array, " batch *latent"]
) -> Float[Array, " batch"]:
    """KL divergence of a diagonal Gaussian from the standard normal.

    `KL(N(mean, exp(logvar)) || N(0, I)) = ½ Σ (mean² + exp(logvar) - 1 - logvar)`.

    Eq.: Kingma & Welling 2014, appendix B

    Args:
      mean: (batch, *latent).
      logvar: (batch, *latent), the logarithm of the variance.

    Returns:
      (batch,), nats, summed over all axes but the first; never negative.

    Raises:
      ValueError: if the shapes differ or there is no axis besides the batch.

    Example:
      >>> print(losses.gaussian_kl(jnp.array([[1.0, 2.0]]), jnp.zeros((1, 2))))
      [2.5]
    """
    check_shapes(
        mean=(mean, "batch latent *latents"), logvar=(logvar, "batch latent *latents")
    )
    # expm1 keeps the digits of exp(logvar) - 1 near the prior, where logvar is about 0.
    kl = 0.5 * (mean**2 + jnp.expm1(logvar) - logvar)
    return kl.sum(axis=range(1, kl.ndim))


def gaussian_laplace_kl(
    mean: Float[Array, " batch *latent"],
    logvar: Float[Array, " batch *latent"],
    location: Float[Array, " batch *latent"],
    rate: Float[ArrayLike, ""],
) -> Float[Array, " batch"]:
    """KL divergence of a diagonal Gaussian from a Laplace distribution.

    `KL(N(mean, s²) || Laplace(location, 1/rate)) = Σ rate E|z - location| - log(rate/2)
    - ½ log(2 π e s²)`, where, with d = mean - location,
    `E|z - location| = s sqrt(2/π) exp(-d²/(2 s²)) + d erf(d / (s sqrt 2))`.

    Eq.: Klindt et al. 2021, KL divergence of the Laplace transition prior

    Args:
      mean: (batch, *latent).
      logvar: (batch, *latent), the logarithm of the variance s².
      location: (batch, *latent), the median of the Laplace distribution.
      rate: its inverse scale; the larger, the closer a code stays to its location.

    Returns:
      (batch,), nats, summed over all axes but the first; never negative.

    Raises:
      ValueError: if the shapes differ or there is no axis besides the batch.

    Example:
      >>> here = jnp.zeros((1, 1))
      >>> print(losses.gaussian_laplace_kl(here, here, here, 1.0).round(3))  # E|z| = .798
      [0.072]
    """
    shape = "batch latent *latents"
    check_shapes(mean=(mean, shape), logvar=(logvar, shape), location=(location, shape))
    # Below a standard deviation of e^-30 the distance is |d| to the last digit; there
    # the floor keeps the gradient of d / s finite.
    std = jnp.exp(0.5 * jnp.maximum(logvar, -60.0))
    distance = mean - location
    ratio = distance / (std * math.sqrt(2))
    spread = std * math.sqrt(2 / math.pi) * jnp.exp(-(ratio**2))
    absolute = spread + distance * jax.lax.erf(ratio)
    entropy = 0.5 * (logvar + math.log(2 * math.pi * math.e))
    kl = rate * absolute - jnp.log(rate / 2) - entropy
    return kl.sum(axis=range(1, kl.ndim))


def gaussian_sample(
    key: Key[Array, ""],
    mean: Float[Array, " batch *latent"],
    logvar: Float[Array, " batch *latent"],
) -> Float[Array, " batch *latent"]:
    """Reparameterised sample of diagonal Gaussians: gradients reach mean and log-variance.

    `z = mean + exp(½ logvar) ε`, with `ε ~ N(0, I)`.

    Eq.: Kingma & Welling 2014, (10)

    Args:
      key: source of the noise.
      mean: (batch, *latent).
      logvar: (batch, *latent), the logarithm of the variance.

    Returns:
      (batch, *latent), one sample of each Gaussian.

    Raises:
      ValueError: if the shapes differ or there is no axis besides the batch.

    Example:
      >>> z = losses.gaussian_sample(
      ...     jax.random.key(0), jnp.array([[3.0, -1.0]]), jnp.full((1, 2), -jnp.inf)
      ... )
      >>> print(z)  # a Gaussian of variance 0
      [[ 3. -1.]]
    """
    check_shapes(
        mean=(mean, "batch latent *latents"), logvar=(logvar, "batch latent *latents")
    )
    return mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, mean.shape)


def aggregate_gaussian(
    mean: Float[Array, "batch latent"], logvar: Float[Array, "batch latent"]
) -> tuple[Float[Array, " latent"], Float[Array, "latent latent"]]:
    """Mean and covariance of the mixture of a batch of diagonal Gaussians.

    `m = E[mean]`, `S = E[diag exp(logvar)] + Cov[mean]`: the Gaussian with the first
    two moments of the aggregate posterior q(z). The covariance of the means divides by
    the batch size.

    Eq.: Kumar et al. 2018, law of total covariance

    Args:
      mean: (batch, latent).
      logvar: (batch, latent).

    Returns:
      The mean (latent,) and the covariance (latent, latent).

    Raises:
      ValueError: if the shapes differ or are not of rank 2.

    Example:
      >>> mean, covariance = losses.aggregate_gaussian(
      ...     jnp.array([[1.0, 1.0], [-1.0, -1.0]]), jnp.zeros((2, 2))
      ... )
      >>> print(covariance)
      [[2. 1.]
       [1. 2.]]
    """
    check_shapes(mean=(mean, "batch latent"), logvar=(logvar, "batch latent"))
    centre = mean.mean(axis=0)
    # Centre first: E[m mᵀ] - E[m] E[m]ᵀ cancels in float32 where means are far from 0.
    spread = mean - centre
    covariance = spread.T @ spread / len(mean)
    return centre, covariance + jnp.diag(jnp.exp(logvar).mean(axis=0))


def gaussian_total_correlation(
    covariance: Float[Array, "latent latent"], *, jitter: float = 1e-5
) -> Float[Array, ""]:
    """Total correlation of a Gaussian, a measure of dependence between its dimensions.

    `TC = KL(N(m, S) || Π_j N(m_j, S_jj)) = ½ [Σ_j log S_jj - log det S]`.

    Eq.: Watanabe 1960, the definition of total correlation

    Args:
      covariance: (latent, latent), symmetric, positive semi-definite.
      jitter: added to the diagonal of the correlation matrix, so that a singular matrix
        gives a large number instead of infinity (in float32, up to a few hundred
        latents). It lowers the result by about
        `½ jitter (tr C⁻¹ - d)` for the correlation matrix C; 0 is exact.

    Returns:
      A scalar, nats, not negative; 0 where the dimensions are uncorrelated (both up to
      rounding).

    Raises:
      ValueError: if `covariance` is not a square matrix.

    Example:
      >>> tc = losses.gaussian_total_correlation(jnp.array([[1.0, 0.8], [0.8, 1.0]]))
      >>> f"{tc:.3f}"  # -½ log(1 - .8²)
      '0.511'
    """
    check_shapes(covariance=(covariance, "latent latent"))
    # On the correlation matrix the result does not depend on the scale of any latent.
    variance = jnp.diagonal(covariance)
    scale = 1 / jnp.sqrt(_positive(variance))
    correlation = covariance * jnp.outer(scale, scale)
    # The diagonal is set, not computed: a constant latent (variance 0) then counts as
    # independent of the others.
    correlation = jnp.fill_diagonal(correlation, 1 + jitter, inplace=False)
    # ½ log det C = Σ_j log L_jj for C = L Lᵀ. The first term below, ½ Σ_j log C_jj with
    # jitter, makes uncorrelated dimensions give 0.
    log_diagonal = jnp.log(jnp.diagonal(jnp.linalg.cholesky(correlation)))
    return 0.5 * len(covariance) * jnp.log1p(jitter) - log_diagonal.sum()


def gaussian_kl_to_standard_normal(
    mean: Float[Array, " latent"],
    covariance: Float[Array, "latent latent"],
    *,
    jitter: float = 1e-5,
) -> Float[Array, ""]:
    """KL divergence of a Gaussian with any covariance from the standard normal.

    `KL(N(m, S) || N(0, I)) = ½ [tr S + mᵀm - d - log det S]`, computed as the
    divergence of its marginals plus its total correlation.

    Eq.: Rasmussen & Williams 2006, (A.23)

    Args:
      mean: (latent,).
      covariance: (latent, latent), symmetric, positive semi-definite.
      jitter: as in `gaussian_total_correlation`.

    Returns:
      A scalar, nats, never negative.

    Raises:
      ValueError: if `covariance` is not a square matrix of the size of `mean`.

    Example:
      >>> kl = losses.gaussian_kl_to_standard_normal(jnp.array([3.0, 4.0]), jnp.eye(2))
      >>> f"{kl:.2f}"
      '12.50'
    """
    check_shapes(mean=(mean, "latent"), covariance=(covariance, "latent latent"))
    # Exact, because the prior factorises: KL(q || p) = Σ_j KL(q_j || p_j) + TC(q).
    logvar = jnp.log(_positive(jnp.diagonal(covariance)))
    marginals = gaussian_kl(mean[None], logvar[None])[0]
    return marginals + gaussian_total_correlation(covariance, jitter=jitter)


def multivariate_normal_nll(
    z: Float[Array, "batch latent"],
    mean: Float[Array, " latent"],
    covariance: Float[Array, "latent latent"],
    *,
    jitter: float = 1e-5,
) -> Float[Array, " batch"]:
    """Negative log-likelihood of codes under a Gaussian with any covariance.

    `-log N(z; m, S) = ½ [(z - m)ᵀ S⁻¹ (z - m) + log det S + d log 2π]`. Its mean over
    q(z) is smallest where m and S are the moments of q.

    Eq.: Rasmussen & Williams 2006, (A.6)

    Args:
      z: (batch, latent).
      mean: (latent,).
      covariance: (latent, latent), symmetric, positive semi-definite.
      jitter: added to the diagonal of the covariance.

    Returns:
      (batch,), nats.

    Raises:
      ValueError: if the shapes do not fit.

    Example:
      >>> z = jnp.array([[1.0, 2.0]])
      >>> nll = losses.multivariate_normal_nll(z, jnp.zeros(2), jnp.eye(2))
      >>> f"{float(nll[0]):.3f}"  # ½ (1 + 4) + log 2π
      '4.338'
    """
    check_shapes(
        z=(z, "batch latent"),
        mean=(mean, "latent"),
        covariance=(covariance, "latent latent"),
    )
    latent = len(mean)
    # S = L Lᵀ: the quadratic form is |L⁻¹ (z - m)|² and ½ log det S is Σ_j log L_jj.
    factor = jnp.linalg.cholesky(covariance + jitter * jnp.eye(latent))
    white = jax.scipy.linalg.solve_triangular(factor, (z - mean).T, lower=True)
    log_det = jnp.log(jnp.diagonal(factor)).sum()
    return 0.5 * (white**2).sum(axis=0) + log_det + 0.5 * latent * jnp.log(2 * jnp.pi)


def _positive(variance: Float[Array, " latent"]) -> Float[Array, " latent"]:
    # eps² (1e-14 in float32) is far below the variance of a latent in use, and its
    # inverse stays finite.
    return jnp.maximum(variance, jnp.finfo(variance.dtype).eps ** 2)
