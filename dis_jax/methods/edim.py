"""EDIM: exclusive codes of two views, given their shared codes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from dis_jax import losses, networks
from dis_jax.methods import pair_information as pairs
from dis_jax.methods.method import Batch, Code, Method, Metrics, State

_CODES = ("shared_x", "shared_y", "exclusive_x", "exclusive_y")


def edim(config: Any, axis_name: str | None = None) -> Method:
    """EDIM: exclusive codes complete the shared ones and are independent of them.

    The encoders of the shared codes S come from SDIM and stay frozen, in inference mode.
    With M_x both feature maps of x, and R_x = (S_y, E_x) (`crossed`, as in the public
    code) or (S_x, E_x) (as in the paper), the exclusive encoders minimise

      -alpha (G(M_x, R_x) + G(M_y, R_y)) - beta (L(M_x, R_x) + L(M_y, R_y))
        + lambda (softplus(-D_x(R_x)) + softplus(-D_y(R_y)))

    while each discriminator D separates (shuffled S, E), label 1, from R, label 0. Each
    of the three groups of networks makes one gradient step, on the same codes. The loss of
    the discriminators is not scaled by lambda: Adam would undo the scale.

    Eq.: Sanchez et al. 2020, (8)

    Args:
      config: as for `sdim`, without `switched` and `gamma`; and `network.exclusive`, the
        size of the exclusive codes, `network.discriminator`, hidden widths, `crossed`,
        and `hparams` with `lambda_adversarial` and `discriminator_learning_rate`.
        `init_from` names the SDIM run and the networks that are taken from it.
      axis_name: as for `sdim`.

    Returns:
      The method; its codes are `exclusive_x`, `exclusive_y`, `shared_x`, `shared_y`, and
      the logits of each head, such as `exclusive_x_colour`.

    Raises:
      ValueError: if a field has an unknown value.
    """
    pairs.check(config)
    if not config.init_from.workdir:
        logging.warning("edim without init_from.workdir: shared encoders are random.")
    modules = _make_modules(config)
    heads = pairs.make_heads(config, _CODES)
    optimisers = _optimisers(modules, heads, config)

    def init(key: Array, batch: Batch) -> State:
        init_key, run_key = jax.random.split(key)
        parts = _inputs(modules, heads, config, init_key, batch)
        every = {**modules, **{head.name: head.module for head in heads}}
        params, stats = pairs.init_networks(init_key, every, parts)
        return pairs.new_state(run_key, params, stats, optimisers, config)

    def loss(
        params: Any, stats: Any, key: Array, batch: Batch, hparams: Any
    ) -> tuple[Array, tuple[Any, Metrics]]:
        stats = dict(stats)
        encoded = _encode(modules, params, stats, batch, config)
        shared, exclusive, critic_inputs = _critic_inputs(
            encoded, crossed=config.crossed
        )
        # One shuffle for all: with "permute" every call gives the same permutation.
        shuffle = pairs.negatives(config, key)
        of_maps, of_positions = pairs.global_and_local(
            modules, params, critic_inputs, config, shuffle
        )
        fooling, found, accuracy = _adversaries(
            modules, params, shared, exclusive, config, shuffle
        )
        total = -hparams["alpha"] * of_maps - hparams["beta"] * of_positions
        total += hparams["lambda_adversarial"] * fooling
        codes = _vectors(encoded)
        head_loss, accuracies = pairs.read_heads(heads, params, stats, codes, batch)
        terms = {
            "loss": total,
            "global_information": of_maps,
            "local_information": of_positions,
            "adversarial_loss": fooling,
            "discriminator_loss": found,
            "discriminator_accuracy": accuracy,
            "head_loss": head_loss,
            **accuracies,
        }
        # Gradients are stopped such that each of the three losses reaches only its own
        # networks: one backward pass of the sum is enough for three optimisers.
        return total + found + head_loss, (stats, pairs.make_metrics(terms))

    def encode(state: State, batch: Batch) -> dict[str, Code]:
        return pairs.encode_image(
            ("exclusive", "shared"), modules, heads, config, state, batch["image"]
        )

    update = pairs.make_update(optimisers, loss, config, axis_name)
    return Method(config.pairs, init, update, encode, None, code="exclusive_x")


def _make_modules(config: Any) -> dict[str, Any]:
    """Encoders, statistics networks and discriminators by network name."""
    sizes = {"shared": config.network.shared, "exclusive": config.network.exclusive}
    critic = networks.CodeDiscriminator(
        tuple(config.network.discriminator), jnp.dtype(config.precision)
    )
    critics = pairs.names("discriminator", config).values()
    return pairs.make_modules(sizes, config) | dict.fromkeys(critics, critic)


def _optimisers(modules: Any, heads: Any, config: Any) -> pairs.Optimisers:
    critics = tuple(dict.fromkeys(pairs.names("discriminator", config).values()))
    apart = {*critics, *pairs.names("shared", config).values()}
    return pairs.Optimisers(
        {
            "encoders": tuple(name for name in modules if name not in apart),
            "discriminators": critics,
            "heads": tuple(head.name for head in heads),
        },
        {
            "encoders": "learning_rate",
            "discriminators": "discriminator_learning_rate",
            "heads": "head_learning_rate",
        },
    )


def _encode(
    modules: Any, params: Any, stats: dict[str, Any], batch: Batch, config: Any
) -> dict[str, dict[str, pairs.Encoded]]:
    """Maps and vectors by role and side; drops frozen networks from `stats`."""
    encoded = {
        role: pairs.encode_views(
            role, modules, params, stats, batch, config, train=role != "shared"
        )
        for role in ("shared", "exclusive")
    }
    # Returned statistics are averaged over replicas; the state keeps frozen ones as is.
    for name in pairs.names("shared", config).values():
        stats.pop(name, None)
    return encoded | {"shared": stop_gradient(encoded["shared"])}


def _vectors(encoded: dict[str, dict[str, pairs.Encoded]]) -> dict[str, Array]:
    """The codes by name."""
    return {
        f"{role}_{side}": vector
        for role, views in encoded.items()
        for side, (_, vector) in views.items()
    }


def _critic_inputs(
    encoded: dict[str, dict[str, pairs.Encoded]], *, crossed: bool
) -> tuple[dict[str, Array], dict[str, Array], dict[str, pairs.Encoded]]:
    """Shared and exclusive parts of each side's R, and the pairs (M, R) to score."""
    shared, exclusive, critic_inputs = {}, {}, {}
    for side, other in (("x", "y"), ("y", "x")):
        # R_x = (S_y, E_x) in the public code, (S_x, E_x) in the paper's (8).
        shared[side] = encoded["shared"][other if crossed else side][1]
        exclusive[side] = encoded["exclusive"][side][1]
        maps = [encoded[role][side][0] for role in ("shared", "exclusive")]
        critic_inputs[side] = (
            jnp.concatenate(maps, axis=-1),
            jnp.concatenate([shared[side], exclusive[side]], axis=1),
        )
    return shared, exclusive, critic_inputs


