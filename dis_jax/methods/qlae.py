"""QLAE: an autoencoder whose code has few values per dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array

from dis_jax import losses
from dis_jax.methods import autoencoder
from dis_jax.methods.method import Batch, Code, Method, State, points


class QLAEMetrics(NamedTuple):
    """Logged in every step, averaged over the batch.

    Attributes:
      loss: the minimised objective, nats.
      reconstruction: negative log-likelihood, nats.
      quantisation: squared distance of codes from their quantised values.
    """

    loss: Array
    reconstruction: Array
    quantisation: Array


def qlae(config: Any, axis_name: str | None = None) -> Method:
    """QLAE: each dimension takes a value of its own codebook, under weight decay.

    Minimises `mean_i [-log p(x_i | q_i) + P/L (quantise Σ_j (sg(z_ij) - q_ij)² + commit
    Σ_j (z_ij - sg(q_ij))²)]`, with z the encoder's means and q the nearest values of the
    codebooks, with a straight-through gradient of the likelihood. P/L, the number of values
    of an image over the number of dimensions, makes the weights those of the paper, whose
    losses are means over pixels and dimensions. Weight decay applies to the kernels of
    both networks. The encoder is that of a VAE; its log-variances are unused.

    Eq.: Hsu et al. 2023, Section 3

    Args:
      config: `network`, `num_values` of each dimension, `image_shape`, `precision`,
        `optimiser` and `hparams` with `quantise`, `commit`, `weight_decay`,
        `learning_rate` and `clip_norm`.
      axis_name: the mapped axis over which gradients and metrics are averaged.

    Returns:
      The method; its code `z` is quantised.
    """
    nets = autoencoder.make_networks(config)
    latent = config.network.latent
    per_dimension = math.prod(config.image_shape) / latent

    def codes_of(params: Any, images: Array) -> tuple[Array, Array]:
        z = autoencoder.encode(nets, params, images).mean
        return z, losses.latent_quantisation(z, params["codebook"]["values"])

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, QLAEMetrics]:
        del key  # nothing is drawn
        hparams = state.hparams
        z, quantised = codes_of(params, batch["image"])
        taken = losses.straight_through(z, quantised)
        nll = autoencoder.reconstruction_nll(
            nets, params, taken, batch["image"], hparams
        ).mean()
        quantise, commit = (
            term.mean() for term in losses.quantisation_losses(z, quantised)
        )
        distances = hparams["quantise"] * quantise + hparams["commit"] * commit
        total = nll + per_dimension * distances
        return total, QLAEMetrics(total, nll, commit)

    def encode(state: State, batch: Batch) -> dict[str, Code]:
        return {"z": codes_of(state.params, batch["image"])[1]}

    def decode(state: State, codes: Mapping[str, Array]) -> Array:
        return autoencoder.decode(nets, state.params, points(codes, "z"))

    values = jnp.tile(
        jnp.linspace(-0.5, 0.5, config.num_values, dtype=jnp.float32), (latent, 1)
    )
    init, update = autoencoder.train_together(
        nets, config, axis_name, loss, more={"codebook": {"values": values}}
    )
    return Method(
        "images", init, update, encode, decode, code="z", by_parts=nets.by_parts
    )
