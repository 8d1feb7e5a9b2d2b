"""FactorVAE: a discriminator estimates the total correlation in the encoder's loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array

from dis_jax import losses, networks
from dis_jax.methods import autoencoder, optimiser
from dis_jax.methods.method import Batch, Method, State


class FactorVAEMetrics(NamedTuple):
    """Logged in every step: nats, averaged over the batch; accuracy is a fraction."""

    loss: Array
    reconstruction: Array
    kl: Array
    total_correlation: Array
    discriminator_loss: Array
    discriminator_accuracy: Array


def factor_vae(config: Any, axis_name: str | None = None) -> Method:
    """FactorVAE: KL + gamma TC, with TC from a discriminator trained alongside.

    The discriminator separates z ~ q(z) from the dimension-wise shuffled codes of a
    second, independent batch. Its loss receives the codes with stopped gradients. The TC
    term is backpropagated through the discriminator into the encoder, and does not train
    the discriminator.

    Eq.: Kim & Mnih 2018, (2)
    Eq.: Kim & Mnih 2018, Algorithm 2

    Args:
      config: `network`, `discriminator`, `image_shape`, `precision`, `optimiser`,
        `discriminator_optimiser` and `hparams` with `gamma`, `learning_rate`,
        `discriminator_learning_rate` and `clip_norm` (of the autoencoder).
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica shuffles the codes of its share of the batch.

    Returns:
      The method.
    """
    nets = autoencoder.make_networks(config)
    critic: Any = networks.Discriminator(
        tuple(config.discriminator.widths), dtype=jnp.dtype(config.precision)
    )
    vae_adam = optimiser.make(config.optimiser)
    critic_adam = optimiser.make(config.discriminator_optimiser)

    def init(key: Array, batch: Batch) -> State:
        vae_key, critic_key, run_key = jax.random.split(key, 3)
        vae = autoencoder.init_params(nets, vae_key, batch["image"])
        z = jnp.zeros((1, config.network.latent))
        discriminator = critic.init(critic_key, z)["params"]
        return State(
            step=jnp.zeros((), jnp.int32),
            key=run_key,
            params={**vae, "discriminator": discriminator},
            stats={},
            opt_state={
                "vae": vae_adam.init(vae),
                "discriminator": critic_adam.init(discriminator),
            },
            hparams=optimiser.scalars(config.hparams),
        )

    def update(state: State, batch: Batch) -> tuple[State, FactorVAEMetrics]:
        key = autoencoder.step_key(state, axis_name)
        hparams = state.hparams
        grads, metrics = jax.grad(_loss, has_aux=True)(
            state.params, nets, critic, key, batch, hparams
        )
        grads, metrics = optimiser.average((grads, metrics), axis_name)
        # Both optimisers start from the same parameters: neither uses the other's step.
        vae_grads, critic_grads = _split(grads)
        vae_params, critic_params = _split(state.params)
        vae_params, vae_opt = vae_adam.step(
            vae_grads,
            state.opt_state["vae"],
            vae_params,
            learning_rate=hparams["learning_rate"],
            clip_norm=hparams["clip_norm"],
        )
        critic_params, critic_opt = critic_adam.step(
            critic_grads,
            state.opt_state["discriminator"],
            critic_params,
            learning_rate=hparams["discriminator_learning_rate"],
        )
        state = state._replace(
            step=state.step + 1,
            params={**vae_params, "discriminator": critic_params},
            opt_state={"vae": vae_opt, "discriminator": critic_opt},
        )
        return state, metrics

    return Method("two_batches", init, update, **autoencoder.coders(nets))


def _loss(
    params: Any,
    nets: autoencoder.Networks,
    critic: Any,
    key: Array,
    batch: Batch,
    hparams: Mapping[str, Array],
) -> tuple[Array, FactorVAEMetrics]:
    """Sum of two losses with disjoint gradients, for one backward pass."""
    vae_key, second_key, permute_key = jax.random.split(key, 3)
    terms = autoencoder.evidence_terms(nets, params, vae_key, batch["image"], hparams)
    frozen = stop_gradient(params)
    # A second batch (Algorithm 2), so that permuted codes are independent of `terms.z`.
    # It is encoded with frozen parameters: the discriminator must not train the
    # encoder, as it does in some public code.
    second = autoencoder.encode(nets, frozen, batch["image2"])
    z2 = losses.permute_dims(permute_key, losses.gaussian_sample(second_key, *second))

    def discriminate(discriminator: Any, z: Array) -> Array:
        return critic.apply({"params": discriminator}, z)

    # Gradient of TC: through a frozen discriminator into the encoder.
    tc_logits = discriminate(frozen["discriminator"], terms.z)
    tc = losses.density_ratio_tc(tc_logits).mean()
    vae_loss = terms.reconstruction + terms.kl + hparams["gamma"] * tc

    # Gradient of the discriminator: codes are fixed. The forward pass on `terms.z`
    # equals the one above, and XLA merges the two.
    joint = discriminate(params["discriminator"], stop_gradient(terms.z))
    permuted = discriminate(params["discriminator"], z2)
    critic_loss = losses.density_ratio_discriminator_loss(joint, permuted)
    accuracy = 0.5 * (
        jnp.mean(joint[:, 0] > joint[:, 1]) + jnp.mean(permuted[:, 0] < permuted[:, 1])
    )
    metrics = FactorVAEMetrics(
        vae_loss, terms.reconstruction, terms.kl, tc, critic_loss, accuracy
    )
    return vae_loss + critic_loss, metrics


def _split(tree: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The autoencoder's part of a tree by network name, and the discriminator's."""
    vae = {name: tree[name] for name in ("encoder", "decoder")}
    return vae, tree["discriminator"]
