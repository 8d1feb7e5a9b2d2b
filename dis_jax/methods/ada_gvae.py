"""Autoencoders of image pairs: in shared dimensions, both images have one posterior.

All minimise, over pairs and both of their images,

  mean [ -log p(x | z) + beta KL(q^(z | x) || p(z)) ],   z ~ q^(z | x)

where q^ is each image's own posterior q in the dimensions that differ, and a
combination of both posteriors in those that the pair shares. The methods differ in how
they find shared dimensions and how they combine the posteriors. Their state is that of
a `beta_vae`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool

from dis_jax import losses
from dis_jax.methods import autoencoder
from dis_jax.methods.method import Batch, Gaussian, Method, State, check_choices

AGGREGATES: dict[str, Callable[..., tuple[Array, Array]]] = {
    "average": losses.average_posteriors,
    "product": losses.multiply_posteriors,
}
# (posterior of x, posterior of y, batch) -> (batch, latent): True where a pair shares
Shared = Callable[[Gaussian, Gaussian, Batch], Bool[Array, "batch latent"]]


class PairMetrics(NamedTuple):
    """Logged in every step: nats per image, averaged over both images of all pairs.

    Attributes:
      loss: the minimised objective.
      reconstruction: negative log-likelihood.
      kl: of the sampled posteriors q^, without beta.
      shared: number of dimensions that a pair shares, on average.
    """

    loss: Array
    reconstruction: Array
    kl: Array
    shared: Array


def group_vae(config: Any, axis_name: str | None = None) -> Method:
    """GroupVAE with labels: latent d differs in a pair if factor d was resampled.

    Eq.: Hosoya 2019, group-based VAE

    Args:
      config: as for `beta_vae`, with `aggregate`, how shared posteriors are
        combined ("average" or "product"), and `hparams.warmup_steps`, over which beta grows
        linearly (0: none).
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method; it needs at least as many latents as the data have factors.

    Raises:
      ValueError: if `aggregate` is unknown.
    """
    latent = config.network.latent

    def shared(x: Gaussian, y: Gaussian, batch: Batch) -> Array:
        del x, y
        factors = batch["changed"].shape[1]
        if factors > latent:
            raise ValueError(
                f"network.latent is {latent} but the data have {factors} factors; "
                "group_vae needs one latent per factor: increase network.latent."
            )
        # Latents without a factor count as unchanged (0), so every pair shares them.
        return jnp.pad(batch["changed"], ((0, 0), (0, latent - factors))) == 0

    return _make(shared, config.aggregate, config, axis_name)


def ada_gvae(config: Any, axis_name: str | None = None) -> Method:
    """Ada-GVAE: averages posteriors in dimensions with a small KL within the pair.

    Eq.: Locatello et al. 2020, Ada-GVAE

    Args:
      config: as for `beta_vae`, and `hparams.warmup_steps`, over which beta grows
        linearly (0: none).
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.
    """
    return _make(_adaptive, "average", config, axis_name)


def ada_ml_vae(config: Any, axis_name: str | None = None) -> Method:
    """Ada-ML-VAE: multiplies posteriors in dimensions with a small KL within the pair.

    Eq.: Locatello et al. 2020, Ada-ML-VAE

    Args:
      config: as for `beta_vae`, and `hparams.warmup_steps`, over which beta grows
        linearly (0: none).
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method.
    """
    return _make(_adaptive, "product", config, axis_name)


def _adaptive(x: Gaussian, y: Gaussian, batch: Batch) -> Array:
    del batch
    return losses.adaptive_shared_dims(*x, *y)


def _make(shared: Shared, aggregate: str, config: Any, axis_name: str | None) -> Method:
    check_choices({"aggregate": aggregate}, aggregate=AGGREGATES)
    nets = autoencoder.make_networks(config)

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, PairMetrics]:
        # (batch, 2, ...), not x after y: when the flat batch (2 batch, ...) is sharded,
        # both images of a pair stay on one device.
        images = jnp.stack([batch["x"], batch["y"]], axis=1)
        flat = images.reshape(-1, *images.shape[2:])
        mean, logvar = autoencoder.encode(nets, params, flat)
        mean, logvar = (code.reshape(-1, 2, code.shape[1]) for code in (mean, logvar))
        x, y = (Gaussian(mean[:, i], logvar[:, i]) for i in range(2))
        mask = shared(x, y, batch)
        common = AGGREGATES[aggregate](*x, *y)
        # Broadcasts (batch, 1, latent) to (batch, 2, latent), then flattens. The images
        # of a pair share posteriors, not noise: each has its own sample.
        posterior = Gaussian(
            *(
                jnp.where(mask[:, None], both[:, None], own).reshape(len(flat), -1)
                for both, own in zip(common, (mean, logvar), strict=True)
            )
        )
        z = losses.gaussian_sample(key, *posterior)
        nll = autoencoder.reconstruction_nll(nets, params, z, flat, state.hparams)
        reconstruction = nll.mean()
        kl = losses.gaussian_kl(*posterior).mean()
        total = reconstruction + _beta(state) * kl
        count = mask.sum(axis=1).mean()
        return total, PairMetrics(total, reconstruction, kl, count)

    init, update = autoencoder.train_together(nets, config, axis_name, loss, image="x")
    return Method("pairs", init, update, **autoencoder.coders(nets))


def _beta(state: State) -> Array:
    # step + 1: the first step has a KL term too, and warmup_steps = 0 means no warm-up.
    grown = (state.step + 1) / jnp.maximum(state.hparams["warmup_steps"], 1.0)
    return state.hparams["beta"] * jnp.minimum(1.0, grown)
