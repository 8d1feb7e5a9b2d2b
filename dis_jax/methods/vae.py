"""Variational autoencoders that differ in one term, the regulariser of the posterior.

Each minimises, over batches of images,

  mean_i [ -log p(x_i | z_i) ] + regulariser,   z_i ~ q(z | x_i)

with the regulariser in the docstring of each function. FactorVAE adds a second
optimiser to the same parts (`dis_jax.methods.factor_vae`). All share one state tree, so
that one can continue the training of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from dis_jax import losses
from dis_jax.methods import autoencoder
from dis_jax.methods.method import Batch, Method, State

Regulariser = Callable[[State, autoencoder.Terms], Array]


class VAEMetrics(NamedTuple):
    """Logged in every step: nats per image, averaged over the batch."""

    loss: Array
    reconstruction: Array
    kl: Array
    regulariser: Array


def vae(config: Any, axis_name: str | None = None) -> Method:
    """VAE: the regulariser is KL(q(z|x) || p(z)).

    Eq.: Kingma & Welling 2014, (7)

    Args:
      config: `network`, `image_shape`, `precision`, `optimiser` and `hparams` with
        `learning_rate` and `clip_norm`.
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.
    """
    return regularised_vae(lambda state, terms: terms.kl, config, axis_name)


def beta_vae(config: Any, axis_name: str | None = None) -> Method:
    """beta-VAE: the regulariser is beta KL.

    Eq.: Higgins et al. 2017, (4)

    Args:
      config: as for `vae`, and `hparams.beta`.
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.
    """
    return regularised_vae(
        lambda state, terms: state.hparams["beta"] * terms.kl, config, axis_name
    )


def annealed_vae(config: Any, axis_name: str | None = None) -> Method:
    """Annealed VAE: gamma |KL - C|, the capacity C growing linearly to its maximum.

    Eq.: Burgess et al. 2018, (8)

    Args:
      config: as for `vae`, and `hparams.gamma`, `hparams.capacity` (the largest C, in
        nats) and `hparams.capacity_steps` (the step at which C reaches it).
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.
    """

    def regulariser(state: State, terms: autoencoder.Terms) -> Array:
        hparams = state.hparams
        capacity = hparams["capacity"] * autoencoder.grown(state, "capacity_steps")
        return losses.capacity_penalty(terms.kl, capacity, hparams["gamma"])

    return regularised_vae(regulariser, config, axis_name)


def beta_tcvae(config: Any, axis_name: str | None = None) -> Method:
    """beta-TCVAE: KL + (beta - 1) TC, with the minibatch-weighted estimate of TC.

    Eq.: Chen et al. 2018, (4)

    Args:
      config: as for `vae`, and `hparams.beta`.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica estimates the total correlation of its share of the batch.

    Returns:
      The method.
    """

    def regulariser(state: State, terms: autoencoder.Terms) -> Array:
        # The KL contains TC once, hence beta - 1. Without `dataset_size` the estimate
        # lacks a constant, which has no gradient.
        tc = losses.minibatch_total_correlation(terms.z, *terms.posterior)
        return terms.kl + (state.hparams["beta"] - 1.0) * jnp.mean(tc)

    return regularised_vae(regulariser, config, axis_name)


def dip_vae_i(config: Any, axis_name: str | None = None) -> Method:
    """DIP-VAE I: KL and a penalty on the covariance of the posterior means.

    Eq.: Kumar et al. 2018, (6)

    Args:
      config: as for `vae`, and `hparams.lambda_off`, `hparams.lambda_diag`.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica computes the covariance of its share of the batch.

    Returns:
      The method.
    """
    return _dip_vae("i", config, axis_name)


def dip_vae_ii(config: Any, axis_name: str | None = None) -> Method:
    """DIP-VAE II: KL and a penalty on the covariance of the aggregate posterior.

    Eq.: Kumar et al. 2018, (7)

    Args:
      config: as for `vae`, and `hparams.lambda_off`, `hparams.lambda_diag`.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica computes the covariance of its share of the batch.

    Returns:
      The method.
    """
    return _dip_vae("ii", config, axis_name)


def _dip_vae(kind: str, config: Any, axis_name: str | None) -> Method:
    def regulariser(state: State, terms: autoencoder.Terms) -> Array:
        return terms.kl + losses.dip_regulariser(
            *terms.posterior,
            kind=kind,
            lambda_off=state.hparams["lambda_off"],
            lambda_diag=state.hparams["lambda_diag"],
        )

    return regularised_vae(regulariser, config, axis_name)


def hfs(config: Any, axis_name: str | None = None) -> Method:
    """HFS: beta KL + gamma times the distance from a factorised support.

    Unlike a penalty on the total correlation, it allows the codes of correlated factors
    to be correlated.

    Eq.: Roth et al. 2023, beta-VAE with a factorised support

    Args:
      config: as for `vae`, and `hparams.beta`, `hparams.gamma`.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica compares the support of its share of the batch.

    Returns:
      The method.
    """

    def regulariser(state: State, terms: autoencoder.Terms) -> Array:
        distance = losses.factorised_support(terms.posterior.mean)
        return state.hparams["beta"] * terms.kl + state.hparams["gamma"] * distance

    return regularised_vae(regulariser, config, axis_name)


def regularised_vae(
    regulariser: Regulariser, config: Any, axis_name: str | None = None
) -> Method:
    """A VAE with any regulariser; all methods of this file use it.

    Minimises mean_i [ -log p(x_i | z_i) ] + regulariser.

    Args:
      regulariser: `(state, terms) -> scalar`, in nats. `terms` has the `posterior`, a
        `Gaussian` of (batch, latent), a draw `z` of it, its `kl` to the prior and the
        `reconstruction`; `state.hparams` contains the hyperparameters as arrays.
      config: as for `vae`, and the fields that the regulariser reads.
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.

    Raises:
      ValueError: in a step, if the regulariser does not return a scalar.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax import methods
      >>> def sparse_vae(config, axis_name=None):
      ...     def regulariser(state, terms):
      ...         size = jnp.abs(terms.posterior.mean).sum(axis=1).mean()
      ...         return terms.kl + state.hparams["sparsity"] * size
      ...     return methods.regularised_vae(regulariser, config, axis_name)
    """
    nets = autoencoder.make_networks(config)

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, VAEMetrics]:
        terms = autoencoder.evidence_terms(
            nets, params, key, batch["image"], state.hparams
        )
        penalty = regulariser(state, terms)
        if penalty is None or jnp.shape(penalty):
            found = "None" if penalty is None else f"the shape {jnp.shape(penalty)}"
            raise ValueError(
                f"the regulariser returned {found}; expected a scalar, such as the mean "
                "over the batch."
            )
        total = terms.reconstruction + penalty
        return total, VAEMetrics(total, terms.reconstruction, terms.kl, penalty)

    init, update = autoencoder.train_together(nets, config, axis_name, loss)
    return Method("images", init, update, **autoencoder.coders(nets))
