"""Tripod: quantised codes, little shared information, little interaction in the decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from absl import logging
from jaxtyping import Array

from dis_jax import losses, networks
from dis_jax.methods import autoencoder
from dis_jax.methods.method import Batch, Code, Method, State, points


class TripodMetrics(NamedTuple):
    """Logged in every step, averaged over the batch.

    Attributes:
      loss: the minimised objective, nats.
      reconstruction: negative log-likelihood, nats.
      multi_information: estimated with kernels, nats.
      hessian: normalised Hessian penalty, summed over the decoder's hidden layers.
    """

    loss: Array
    reconstruction: Array
    multi_information: Array
    hessian: Array


def tripod(config: Any, axis_name: str | None = None) -> Method:
    """Tripod: finite scalar quantisation, multi-information, normalised Hessian penalty.

    Minimises `mean_i [-log p(x_i | q_i)] + P (multi_information I(q) + hessian H)`, with
    q the tanh of the encoder's means, rounded to `num_values` values; I the
    multi-information of the batch, estimated with kernels; and H the normalised Hessian
    penalty of the decoder's hidden layers. P, the number of values of an image, makes the
    weights those of the paper, whose likelihood is a mean over pixels. The encoder is that
    of a VAE; its log-variances are unused.

    As in the public code, the bandwidths are Silverman's for the joint density, and the
    standard deviations of the dimensions for the marginals.

    Eq.: Hsu et al. 2024, Tripod

    Args:
      config: `network`, `num_values` of each dimension, `num_perturbations` of the Hessian
        penalty, `image_shape`, `precision`, `optimiser` and `hparams` with
        `multi_information`, `hessian`, `perturbation` (length of a second difference, in
        standard deviations), `learning_rate` and `clip_norm`. The activations of the
        decoder need second derivatives: "mlp" networks have tanh, "conv" networks ReLU.
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica estimates information and spread of its share of the batch.

    Returns:
      The method; its code `z` is quantised.
    """
    nets = autoencoder.make_networks(config)
    if isinstance(nets.decoder, networks.ConvDecoder):
        logging.warning(
            "tripod: the Hessian penalty needs second derivatives, and the ReLU of 'conv' "
            "networks has none; use 'mlp' or your own networks (network.name)"
        )
    # Second differences divide rounding errors by perturbation²: never in half precision.
    exact = nets
    if hasattr(nets.decoder, "dtype"):
        dtype = jnp.promote_types(nets.decoder.dtype or jnp.float32, jnp.float32)
        exact = nets._replace(decoder=nets.decoder.clone(dtype=dtype))

    def codes_of(params: Any, images: Array) -> tuple[Array, Array]:
        z = jnp.tanh(autoencoder.encode(nets, params, images).mean)
        return z, losses.finite_scalar_quantisation(z, config.num_values)

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, TripodMetrics]:
        hparams = state.hparams
        z, quantised = codes_of(params, batch["image"])
        nll = autoencoder.reconstruction_nll(
            nets, params, quantised, batch["image"], hparams
        )
        reconstruction = nll.mean()
        # Inside the root, because its slope at a dimension without variance is infinite.
        spread = jnp.sqrt(z.var(axis=0) + 1e-12)
        information = losses.kernel_multi_information(
            quantised, losses.silverman_bandwidths(spread, len(z)), spread
        )
        hessian = losses.normalised_hessian_penalty(
            *(key, lambda z: autoencoder.activations(exact, params, z)),
            *(quantised, spread),
            num_perturbations=config.num_perturbations,
            step=hparams["perturbation"],
        ).mean()
        total = reconstruction + math.prod(config.image_shape) * (
            hparams["multi_information"] * information + hparams["hessian"] * hessian
        )
        return total, TripodMetrics(total, reconstruction, information, hessian)

    def encode(state: State, batch: Batch) -> dict[str, Code]:
        return {"z": codes_of(state.params, batch["image"])[1]}

    def decode(state: State, codes: Mapping[str, Array]) -> Array:
        return autoencoder.decode(nets, state.params, points(codes, "z"))

    init, update = autoencoder.train_together(nets, config, axis_name, loss)
    return Method(
        "images", init, update, encode, decode, code="z", by_parts=nets.by_parts
    )
