"""Shared parts of the methods with a variational autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax import compiler, losses, networks
from dis_jax.methods import likelihoods, optimiser, own_networks
from dis_jax.methods.method import Batch, Gaussian, Metrics, State, points
from dis_jax.pixels import refuse_integers

Loss = Callable[[Any, Array, Batch, State], tuple[Array, Metrics]]


class Networks(NamedTuple):
    """Networks of an autoencoder, and the likelihood of its output.

    Attributes:
      encoder: images -> mean and log-variance, a Flax module.
      decoder: latents -> parameters of the likelihood, a Flax module.
      likelihood: of images.
    """

    encoder: Any
    decoder: Any
    likelihood: likelihoods.Likelihood

    @property
    def by_parts(self) -> bool:
        """Whether a CPU computes both for parts of a batch, see `compiler.parts`.

        A user's networks may use batch statistics, and so depend on the whole batch.
        """
        convolutional = networks.ConvEncoder, networks.ConvDecoder
        return (type(self.encoder), type(self.decoder)) == convolutional


class Terms(NamedTuple):
    """Terms of the evidence lower bound, and the posterior and sample that they use.

    Attributes:
      reconstruction: mean negative log-likelihood of an image, in nats.
      kl: mean KL divergence of a posterior from the prior, in nats.
      posterior: of each image.
      z: a sample of each posterior.
    """

    reconstruction: Float[Array, ""]
    kl: Float[Array, ""]
    posterior: Gaussian
    z: Float[Array, "batch latent"]


def make_networks(config: Any) -> Networks:
    """Makes encoder and decoder from `config.network` and `config.image_shape`.

    Args:
      config: `network`, whose `name` is "conv", "mlp" or `my_module:my_networks`, a
        function `(config, output_shape) -> (encoder, decoder)`; `image_shape`,
        `precision`, and `likelihood`, see `likelihoods.make`.

    Returns:
      The networks.

    Raises:
      ValueError: if a name is unknown, or a user's networks do not fit.
    """
    likelihood = likelihoods.make(config)
    *size, channels = config.image_shape
    shape = (*size, likelihood.outputs(channels))
    options = dict(config.network)  # a copy: `pop` must not change the config
    name = options.pop("name")
    if name not in ("conv", "mlp"):
        return Networks(*own_networks.make(name, config, shape), likelihood)
    options["dtype"] = jnp.dtype(config.precision)
    latent = options.pop("latent")
    options["initialiser"] = options.pop("init", "xavier")
    if name == "conv":
        if "widths" in options:
            options["widths"] = tuple(options["widths"])
        return Networks(
            networks.ConvEncoder(latent, **options),
            networks.ConvDecoder(shape, **options),
            likelihood,
        )
    encoder, decoder = options.pop("encoder"), options.pop("decoder")
    return Networks(
        networks.MLPEncoder(latent, tuple(encoder), **options),
        networks.MLPDecoder(shape, tuple(decoder), **options),
        likelihood,
    )


def init_params(nets: Networks, key: Array, images: Array) -> dict[str, Any]:
    """Parameters of both networks for batches like `images`."""
    encoder_key, decoder_key = jax.random.split(key)
    (mean, _), encoder = nets.encoder.init_with_output(encoder_key, images)
    decoder = nets.decoder.init(decoder_key, mean)
    return {"encoder": encoder["params"], "decoder": decoder["params"]}


def _apply(
    nets: Networks, name: str, params: Mapping[str, Any], batch: Array, **options: Any
) -> Any:
    """Applies a network to a batch; returns its output, and what it sows if asked."""
    network, variables = getattr(nets, name), {"params": params[name]}
    parts = compiler.parts(len(batch)) if nets.by_parts else 1
    if parts == 1:
        return network.apply(variables, batch, **options)
    found = [
        network.apply(variables, part, **options)
        for part in jnp.array_split(batch, parts)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *found)


def encode(nets: Networks, params: Mapping[str, Any], images: Array) -> Gaussian:
    """Posterior q(z | x) of images in [0, 1]."""
    refuse_integers("images", images)
    return Gaussian(*_apply(nets, "encoder", params, images))


def reconstruction_nll(
    nets: Networks,
    params: Mapping[str, Any],
    z: Array,
    images: Array,
    hparams: Mapping[str, Array],
) -> Float[Array, " batch"]:
    """Negative log-likelihood of images given latents.

    Args:
      nets: the autoencoder.
      params: of its networks.
      z: (batch, latent).
      images: (batch, height, width, channels).
      hparams: those of the likelihood.

    Returns:
      (batch,), in nats per image: summed over pixels and channels.
    """
    output = _apply(nets, "decoder", params, z)
    return nets.likelihood.nll(output, images, hparams)


def activations(nets: Networks, params: Mapping[str, Any], z: Array) -> Any:
    """Hidden activations that the decoder sows, or its output if it sows nothing."""
    if not isinstance(nets.decoder, nn.Module):
        return _apply(nets, "decoder", params, z)  # nnx has no `sow` of this kind
    output, sown = _apply(nets, "decoder", params, z, mutable=["intermediates"])
    return sown.get("intermediates") or output


def decode(nets: Networks, params: Mapping[str, Any], z: Array) -> Array:
    """Mean images of latents, in [0, 1]."""
    return nets.likelihood.mean(_apply(nets, "decoder", params, z))


def evidence_terms(
    nets: Networks,
    params: Mapping[str, Any],
    key: Array,
    images: Array,
    hparams: Mapping[str, Array],
) -> Terms:
    """Encodes, samples, decodes: reconstruction and KL in nats, batch averages."""
    posterior = encode(nets, params, images)
    z = losses.gaussian_sample(key, *posterior)
    return Terms(
        reconstruction_nll(nets, params, z, images, hparams).mean(),
        losses.gaussian_kl(*posterior).mean(),
        posterior,
        z,
    )


def coders(nets: Networks) -> dict[str, Any]:
    """`encode`, `decode`, `code`, `by_parts` of a `Method` with one Gaussian code `z`."""

    def encode_batch(state: State, batch: Batch) -> dict[str, Gaussian]:
        return {"z": encode(nets, state.params, batch["image"])}

    def decode_codes(state: State, codes: Mapping[str, Array]) -> Array:
        return decode(nets, state.params, points(codes, "z"))

    return {
        "encode": encode_batch,
        "decode": decode_codes,
        "code": "z",
        "by_parts": nets.by_parts,
    }


def train_together(
    nets: Networks,
    config: Any,
    axis_name: str | None,
    loss: Loss,
    image: str = "image",
    more: Mapping[str, Any] | None = None,
) -> tuple[Callable[..., State], Callable[..., tuple[State, Metrics]]]:
    """`init` and `update` of a method whose two networks share one loss and one Adam.

    Args:
      nets: the autoencoder.
      config: `optimiser` and `hparams` with `learning_rate`, `clip_norm` and, for
        decoupled decay of the networks' kernels, `weight_decay`.
      axis_name: the mapped axis over which gradients and metrics are averaged.
      loss: `(params, key, batch, state) -> (scalar, metrics)`.
      image: the field of a batch that contains the images to encode.
      more: further parameters by name, with their initial values.

    Returns:
      `init` and `update`.
    """
    adam = optimiser.make(config.optimiser)

    def init(key: Array, batch: Batch) -> State:
        # The run gets its own key: its noise must not repeat the initial draws.
        init_key, run_key = jax.random.split(key)
        params = init_params(nets, init_key, batch[image]) | dict(more or {})
        return State(
            step=jnp.zeros((), jnp.int32),
            key=run_key,
            params=params,
            stats={},
            opt_state={"vae": adam.init(params)},
            hparams=optimiser.scalars(config.hparams),
        )

    def update(state: State, batch: Batch) -> tuple[State, Metrics]:
        key = step_key(state, axis_name)
        grads, metrics = jax.grad(loss, has_aux=True)(state.params, key, batch, state)
        # Averaged before clipping, so that all replicas clip the same global gradient.
        grads, metrics = optimiser.average((grads, metrics), axis_name)
        params, opt = adam.step(
            grads,
            state.opt_state["vae"],
            state.params,
            learning_rate=state.hparams["learning_rate"],
            clip_norm=state.hparams["clip_norm"],
            weight_decay=_decay(state),
        )
        state = state._replace(
            step=state.step + 1, params=params, opt_state={"vae": opt}
        )
        return state, metrics

    return init, update


def _decay(state: State) -> Any:
    """The weight decay of each parameter, or None if the method has none."""
    if "weight_decay" not in state.hparams:
        return None
    decay = state.hparams["weight_decay"]
    none = jnp.zeros_like(decay)
    # Biases have one axis; a decay of biases, or of a codebook, would only shift codes.
    return {
        name: jax.tree.map(
            lambda leaf, network=name in ("encoder", "decoder"): (
                decay if network and leaf.ndim > 1 else none
            ),
            tree,
        )
        for name, tree in state.params.items()
    }


def grown(state: State, name: str) -> Array:
    """The share, 0 to 1, of a linear increase over as many steps as a hyperparameter has.

    The first step has a share of 0; 0 steps mean no increase, always 1.
    """
    steps = state.hparams[name]
    return jnp.where(steps > 0, jnp.minimum(1.0, state.step / jnp.maximum(1, steps)), 1)


def step_key(state: State, axis_name: str | None) -> Array:
    """The key of this step, and of this replica if there are several."""
    # Not a chain of splits: step t depends on (key, t) alone, so a resumed run draws
    # the same noise, bit for bit.
    key = jax.random.fold_in(state.key, state.step)
    if axis_name is None:
        return key
    # Replicas have equal keys; without their index all would draw the same noise.
    return jax.random.fold_in(key, jax.lax.axis_index(axis_name))
