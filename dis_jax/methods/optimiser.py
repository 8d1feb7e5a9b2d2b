"""Adam whose learning rate and clipping norm are arrays, and averages over replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

Tree = TypeVar("Tree")


class Adam(NamedTuple):
    """`init(params) -> opt_state` and `step(...) -> (params, opt_state)`."""

    init: Callable[[Any], Any]
    step: Callable[..., tuple[Any, Any]]


def make(options: Mapping[str, Any]) -> Adam:
    """Adam with static `b1`, `b2`, `eps`; its state is that of `optax.scale_by_adam`.

    Gradients are scaled by min(1, `clip_norm` / their norm). Weight decay is decoupled:
    p - rate (Adam's direction + decay p), as in Loshchilov & Hutter 2019 (AdamW).

    Learning rate and clipping norm are arguments of `step`, so that they can differ
    between the members of a population and between two runs of one program. `weight_decay`
    is an argument too: a tree of numbers with the structure of the parameters.
    """
    # No learning rate in the chain, where it would be compiled into the program.
    direction = optax.scale_by_adam(**options)

    def step(
        grads: Any,
        opt_state: Any,
        params: Any,
        *,
        learning_rate: Float[Array, ""],
        clip_norm: Float[Array, ""] | None = None,
        weight_decay: Any = None,
    ) -> tuple[Any, Any]:
        if clip_norm is not None:
            # At infinity (no clipping) the norm is not computed: it reads every gradient
            # and takes 4 % of a step of InfoGAN on a CPU.
            scale = jax.lax.cond(
                jnp.isinf(clip_norm),
                lambda: jnp.ones_like(clip_norm),
                lambda: jnp.minimum(1.0, clip_norm / optax.tree.norm(grads)).astype(
                    clip_norm.dtype
                ),
            )
            grads = jax.tree.map(lambda g: g * scale, grads)
        updates, opt_state = direction.update(grads, opt_state, params)
        if weight_decay is not None:
            # Decoupled (AdamW): added after Adam has scaled the gradient, not to it.
            updates = jax.tree.map(
                lambda u, p, decay: u + decay * p, updates, params, weight_decay
            )
        params = jax.tree.map(lambda p, u: p - learning_rate * u, params, updates)
        return params, opt_state

    return Adam(direction.init, step)


def scalars(hparams: Mapping[str, float]) -> dict[str, Float[Array, ""]]:
    """Hyperparameters as float32 arrays: a new value needs no new compilation.

    Args:
      hparams: numbers by name.

    Returns:
      Scalars, float32.

    Raises:
      ValueError: if one is a schedule, which `training.make_method` resolves.
    """
    if changing := [n for n, v in hparams.items() if hasattr(v, "items")]:
        raise ValueError(
            f"hparams.{changing[0]} is a schedule; training.make_method makes the method "
            "of a config that has one."
        )
    return {name: jnp.asarray(value, jnp.float32) for name, value in hparams.items()}


def average(tree: Tree, axis_name: str | None) -> Tree:
    """Mean over the replicas of a mapped axis; the tree itself if there is no axis."""
    return tree if axis_name is None else jax.lax.pmean(tree, axis_name)
