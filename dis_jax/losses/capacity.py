"""Capacity control: a target for the KL divergence of a code."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_shapes


def capacity_penalty(
    kl: Float[Array, "..."],
    capacity: Float[Array, ""] | float,
    gamma: Float[Array, ""] | float,
) -> Float[Array, "..."]:
    """Penalises the distance of a KL divergence from a capacity set by a schedule.

    `gamma |kl - capacity|`. The papers penalise the batch average of the KL divergence, so
    average over the examples first: the penalty of a mean is not the mean of penalties.

    Eq.: Burgess et al. 2018, (8)

    Args:
      kl: any shape, usually a scalar: nats.
      capacity: a scalar, nats.
      gamma: a scalar, the weight.

    Returns:
      The shape of `kl`, never negative; 0 where the capacity is met.

    Raises:
      ValueError: if `capacity` or `gamma` is not a scalar.

    Example:
      >>> print(losses.capacity_penalty(jnp.array(7.0), capacity=5.0, gamma=30.0))
      60.0
    """
    check_shapes(capacity=(capacity, ""), gamma=(gamma, ""))
    # An absolute value, not a hinge: a KL below the capacity is pushed up as well.
    return gamma * jnp.abs(kl - capacity)
