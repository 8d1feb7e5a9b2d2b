"""ML-VAE: a class code for each group of images, a style code for each image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float, Int

from dis_jax import losses
from dis_jax.methods import autoencoder
from dis_jax.methods.method import (
    Batch,
    Code,
    Gaussian,
    Method,
    State,
    check_choices,
    points,
)

NOISES = ("group", "example")
MODES = ("paper", "as_coded")
NORMALISERS = ("groups", "values")


class MLVAEMetrics(NamedTuple):
    """Logged in every step: the objective, and its terms in nats per image or group.

    Attributes:
      loss: the minimised objective, divided as `config.normaliser` says.
      reconstruction: averaged over images.
      style_kl: averaged over images.
      class_kl: averaged over the groups that have a member.
      swap_reconstruction: averaged over images; 0 where it is not in the loss.
      groups: number of groups in the batch.
    """

    loss: Array
    reconstruction: Array
    style_kl: Array
    class_kl: Array
    swap_reconstruction: Array
    groups: Array


def ml_vae(config: Any, axis_name: str | None = None) -> Method:
    """ML-VAE: the class code of a group is the product of its members' posteriors.

    Minimises, averaged over groups,

      sum_i [ nll_i + style_beta KL(style_i) ] + class_beta KL(class_g),

    and, if `config.swap` is set, `swap_weight` times the negative log-likelihood of
    each image decoded with the class code of another member of its group.
    `mode="as_coded"` is the public code (ananyahjha93/multi-level-vae): no gradient flows
    from the class code into the encoder, and the class KL counts once per image.

    Eq.: Bouchacourt et al. 2018, Algorithm 1

    Args:
      config: `network`; `class_latent`: the last `class_latent` of the `latent` dimensions
        are the class code; `image_shape`, `precision`, `optimiser`; `mode`; `noise` of the
        class code, one draw per "group" or per "example"; `likelihood`; `normaliser`,
        whether the sum is divided by the number of "groups" or of all "values" (pixels
        of all images); `swap`, whether class codes are swapped;
        and `hparams` with `style_beta`, `class_beta`, `noise_scale` (standard
        deviation of the class code's noise; 0 uses its mean), `swap_weight`,
        `learning_rate` and `clip_norm`.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica accumulates evidence over its share of the batch.

    Returns:
      The method; its codes are `style` and `class`, each computed from one image.

    Raises:
      ValueError: if a field has an unknown value, or leaves no dimension for one of
        the codes.
    """
    _check(config)
    nets = autoencoder.make_networks(config)
    as_coded = config.mode == "as_coded"

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, MLVAEMetrics]:
        images, group = batch["image"], _numbered(batch["group"])
        style_key, class_key, partner_key, swap_key = jax.random.split(key, 4)
        style, own = _split(autoencoder.encode(nets, params, images), config)
        # The public code detaches the class posterior, so its class heads stay as they
        # were initialised.
        if as_coded:
            own = Gaussian(*stop_gradient(own))
        # At most as many groups as images: a static number for every batch.
        shared = Gaussian(*losses.accumulate_evidence(*own, group, len(group)))
        style_code = losses.gaussian_sample(style_key, *style)

        def nll_of(class_code: Array) -> Array:
            z = jnp.concatenate([style_code, class_code], axis=1)
            return autoencoder.reconstruction_nll(
                nets, params, z, images, state.hparams
            )

        members = Gaussian(shared.mean[group], shared.logvar[group])
        scale = state.hparams["noise_scale"]
        noise = losses.group_noise(
            *(class_key, group, len(group), config.class_latent),
            scale=scale,
            per=config.noise,
        )
        nll = nll_of(_sample(members, noise))
        swapped = jnp.zeros_like(nll)
        if config.swap:
            # The partner's own posterior: that of the group is equal for all members,
            # and swapping it would change nothing.
            alone = _sample(own, scale * jax.random.normal(swap_key, own.mean.shape))
            partner = losses.swap_partners(partner_key, group)
            swapped = losses.swap_reconstruction(nll_of(alone[partner]), partner)
        terms = _Terms(
            nll, losses.gaussian_kl(*style), losses.gaussian_kl(*shared), swapped
        )
        total = _total(terms, group, config, state.hparams)
        return total, _metrics(total, terms, group)

    init, update = autoencoder.train_together(nets, config, axis_name, loss)

    def encode(state: State, batch: Batch) -> dict[str, Code]:
        posterior = autoencoder.encode(nets, state.params, batch["image"])
        style, own = _split(posterior, config)
        return {"style": style, "class": own}

    def decode(state: State, codes: Mapping[str, Array]) -> Array:
        return autoencoder.decode(nets, state.params, points(codes, "style", "class"))

    return Method(
        "groups", init, update, encode, decode, code="class", by_parts=nets.by_parts
    )


def _numbered(group: Int[Array, " batch"]) -> Int[Array, " batch"]:
    """Renumbers groups by the position of their first member in the batch or shard."""
    # (batch, batch); argmax of booleans is the first True.
    return jnp.argmax(group[:, None] == group, axis=1)


class _Terms(NamedTuple):
    nll: Float[Array, " batch"]
    style_kl: Float[Array, " batch"]
    class_kl: Float[Array, " num_groups"]
    swapped: Float[Array, " batch"]


def _total(
    terms: _Terms, group: Array, config: Any, hparams: Mapping[str, Array]
) -> Array:
    nll = terms.nll + hparams["swap_weight"] * terms.swapped
    style_kl = hparams["style_beta"] * terms.style_kl
    class_kl = hparams["class_beta"] * terms.class_kl
    groups = losses.count_groups(group, len(class_kl))
    if config.mode == "as_coded":
        # Once for each member, so large groups are penalised more.
        average_group = (nll + style_kl + class_kl[group]).sum() / groups
    else:
        average_group = -losses.group_elbo(nll, style_kl, class_kl, group)
    if config.normaliser == "groups":
        return average_group
    # The public code takes the mean over all pixels of all images (batch * 784).
    values = len(nll) * math.prod(config.image_shape)
    return average_group * groups / values


def _metrics(total: Array, terms: _Terms, group: Array) -> MLVAEMetrics:
    groups = losses.count_groups(group, len(terms.class_kl))
    return MLVAEMetrics(
        total,
        terms.nll.mean(),
        terms.style_kl.mean(),
        terms.class_kl.sum() / groups,  # that of a group without members is 0
        terms.swapped.mean(),
        groups.astype(total.dtype),
    )


def _sample(posterior: Gaussian, noise: Array) -> Array:
    return posterior.mean + jnp.exp(0.5 * posterior.logvar) * noise


def _split(posterior: Gaussian, config: Any) -> tuple[Gaussian, Gaussian]:
    """Splits a posterior into the dimensions of the style and of the class."""
    style = config.network.latent - config.class_latent
    mean, logvar = posterior
    first = Gaussian(mean[:, :style], logvar[:, :style])
    return first, Gaussian(mean[:, style:], logvar[:, style:])


def _check(config: Any) -> None:
    check_choices(config, mode=MODES, noise=NOISES, normaliser=NORMALISERS)
    if not 0 < config.class_latent < config.network.latent:
        raise ValueError(
            f"class_latent is {config.class_latent} of the {config.network.latent} "
            "dimensions in network.latent; expected at least 1, and at least 1 less."
        )
