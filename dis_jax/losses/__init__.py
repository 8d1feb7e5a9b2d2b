"""Loss functions: one pure function per equation, from arrays to nats, without state."""

from __future__ import annotations

from dis_jax.losses.adversarial import discriminator_loss, generator_loss
from dis_jax.losses.capacity import capacity_penalty
from dis_jax.losses.categorical import (
    categorical_entropy,
    categorical_kl,
    gumbel_softmax,
    info_lower_bound,
)
from dis_jax.losses.contrastive import nt_xent, transformation_distance
from dis_jax.losses.dip import dip_regulariser
from dis_jax.losses.gaussian import (
    aggregate_gaussian,
    gaussian_kl,
    gaussian_kl_to_standard_normal,
    gaussian_laplace_kl,
    gaussian_sample,
    gaussian_total_correlation,
    multivariate_normal_nll,
)
from dis_jax.losses.group import (
    accumulate_evidence,
    adaptive_shared_dims,
    average_posteriors,
    count_groups,
    group_elbo,
    group_noise,
    multiply_posteriors,
    swap_partners,
    swap_reconstruction,
)
from dis_jax.losses.hessian import normalised_hessian_penalty
from dis_jax.losses.logistic import (
    clipped_logistic_mean,
    discretised_logistic_nll,
    logistic_mixture_nll,
)
from dis_jax.losses.multi_information import (
    kernel_multi_information,
    silverman_bandwidths,
)
from dis_jax.losses.mutual_information import (
    all_pairs_scores,
    club,
    donsker_varadhan,
    info_nce,
    jensen_shannon,
    mine_surrogate,
    nwj,
    permute_negatives,
    roll_negatives,
    smile,
)
from dis_jax.losses.quantisation import (
    finite_scalar_quantisation,
    latent_quantisation,
    quantisation_losses,
    straight_through,
)
from dis_jax.losses.reconstruction import (
    bernoulli_nll,
    gaussian_nll,
    optimal_variance,
)
from dis_jax.losses.support import factorised_support
from dis_jax.losses.total_correlation import (
    density_ratio_discriminator_loss,
    density_ratio_tc,
    minibatch_total_correlation,
    permute_dims,
)

__all__ = [
    "accumulate_evidence",
    "adaptive_shared_dims",
    "aggregate_gaussian",
    "all_pairs_scores",
    "average_posteriors",
    "bernoulli_nll",
    "capacity_penalty",
    "categorical_entropy",
    "categorical_kl",
    "clipped_logistic_mean",
    "club",
    "count_groups",
    "density_ratio_discriminator_loss",
    "density_ratio_tc",
    "dip_regulariser",
    "discretised_logistic_nll",
    "discriminator_loss",
    "donsker_varadhan",
    "factorised_support",
    "finite_scalar_quantisation",
    "gaussian_kl",
    "gaussian_kl_to_standard_normal",
    "gaussian_laplace_kl",
    "gaussian_nll",
    "gaussian_sample",
    "gaussian_total_correlation",
    "generator_loss",
    "group_elbo",
    "group_noise",
    "gumbel_softmax",
    "info_lower_bound",
    "info_nce",
    "jensen_shannon",
    "kernel_multi_information",
    "latent_quantisation",
    "logistic_mixture_nll",
    "mine_surrogate",
    "minibatch_total_correlation",
    "multiply_posteriors",
    "multivariate_normal_nll",
    "normalised_hessian_penalty",
    "nt_xent",
    "nwj",
    "optimal_variance",
    "permute_dims",
    "permute_negatives",
    "quantisation_losses",
    "roll_negatives",
    "silverman_bandwidths",
    "smile",
    "straight_through",
    "swap_partners",
    "swap_reconstruction",
    "transformation_distance",
]
