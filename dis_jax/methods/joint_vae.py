"""JointVAE: continuous and categorical codes with capacity targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dis_jax import losses, networks
from dis_jax.methods import autoencoder
from dis_jax.methods.method import (
    Batch,
    Categorical,
    Code,
    Gaussian,
    Method,
    Metrics,
    State,
    points,
)


class JointVAEMetrics(NamedTuple):
    """Logged in every step: nats per image, averaged over the batch.

    Attributes:
      loss: the minimised objective.
      reconstruction: negative log-likelihood.
      continuous_kl: of the continuous codes.
      category_kl: of the category.
      continuous_capacity: target of `continuous_kl` in this step.
      category_capacity: target of `category_kl` in this step.
    """

    loss: Array
    reconstruction: Array
    continuous_kl: Array
    category_kl: Array
    continuous_capacity: Array
    category_capacity: Array


def joint_vae(config: Any, axis_name: str | None = None) -> Method:
    """JointVAE: the KL of both codes follows capacities that grow during training.

    Minimises

      mean_i [-log p(x_i | z_i, c_i)] + gamma_z |KL_z - C_z| + gamma_c |KL_c - C_c|,

    with KL divergences averaged over the batch, and c a relaxed draw. C_c stays at or
    below log(categories), the largest KL of a category. The encoder is that of a VAE
    with `latent` dimensions: the means of the last `categories` are the logits, and
    their variances are unused.

    Eq.: Dupont 2018, objective with both capacities

    Args:
      config: `network`; `categories`: the last `categories` of the `latent` dimensions are
        the category; `decoder_widths`, if the decoder's maps differ from the encoder's;
        `image_shape`, `precision`, `optimiser`; and `hparams` with `gamma_continuous`,
        `gamma_category`, `capacity_continuous` and `capacity_category` (nats, after
        `capacity_steps`), `temperature` of relaxed draws, `learning_rate` and
        `clip_norm`.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica penalises the KL divergences of its share of the batch.

    Returns:
      The method; its codes are `z` and `category`.

    Raises:
      ValueError: if the categories leave no continuous dimension, or are fewer than 2.
    """
    continuous = config.network.latent - config.categories
    if config.categories < 2 or continuous < 1:
        raise ValueError(
            f"categories is {config.categories} of the {config.network.latent} "
            "dimensions in network.latent; expected at least 2, and at least 1 less."
        )
    nets = autoencoder.make_networks(config)
    # Your own networks have their own widths.
    if isinstance(nets.decoder, networks.ConvDecoder) and config.get("decoder_widths"):
        decoder = nets.decoder.clone(widths=tuple(config.decoder_widths))
        nets = nets._replace(decoder=decoder)

    def codes_of(params: Any, images: Array) -> tuple[Gaussian, Categorical]:
        mean, logvar = autoencoder.encode(nets, params, images)
        z = Gaussian(mean[:, :continuous], logvar[:, :continuous])
        return z, Categorical(mean[:, continuous:])

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, Metrics]:
        hparams = state.hparams
        noise_key, category_key = jax.random.split(key)
        posterior, category = codes_of(params, batch["image"])
        z = losses.gaussian_sample(noise_key, *posterior)
        relaxed = losses.gumbel_softmax(
            category_key, category.logits, hparams["temperature"]
        )
        code = jnp.concatenate([z, relaxed], axis=1)
        nll = autoencoder.reconstruction_nll(
            nets, params, code, batch["image"], hparams
        ).mean()
        z_kl = losses.gaussian_kl(*posterior).mean()
        # Averaged before the penalty: capacities are for the batch, not for each image.
        uniform = jnp.zeros(config.categories)
        c_kl = losses.categorical_kl(category.logits, uniform).mean()
        z_capacity, c_capacity = _capacities(state, math.log(config.categories))
        total = nll + losses.capacity_penalty(
            z_kl, z_capacity, hparams["gamma_continuous"]
        )
        total += losses.capacity_penalty(c_kl, c_capacity, hparams["gamma_category"])
        return total, JointVAEMetrics(total, nll, z_kl, c_kl, z_capacity, c_capacity)

    def encode(state: State, batch: Batch) -> dict[str, Code]:
        z, category = codes_of(state.params, batch["image"])
        return {"z": z, "category": category}

    def decode(state: State, codes: Mapping[str, Array]) -> Array:
        return autoencoder.decode(nets, state.params, points(codes, "z", "category"))

    init, update = autoencoder.train_together(nets, config, axis_name, loss)
    return Method(
        "images", init, update, encode, decode, code="z", by_parts=nets.by_parts
    )


def _capacities(state: State, most: float) -> tuple[Array, Array]:
    """Targets of the two divergences in this step; `most` caps the second."""
    hparams = state.hparams
    grown = autoencoder.grown(state, "capacity_steps")
    # A KL from a uniform prior is at most log K; logits would diverge towards a larger
    # target.
    category = jnp.minimum(hparams["capacity_category"] * grown, most)
    return hparams["capacity_continuous"] * grown, category