def _adversaries(
    modules: Any, params: Any, shared: Any, exclusive: Any, config: Any, shuffle: Any
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Adversarial loss of the encoders; loss and accuracy of the discriminators."""

    def logits(name: str, d: Any, s: Array, e: Array) -> Array:
        return modules[name].apply({"params": d}, jnp.concatenate([s, e], axis=1))

    fooling = found = right = jnp.zeros(())
    for side, name in pairs.names("discriminator", config).items():
        s, e, d = shared[side], exclusive[side], params[name]
        # A frozen D: this trains the exclusive encoder to make R look independent (1).
        fooling += losses.generator_loss(logits(name, stop_gradient(d), s, e))
        # Frozen codes: this trains D alone.
        joint = logits(name, d, s, stop_gradient(e))
        apart = logits(name, d, shuffle(s), stop_gradient(e))
        found += losses.discriminator_loss(apart, joint)
        # Two sides and two classes, a quarter each.
        right += 0.25 * ((apart > 0).mean() + (joint < 0).mean())
    return fooling, found, right


def _inputs(
    modules: Any, heads: Any, config: Any, key: Array, batch: Batch
) -> dict[str, tuple[Any, ...]]:
    """An input of each network, of the right shape; its values do not matter."""
    inputs: dict[str, tuple[Any, ...]] = {}
    encoded: dict[str, dict[str, pairs.Encoded]] = {}
    for role in ("shared", "exclusive"):
        encoded[role] = {}
        for side, name in pairs.names(role, config).items():
            inputs[name] = (batch[side], True)
            encoded[role][side], _ = modules[name].init_with_output(key, *inputs[name])
    _, _, critic_inputs = _critic_inputs(encoded, crossed=config.crossed)
    for side in pairs.SIDES:
        for role in ("local", "global"):
            inputs[pairs.names(role, config)[side]] = critic_inputs[side]
        inputs[pairs.names("discriminator", config)[side]] = critic_inputs[side][1:]
    codes = _vectors(encoded)
    return inputs | {head.name: (codes[head.code], True) for head in heads}
