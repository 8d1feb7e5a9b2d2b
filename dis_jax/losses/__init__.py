"""One equation, one pure function: arrays in, nats out; no parameters, no state."""

from __future__ import annotations

from dis_jax.losses.capacity import capacity_penalty
from dis_jax.losses.dip import dip_regulariser
from dis_jax.losses.gaussian import (
    aggregate_gaussian,
    gaussian_kl,
    gaussian_kl_to_standard_normal,
    gaussian_total_correlation,
)
from dis_jax.losses.reconstruction import bernoulli_nll, gaussian_nll
from dis_jax.losses.total_correlation import (
    density_ratio_discriminator_loss,
    density_ratio_tc,
    minibatch_total_correlation,
    permute_dims,
)

__all__ = [
    "aggregate_gaussian",
    "bernoulli_nll",
    "capacity_penalty",
    "density_ratio_discriminator_loss",
    "density_ratio_tc",
    "dip_regulariser",
    "gaussian_kl",
    "gaussian_kl_to_standard_normal",
    "gaussian_nll",
    "gaussian_total_correlation",
    "minibatch_total_correlation",
    "permute_dims",
]
