"""Hessian penalty: how latent dimensions interact in a function of the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Key

from dis_jax.losses._shapes import check_shapes


def normalised_hessian_penalty(
    key: Key[Array, ""],
    function: Callable[[Float[Array, "batch latent"]], Any],
    z: Float[Array, "batch latent"],
    spread: Float[Array, " latent"],
    *,
    num_perturbations: int = 2,
    step: Float[ArrayLike, ""] = 0.1,
) -> Float[Array, " batch"]:
    """Share of a function's curvature that mixes dimensions: 0 for an additive function.

    With the Hessian H of each output in units of `spread`, `Var_r[rᵀ H r] = 2 Σ_{i≠j}
    H_ij²` for random signs r, and `2 Σ_ij H_ij²` for r ~ N(0, I); the penalty is the
    ratio of the two, each averaged over outputs. `rᵀ H r` is the second difference of
    the function along r, and `num_perturbations` draws estimate each variance. The
    numerator alone falls when the function is scaled down; the ratio does not.

    Eq.: Peebles et al. 2020, Hessian penalty by random signs
    Eq.: Hsu et al. 2024, normalised Hessian penalty

    Args:
      key: a random key.
      function: codes -> a pytree of arrays, each (batch, ...), such as the activations of
        a decoder.
      z: (batch, latent), codes at which the Hessian is computed.
      spread: (latent,), standard deviations of the dimensions.
      num_perturbations: draws of each kind, at least 2.
      step: step of the second differences, in units of `spread`. Rounding errors grow
        with the inverse of its square: use float32.

    Returns:
      (batch,), without units, summed over the arrays. With exact variances, each array
      contributes between 0 and 1; with few draws the ratio is a noisy estimate.

    Raises:
      ValueError: if a shape does not fit, or there are fewer than 2 perturbations.

    Example:
      >>> additive = lambda z: z[:, :1] ** 2 + jnp.sin(z[:, 1:])
      >>> z, one = jnp.array([[0.3, -0.4]]), jnp.ones(2)
      >>> key = jax.random.key(0)
      >>> penalty = losses.normalised_hessian_penalty(key, additive, z, one)
      >>> print(penalty.round(4))
      [0.]
    """
    check_shapes(z=(z, "batch latent"), spread=(spread, "latent"))
    if num_perturbations < 2:
        raise ValueError(
            f"num_perturbations is {num_perturbations}; a variance needs at least 2."
        )
    sign_key, normal_key = jax.random.split(key)
    shape = (num_perturbations, *z.shape)
    here = function(z)

    def variances(draws: Array) -> list[Float[Array, " batch"]]:
        moves = step * spread * draws
        ahead, behind = jax.vmap(function)(z + moves), jax.vmap(function)(z - moves)
        curved = jax.tree.map(
            lambda a, b, c: (a - 2 * b + c) / step**2, ahead, here, behind
        )
        return [_variance(leaf) for leaf in jax.tree.leaves(curved)]

    mixed = variances(jax.random.rademacher(sign_key, shape, z.dtype))
    every = variances(jax.random.normal(normal_key, shape, z.dtype))
    # 1e-10 avoids 0 / 0 where a function has no curvature.
    return sum(
        (m / (e + 1e-10) for m, e in zip(mixed, every, strict=True)),
        start=jnp.zeros(len(z)),
    )


def _variance(curvature: Float[Array, "draw batch *outputs"]) -> Float[Array, " batch"]:
    """Variance over draws, averaged over the outputs of each example."""
    variance = curvature.var(axis=0)
    return variance.reshape(len(variance), -1).mean(axis=1)
