"""InfoGAN, with an optional learned class prior and the terms of Elastic-InfoGAN."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array

from dis_jax.methods import autoencoder, infogan_terms, optimiser
from dis_jax.methods.method import (
    Batch,
    Categorical,
    Code,
    Gaussian,
    Method,
    State,
    points,
)
from dis_jax.methods.pair_information import init_networks, make_metrics

CRITIC = ("trunk", "discriminator")
RATES = {
    "discriminator": "discriminator_learning_rate",
    "generator": "learning_rate",
    "prior": "prior_learning_rate",
}


def infogan(config: Any, axis_name: str | None = None) -> Method:
    """InfoGAN: a generator whose codes can be predicted from its images.

    A step first updates trunk and discriminator, then generator, Q and a learned prior,
    against the updated discriminator:

      min_{G, Q, p} max_D  V_GAN(D, G) - l1 (E[log Q(c|x)] + H(c)) + elastic terms,

    with the non-saturating loss for G. The information bound and the elastic terms also
    train the trunk, which Q shares with the discriminator. Elastic terms compare real
    images x with transformed copies x': l2 d(Q(c|x), Q(c|x')), l3 (H(Q(c|x)) +
    H(Q(c|x'))), and NT-Xent of Q's features.

    Both halves of a step use one generated batch. The networks update batch statistics
    in this order: generator; trunk on real, transformed, generated, and again, with its
    new parameters, on generated images; Q on real, transformed, generated images. Elastic
    terms use the trunk before its update.

    Eq.: Chen et al. 2016, (6)
    Eq.: Ojha et al. 2019, L_final

    Args:
      config: `network` with `noise`, `categories`, `continuous` (sizes of the codes),
        `hidden`, `code_hidden`, `widths`, `spectral_norm` and `form`, see
        `networks.Generator`, `ImageTrunk` and `CodeHead`; `prior`, "uniform", "given"
        (as `prior_probabilities`) or "learned"; `elastic`, the terms to add,
        some of "transformation", "entropy" and "contrastive"; `distance` of the first;
        `prior_information_gradient`, whether the codes and H(c) in the information
        bound train a learned prior, or only the generated images do;
        `as_coded`, whether only the adversarial loss trains the trunk and Q's target is
        the hard argmax of the code, as in the public code; `batch_statistics`,
        whether `encode` and `decode` normalise by their own batch; `image_shape`,
        `precision`, `optimiser`; and `hparams` with `learning_rate` (of generator and
        Q), `discriminator_learning_rate`, `prior_learning_rate`, `clip_norm` (of each
        half), `information_weight`, `continuous_weight`, `transformation_weight`,
        `entropy_weight`, `contrastive_weight`, `contrastive_temperature` and
        `temperature` (of relaxed codes).
      axis_name: the mapped axis over which gradients, batch statistics and metrics are
        averaged; each replica normalises and contrasts within its share of the batch.

    Returns:
      The method; its codes are `category` and, if there are any, `continuous`.
      `decode` generates from them, with the same noise in every call unless `noise` is
      among the codes.

    Raises:
      ValueError: if a field has an unknown value.
    """
    infogan_terms.check(config)
    modules = infogan_terms.make_modules(config)
    learned = ("prior",) if config.prior == "learned" else ()
    groups = {"discriminator": CRITIC, "generator": ("generator", "category")}
    groups |= {name: (name,) for name in learned}
    adam = optimiser.make(config.optimiser)

    def init(key: Array, batch: Batch) -> State:
        init_key, run_key = jax.random.split(key)
        inputs = infogan_terms.example_inputs(config, batch)
        params, stats = init_networks(init_key, modules, inputs)
        for name in learned:
            # Equal logits: a learned prior starts uniform.
            params[name] = {"logits": jnp.zeros(config.network.categories, jnp.float32)}
        return State(
            step=jnp.zeros((), jnp.int32),
            key=run_key,
            params=params,
            stats=stats,
            opt_state={
                g: adam.init(_some(params, names)) for g, names in groups.items()
            },
            hparams=optimiser.scalars(config.hparams),
        )

    def move(state: State, group: str, grads: Mapping[str, Any]) -> State:
        moved, opt = adam.step(
            _some(grads, groups[group]),
            state.opt_state[group],
            _some(state.params, groups[group]),
            learning_rate=state.hparams[RATES[group]],
            clip_norm=None if group == "prior" else state.hparams["clip_norm"],
        )
        return state._replace(
            params={**state.params, **moved},
            opt_state={**state.opt_state, group: opt},
        )

    def update(state: State, batch: Batch) -> tuple[State, Any]:
        key = autoencoder.step_key(state, axis_name)
        parts = _parts(modules, config, state)
        made = _make(parts, key, len(batch["image"]))
        grads, (stats, critic) = _critic_gradients(parts, made, batch)
        # Q is updated in the second half. Its elastic gradient is kept until then, and
        # averaged over replicas there.
        elastic = grads["category"]
        grads, critic = optimiser.average((grads, critic), axis_name)
        state = move(state, "discriminator", grads)

        # The generator's loss uses the updated discriminator.
        parts = parts._replace(params=state.params, stats=stats)
        grads, (stats, maker) = _maker_gradients(parts, made, elastic)
        grads, stats, maker = optimiser.average((grads, stats, maker), axis_name)
        for group in ("generator", *learned):
            state = move(state, group, grads)
        metrics = _metrics(config, state, critic, maker)
        return state._replace(step=state.step + 1, stats=stats), metrics

    encode = functools.partial(_encode, modules, config)
    decode = functools.partial(_decode, modules, config)
    batch = "augmented" if config.elastic else "images"
    return Method(batch, init, update, encode, decode, code="category")


class _Made(NamedTuple):
    """A generated batch: images, their codes, and the generator's backward pass."""

    images: Array
    code: Array
    continuous: Array
    stats: dict[str, Any]
    pull_back: Callable[..., tuple[dict[str, Any]]]


def _make(parts: infogan_terms.Parts, key: Array, rows: int) -> _Made:
    """Generates the batch for both halves of a step: the only call of the generator."""

    def generate(params: Any) -> tuple[Any, Any]:
        own = parts._replace(params=params, stats=dict(parts.stats))
        images, code, continuous = infogan_terms.generate(own, key, rows)
        return (images, code), (continuous, own.stats)

    # `vjp` keeps the forward pass: the gradient in the images is available only after
    # the update of the discriminator, and the generator need not run again.
    makers = {n: parts.params[n] for n in ("generator", "prior") if n in parts.params}
    (images, code), pull_back, (continuous, stats) = jax.vjp(
        generate, makers, has_aux=True
    )
    return _Made(images, code, continuous, stats, pull_back)


def _critic_gradients(parts: infogan_terms.Parts, made: _Made, batch: Batch) -> Any:
    """Gradients of trunk and discriminator, and of the elastic terms in Q."""
    return jax.grad(infogan_terms.critic_loss, has_aux=True)(
        _some(parts.params, (*CRITIC, "category")),
        parts._replace(stats=made.stats),
        batch,
        stop_gradient(made.images),
        (stop_gradient(made.code), made.continuous),
    )


def _maker_gradients(parts: infogan_terms.Parts, made: _Made, elastic: Any) -> Any:
    """Gradients of generator, Q and a learned prior."""
    names = [name for name in ("category", "prior") if name in parts.params]
    inputs = {"images": made.images, "code": made.code, **_some(parts.params, names)}
    grads, aux = jax.grad(infogan_terms.generator_loss, has_aux=True)(
        inputs, parts, made.continuous
    )
    # Backpropagates into the generator and, through relaxed codes, into the prior. The
    # entropy in the bound may also give the prior a gradient: the sum is taken.
    (pulled,) = made.pull_back((grads.pop("images"), grads.pop("code")))
    return _sum(grads, pulled, {"category": elastic}), aux


def _encode(
    modules: Mapping[str, Any], config: Any, state: State, batch: Batch
) -> dict[str, Code]:
    parts = _parts(modules, config, state)
    train = config.batch_statistics
    features = parts.call("trunk", batch["image"], train=train)
    estimate = parts.call("category", features, train=train)
    codes: dict[str, Code] = {"category": Categorical(estimate.logits)}
    if config.network.continuous:
        codes["continuous"] = Gaussian(estimate.mean, estimate.logvar)
    return codes


def _decode(
    modules: Mapping[str, Any], config: Any, state: State, codes: Mapping[str, Array]
) -> Array:
    names = ("category", "continuous") if config.network.continuous else ("category",)
    given = points(codes, *names)
    noise = codes.get("noise")
    if noise is None:
        noise = jax.random.normal(jax.random.key(0), (len(given), config.network.noise))
    parts = _parts(modules, config, state)
    together = jnp.concatenate([noise, given], axis=1)
    return parts.call("generator", together, train=config.batch_statistics)


def _parts(
    modules: Mapping[str, Any], config: Any, state: State
) -> infogan_terms.Parts:
    return infogan_terms.Parts(
        config, modules, state.params, dict(state.stats), state.hparams
    )


def _metrics(
    config: Any, state: State, critic: infogan_terms.Terms, made: infogan_terms.Terms
) -> Any:
    """Logged values; `loss` is the full objective of generator, Q and prior."""
    hparams = state.hparams
    loss = made["generator_loss"]
    loss -= hparams["information_weight"] * made["information"]
    if "continuous_information" in made:
        loss -= hparams["continuous_weight"] * made["continuous_information"]
    for name in infogan_terms.ELASTIC:
        if name in critic:
            loss += hparams[f"{name}_weight"] * critic[name]
    terms = {"loss": loss, **made, **critic}
    if config.prior == "learned":
        prior = jax.nn.softmax(state.params["prior"]["logits"])
        terms |= {f"prior_{i}": p for i, p in enumerate(prior)}
        terms["temperature"] = hparams["temperature"]
    return make_metrics(terms)


def _some(tree: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: tree[name] for name in names}


def _sum(*trees: Mapping[str, Any]) -> dict[str, Any]:
    """Sum of gradients by network."""
    total: dict[str, Any] = {}
    for tree in trees:
        for name, grads in tree.items():
            known = total.get(name)
            total[name] = (
                grads if known is None else jax.tree.map(jnp.add, known, grads)
            )
    return total
