"""Multi-information of deterministic codes, from kernel density estimates."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_several, check_shapes


def kernel_multi_information(
    z: Float[Array, "batch latent"],
    bandwidths: Float[Array, " latent"],
    marginal_bandwidths: Float[Array, " latent"] | None = None,
) -> Float[Array, ""]:
    """Multi-information (total correlation) of a batch, estimated with Gaussian kernels.

    `mean_i [log q(z_i) - Σ_k log q_k(z_ik)]`, with `q(z) = 1/N Σ_j Π_k N(z_k; z_jk,
    h_k²)` and `q_k(z_k) = 1/N Σ_j N(z_k; z_jk, g_k²)`. With h = g it is 0 where every
    combination of values occurs equally often. It uses no posterior, so the encoder may
    be deterministic. Bandwidths proportional to the spread of each dimension, see
    `silverman_bandwidths`, make it independent of the scales of the dimensions.

    Eq.: Hsu et al. 2024, kernel-based latent multi-information

    Args:
      z: (batch, latent), codes.
      bandwidths: (latent,), h, the standard deviations of the kernel of the joint.
      marginal_bandwidths: (latent,), g, those of the marginals; h by default.

    Returns:
      A scalar, nats. Each code is among the points of its own estimate, so the estimate
      is too large where few other codes lie within a bandwidth.

    Raises:
      ValueError: if a shape does not fit, or `z` has one example.

    Example:
      >>> corners = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
      >>> narrow = jnp.full(2, 0.1)
      >>> print(losses.kernel_multi_information(corners, narrow).round(3))
      0.0
      >>> diagonal = jnp.array([[0.0, 0.0], [1.0, 1.0]])  # equal dimensions
      >>> print(losses.kernel_multi_information(diagonal, narrow).round(3))  # log 2
      0.693
    """
    g = bandwidths if marginal_bandwidths is None else marginal_bandwidths
    check_shapes(
        z=(z, "batch latent"),
        bandwidths=(bandwidths, "latent"),
        marginal_bandwidths=(g, "latent"),
    )
    check_several(z=z)

    def log_kernels(widths: Array) -> Float[Array, "batch batch latent"]:
        deviation = (z[:, None] - z) / widths
        return -0.5 * deviation**2 - jnp.log(widths) - 0.5 * jnp.log(2 * jnp.pi)

    joint = jax.nn.logsumexp(log_kernels(bandwidths).sum(axis=2), axis=1)
    marginals = jax.nn.logsumexp(log_kernels(g), axis=1).sum(axis=1)
    batch, latent = z.shape
    # 1/N appears once in the joint and once in each of the marginals.
    return (joint - marginals).mean() + (latent - 1) * jnp.log(batch)


def silverman_bandwidths(
    spread: Float[Array, " latent"], batch: int
) -> Float[Array, " latent"]:
    """Silverman's rule for the bandwidths of a kernel density estimate.

    `h_k = (4 / (d + 2))^(1/(d + 4)) N^(-1/(d + 4)) s_k`, for N points of d dimensions.

    Eq.: Silverman 1986, rule for a normal distribution in d dimensions

    Args:
      spread: (latent,), s, the standard deviation of each of the d dimensions.
      batch: N, the number of points.

    Returns:
      (latent,), in units of the dimensions.

    Raises:
      ValueError: if `spread` is not of rank 1.

    Example:
      >>> print(losses.silverman_bandwidths(jnp.array([1.0, 2.0]), 64))
      [0.5 1. ]
    """
    check_shapes(spread=(spread, "latent"))
    latent = spread.shape[0]
    return (4 / (latent + 2) / batch) ** (1 / (latent + 4)) * spread
