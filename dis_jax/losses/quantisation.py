"""Quantisers, for codes with few values per dimension, and the losses that train them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_shapes


def latent_quantisation(
    z: Float[Array, "batch latent"], codebook: Float[Array, "latent value"]
) -> Float[Array, "batch latent"]:
    """Quantises each dimension to the nearest value of its codebook.

    `q_j = argmin_{v in V_j} |z_j - v|`; of two equally near values the first. Only the
    codebook receives gradients. The decoder's input is `straight_through(z, q)`.

    Eq.: Hsu et al. 2023, Section 3

    Args:
      z: (batch, latent), continuous codes.
      codebook: (latent, value), V_j in row j.

    Returns:
      (batch, latent), the values.

    Raises:
      ValueError: if the codebook does not have one row for each dimension of `z`.

    Example:
      >>> codebook = jnp.array([[-0.5, 0.0, 0.5], [0.0, 1.0, 2.0]])
      >>> print(losses.latent_quantisation(jnp.array([[0.2, 0.9]]), codebook))
      [[0. 1.]]
    """
    check_shapes(z=(z, "batch latent"), codebook=(codebook, "latent value"))
    nearest = jnp.abs(z[:, :, None] - codebook).argmin(axis=2)
    return codebook[jnp.arange(z.shape[1]), nearest]


def straight_through(
    z: Float[Array, "*shape"], quantised: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """Quantised codes with the gradient of the continuous ones.

    `z + stop_gradient(q - z)`: a quantiser is constant almost everywhere, so its own
    gradient is 0.

    Eq.: van den Oord et al. 2017, Section 3.2

    Args:
      z: continuous codes.
      quantised: their quantised values, of the same shape.

    Returns:
      The quantised values.

    Raises:
      ValueError: if the shapes differ.

    Example:
      >>> gradient = jax.grad(lambda z: losses.straight_through(z, jnp.round(z)) * 3)
      >>> print(gradient(0.2))
      3.0
    """
    check_shapes(z=(z, "*shape"), quantised=(quantised, "*shape"))
    return z + jax.lax.stop_gradient(quantised - z)


def quantisation_losses(
    z: Float[Array, "batch latent"], quantised: Float[Array, "batch latent"]
) -> tuple[Float[Array, " batch"], Float[Array, " batch"]]:
    """Squared distance of codes from their quantised values, as two losses.

    `quantise = Σ_j (sg(z_j) - q_j)²` moves the codebook towards the codes, `commit =
    Σ_j (z_j - sg(q_j))²` moves the codes towards the codebook; sg stops the gradient.
    Their values are equal.

    Eq.: Hsu et al. 2023, Section 3

    Args:
      z: (batch, latent), continuous codes.
      quantised: (batch, latent), from `latent_quantisation`.

    Returns:
      `quantise` and `commit`, (batch,) each, in squared units of the code, summed over
      dimensions.

    Raises:
      ValueError: if the shapes differ or are not of rank 2.

    Example:
      >>> z, quantised = jnp.array([[0.2, 0.9]]), jnp.array([[0.0, 1.0]])
      >>> quantise, commit = losses.quantisation_losses(z, quantised)
      >>> print(commit.round(4))
      [0.05]
    """
    check_shapes(z=(z, "batch latent"), quantised=(quantised, "batch latent"))
    fixed, target = jax.lax.stop_gradient((z, quantised))
    quantise = ((fixed - quantised) ** 2).sum(axis=1)
    return quantise, ((z - target) ** 2).sum(axis=1)


def finite_scalar_quantisation(
    z: Float[Array, "*shape"], num_values: int
) -> Float[Array, "*shape"]:
    """Rounds codes to evenly spaced values in [-1, 1], with a straight-through gradient.

    `q = 2 round((z + 1)/2 (V - 1)) / (V - 1) - 1`: the codebook is fixed. The
    codes must be bounded, for example by tanh.

    Eq.: Hsu et al. 2024, finite scalar latent quantisation

    Args:
      z: codes in [-1, 1].
      num_values: V, at least 2.

    Returns:
      The values, of the shape of `z`.

    Raises:
      ValueError: if `num_values` is below 2.

    Example:
      >>> print(losses.finite_scalar_quantisation(jnp.array([-0.8, 0.1, 0.6]), 3))
      [-1.  0.  1.]
    """
    if num_values < 2:
        raise ValueError(f"num_values is {num_values}; expected at least 2.")
    steps = num_values - 1
    return straight_through(z, 2 * jnp.round((z + 1) / 2 * steps) / steps - 1)
