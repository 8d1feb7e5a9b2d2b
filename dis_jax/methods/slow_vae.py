"""SlowVAE: a VAE of image pairs with a sparse prior on the change of the code."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from dis_jax import losses
from dis_jax.methods import autoencoder
from dis_jax.methods.method import Batch, Method, State, check_choices

TRANSITIONS = ("transitions", "pairs")  # samplers of two successive images


class SlowVAEMetrics(NamedTuple):
    """Logged in every step, averaged over the batch.

    Attributes:
      loss: the minimised objective, nats per pair.
      reconstruction: negative log-likelihood, nats per image.
      kl: from the standard normal, nats per image, without beta.
      transition_kl: of an image from the Laplace prior at the other one, nats, without
        gamma.
    """

    loss: Array
    reconstruction: Array
    kl: Array
    transition_kl: Array


def slow_vae(config: Any, axis_name: str | None = None) -> Method:
    """SlowVAE: a Laplace prior on the change of the code between two images.

    Minimises, over pairs, `-log p(x | z_x) - log p(y | z_y) + beta KL(q(z_x | x) || N(0,
    I)) + gamma KL(q(z_y | y) || Laplace(z_x, 1/rate))`, averaged over both orders of a
    pair. `as_coded` is the public code (bethgelab/slow_disentanglement): the prior is at
    the mean of the other posterior, and the cross entropies of both orders are summed,
    minus only one entropy, the mean of both posteriors. The state is that of a `beta_vae`.

    Eq.: Klindt et al. 2021, evidence lower bound with the Laplace transition prior

    Args:
      config: as for `vae`, and `pairs`, the sampler of two images ("transitions" or
        "pairs"), `as_coded`, and `hparams.beta`, `hparams.gamma` and `hparams.rate`, the
        inverse scale of the Laplace prior.
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.

    Raises:
      ValueError: if `pairs` is unknown.
    """
    check_choices(config, pairs=TRANSITIONS)
    nets = autoencoder.make_networks(config)

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, SlowVAEMetrics]:
        hparams = state.hparams
        # (batch, 2, ...) flattened: both images of a pair stay on one device.
        images = jnp.stack([batch["x"], batch["y"]], axis=1)
        flat = images.reshape(-1, *images.shape[2:])
        terms = autoencoder.evidence_terms(nets, params, key, flat, hparams)
        mean, logvar, z = (
            code.reshape(-1, 2, code.shape[1]) for code in (*terms.posterior, terms.z)
        )
        # Each image's prior is at the code of the other.
        location = (mean if config.as_coded else z)[:, ::-1]
        both = losses.gaussian_laplace_kl(mean, logvar, location, hparams["rate"])
        transition = both.mean() / 2
        penalty = transition
        if config.as_coded:
            entropy = 0.5 * (logvar + math.log(2 * math.pi * math.e)).sum(axis=2).mean()
            penalty = 2 * transition + entropy
        total = 2 * terms.reconstruction + hparams["beta"] * terms.kl
        total += hparams["gamma"] * penalty
        return total, SlowVAEMetrics(total, terms.reconstruction, terms.kl, transition)

    init, update = autoencoder.train_together(nets, config, axis_name, loss, image="x")
    return Method(config.pairs, init, update, **autoencoder.coders(nets))
