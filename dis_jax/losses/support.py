"""Loss for a factorised support: which combinations of values occur, not how often."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_several, check_shapes


def factorised_support(z: Float[Array, "batch latent"]) -> Float[Array, ""]:
    """Squared distance of a batch's support from the product of its marginal supports.

    `Σ_{i<j} max_{a in Z_i, b in Z_j} min_{z in Z} (a - z_i)² + (b - z_j)²`, where Z are
    the codes of the batch and Z_i their values in dimension i. Each pair of dimensions
    contributes its combination of two values that is farthest from all codes. The loss is
    0 if all combinations occur, however often, so correlated factors are allowed.

    The gradient moves the farthest combination and its nearest code towards each other;
    of equally far combinations the first is taken. Smaller codes also reduce the loss, so
    it needs a likelihood or a weight on the KL divergence that keeps their scale. Under
    `pmap` or `shard_map` the loss uses only the shard.

    Eq.: Roth et al. 2023, pairwise Hausdorff distance of the support

    Args:
      z: (batch, latent), codes; the paper uses posterior means.

    Returns:
      Scalar, in squared units of the code, summed over pairs of dimensions.

    Raises:
      ValueError: if `z` is not of rank 2, or has one example.

    Example:
      >>> diagonal = jnp.array([[0.0, 0.0], [1.0, 1.0]])  # (0, 1) and (1, 0) are missing
      >>> corners = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
      >>> print(losses.factorised_support(diagonal), losses.factorised_support(corners))
      1.0 0.0
    """
    check_shapes(z=(z, "batch latent"))
    check_several(z=z)
    z = jnp.asarray(z)
    pairs = np.array([*itertools.combinations(range(z.shape[1]), 2)]).reshape(-1, 2)
    if not len(pairs):
        return jnp.zeros((), z.dtype)

    def farthest(pair: Array) -> Array:
        x, y = z[:, pair[0]], z[:, pair[1]]
        # (batch, batch, batch): each combination of two values, each code. The search
        # needs no gradient; only the distance that it finds does.
        distance = jax.lax.stop_gradient(
            (x[:, None] - x)[:, None] ** 2 + (y[:, None] - y)[None] ** 2
        )
        a, b = jnp.unravel_index(distance.min(axis=2).argmax(), (len(z), len(z)))
        nearest = distance[a, b].argmin()
        return (x[a] - x[nearest]) ** 2 + (y[b] - y[nearest]) ** 2

    # One pair after another, so that memory contains one cube of distances at a time.
    return jax.lax.map(farthest, jnp.asarray(pairs)).sum()
