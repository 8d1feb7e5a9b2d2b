"""Shared parts of SDIM and EDIM: views, information estimates, heads on codes.

Networks are named `<role>_x` and `<role>_y`, one for each view, or `<role>` where the
views share weights (`config.share_weights`). A head predicts one attribute from a code:
`head_shared_x_digit`. The networks update batch statistics in the order x, y:
encoders first, then heads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from dis_jax import data, losses, networks
from dis_jax.methods import autoencoder, optimiser
from dis_jax.methods.method import (
    Batch,
    Categorical,
    Code,
    Metrics,
    State,
    check_choices,
    metrics_class,
)

SIDES = ("x", "y")
PAIRS = ("views", "attribute_pairs")
ESTIMATORS = ("jensen_shannon", "donsker_varadhan", "nwj", "info_nce")
NEGATIVES = ("roll", "permute")
Encoded = tuple[Array, Array]  # feature map (batch, height, width, features) and vector


class Head(NamedTuple):
    """A classifier of one attribute from one code.

    Attributes:
      name: of its network.
      code: its input, such as `shared_x`.
      attribute: the attribute that it predicts.
      field: the field of a batch with the labels, without the suffix of the side.
      column: of that field.
      classes: number of values of the attribute.
    """

    name: str
    code: str
    attribute: str
    field: str
    column: int
    classes: int

    @property
    def module(self) -> Any:
        """The network."""
        return networks.AttributeHead(self.classes)

    def labels(self, batch: Batch) -> Array:
        """The labels of the view that the code belongs to; unknown = -1."""
        values = batch[f"{self.field}_{self.code[-1]}"]
        return values.reshape(len(values), -1)[:, self.column]


class Optimisers(NamedTuple):
    """The networks that each optimiser trains, and their learning rates.

    Attributes:
      networks: names of networks by name of the optimiser; others are frozen.
      rates: the hyperparameter that is the learning rate of each.
    """

    networks: Mapping[str, tuple[str, ...]]
    rates: Mapping[str, str]


def check(config: Any) -> None:
    """Raises a ValueError if a field of both methods has an unknown value."""
    check_choices(config, pairs=PAIRS, estimator=ESTIMATORS, negatives=NEGATIVES)


def names(role: str, config: Any) -> dict[str, str]:
    """Name of the network with this role, by side."""
    return {side: role if config.share_weights else f"{role}_{side}" for side in SIDES}


def make_modules(encoders: Mapping[str, int], config: Any) -> dict[str, Any]:
    """Makes encoders of given code sizes, and both statistics networks, by name."""
    dtype = jnp.dtype(config.precision)
    made: dict[str, Any] = {}
    for role, latent in encoders.items():
        encoder = networks.MapEncoder(latent, tuple(config.network.widths), dtype)
        made |= dict.fromkeys(names(role, config).values(), encoder)
    widths = tuple(config.network.statistics)
    local = networks.LocalStatistics(widths, dtype)
    whole = networks.GlobalStatistics(config.network.grid, widths, dtype)
    made |= dict.fromkeys(names("local", config).values(), local)
    return made | dict.fromkeys(names("global", config).values(), whole)


def make_heads(config: Any, codes: tuple[str, ...]) -> tuple[Head, ...]:
    """Makes the heads that `config.heads` names and `config.attributes` describes.

    Raises:
      ValueError: if there is no such code or attribute.
    """
    made = []
    for code, attributes in config.heads.items():
        if code not in codes:
            raise ValueError(f"heads has {code!r}; expected some of {codes}.")
        for attribute in attributes:
            if attribute not in config.attributes:
                raise ValueError(
                    f"heads.{code} has {attribute!r}; config.attributes describes "
                    f"{', '.join(config.attributes)}."
                )
            about = config.attributes[attribute]
            made.append(
                Head(f"head_{code}_{attribute}", code, attribute, **dict(about))
            )
    return tuple(made)


def init_networks(
    key: Array, modules: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Initial parameters and batch statistics of all networks for inputs like these."""
    params, stats = {}, {}
    for i, (name, module) in enumerate(modules.items()):
        # fold_in, not split: one more network leaves the draws of the others unchanged.
        variables = module.init(jax.random.fold_in(key, i), *inputs[name])
        params[name] = variables["params"]
        if "batch_stats" in variables:
            stats[name] = variables["batch_stats"]
    return params, stats


def apply_norm(
    module: Any, params: Any, stats: Any, x: Array, *, train: bool
) -> tuple[Any, Any]:
    """Applies a network with batch normalisation; returns output and new statistics."""
    variables = {"params": params, "batch_stats": stats}
    if not train:
        return module.apply(variables, x, train=False), stats
    out, changed = module.apply(variables, x, train=True, mutable=["batch_stats"])
    return out, changed["batch_stats"]


def encode_views(
    role: str,
    modules: Mapping[str, Any],
    params: Mapping[str, Any],
    stats: dict[str, Any],
    batch: Batch,
    config: Any,
    *,
    train: bool,
) -> dict[str, Encoded]:
    """Map and vector of each side; in training, `stats` receives the new statistics."""
    encoded = {}
    for side, name in names(role, config).items():
        encoded[side], stats[name] = apply_norm(
            modules[name], params[name], stats[name], batch[side], train=train
        )
    return encoded


def negatives(config: Any, key: Array) -> Callable[[Array], Array]:
    """The function that replaces each row of a batch by another row."""
    if config.negatives == "roll":
        return losses.roll_negatives
    return functools.partial(losses.permute_negatives, key)


def information(
    module: Any,
    params: Any,
    feature_map: Array,
    vector: Array,
    config: Any,
    shuffle: Callable[[Array], Array],
) -> Float[Array, ""]:
    """Estimated information, nats, between maps and vectors of the same row.

    Negatives replace the map and keep the vector; InfoNCE uses all maps of the batch.
    """

    def score(pair_with: Callable[[Array], Array]) -> Array:
        return module.apply({"params": params}, feature_map, vector, pair_with)

    if config.estimator == "info_nce":
        # Scores are (maps, vectors, *positions); after the swap, row i has the scores of
        # vector i with all maps of the batch.
        return losses.info_nce(jnp.swapaxes(score(lambda maps: maps[:, None]), 0, 1))
    # One call on (2, batch, ...): the network's first layer processes each map once.
    joint, marginal = score(lambda maps: jnp.stack([maps, shuffle(maps)]))
    return getattr(losses, config.estimator)(joint, marginal)


def global_and_local(
    modules: Mapping[str, Any],
    params: Mapping[str, Any],
    critic_inputs: Mapping[str, Encoded],
    config: Any,
    shuffle: Callable[[Array], Array],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Global and local information of (map, vector) of each side, summed over sides."""

    def total(role: str) -> Array:
        found = [
            information(
                modules[name], params[name], *critic_inputs[side], config, shuffle
            )
            for side, name in names(role, config).items()
        ]
        return found[0] + found[1]

    return total("global"), total("local")


def read_heads(
    heads: tuple[Head, ...],
    params: Mapping[str, Any],
    stats: dict[str, Any],
    codes: Mapping[str, Array],
    batch: Batch,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Cross-entropy of all heads, nats, and the accuracy of each on known labels.

    No gradient reaches the codes. `stats` receives the new statistics.
    """
    total, accuracies = jnp.zeros(()), {}
    for head in heads:
        code = stop_gradient(codes[head.code])
        logits, stats[head.name] = apply_norm(
            head.module, params[head.name], stats[head.name], code, train=True
        )
        # Unknown labels (-1) are set to class 0 for the cross-entropy, then masked. The
        # loss of a batch without known labels is 0, not 0 / 0.
        labels = head.labels(batch)
        known = labels >= 0
        count = jnp.maximum(known.sum(), 1)
        entropy = optax.softmax_cross_entropy_with_integer_labels(
            logits, jnp.maximum(labels, 0)
        )
        total += jnp.where(known, entropy, 0.0).sum() / count
        right = known & (logits.argmax(axis=1) == labels)
        accuracies[f"{head.code}_{head.attribute}"] = right.sum() / count
    return total, accuracies


def make_update(
    optimisers: Optimisers,
    loss: Callable[..., tuple[Array, tuple[dict[str, Any], Metrics]]],
    config: Any,
    axis_name: str | None,
) -> Callable[[State, Batch], tuple[State, Metrics]]:
    """`update` of a method with a sum of losses, each for one optimiser's networks.

    Args:
      optimisers: the trained networks and their learning rates.
      loss: `(params, stats, key, batch, hparams) -> (scalar, (new stats, metrics))`; the
        new statistics are those of the trained networks.
      config: `optimiser`.
      axis_name: the mapped axis over which gradients, batch statistics and metrics are
        averaged; each replica normalises within its share of the batch.

    Returns:
      The function.
    """
    adam = optimiser.make(config.optimiser)
    trained = [name for found in optimisers.networks.values() for name in found]

    def update(state: State, batch: Batch) -> tuple[State, Metrics]:
        key = autoencoder.step_key(state, axis_name)

        def total(moving: dict[str, Any]) -> tuple[Array, Any]:
            params = {**state.params, **moving}
            return loss(params, state.stats, key, batch, state.hparams)

        # Differentiate in trained networks only: frozen ones need no backward pass.
        moving = {name: state.params[name] for name in trained}
        grads, (stats, metrics) = jax.grad(total, has_aux=True)(moving)
        grads, stats, metrics = optimiser.average((grads, stats, metrics), axis_name)
        params, opt_state = dict(state.params), {}
        for group, members in optimisers.networks.items():
            clip = state.hparams["clip_norm"] if group == "encoders" else None
            moved, opt_state[group] = adam.step(
                {name: grads[name] for name in members},
                state.opt_state[group],
                {name: params[name] for name in members},
                learning_rate=state.hparams[optimisers.rates[group]],
                clip_norm=clip,
            )
            params |= moved
        state = state._replace(
            step=state.step + 1,
            params=params,
            stats={**state.stats, **stats},
            opt_state=opt_state,
        )
        return state, metrics

    return update


def new_state(
    key: Array,
    params: dict[str, Any],
    stats: dict[str, Any],
    optimisers: Optimisers,
    config: Any,
) -> State:
    """The state before the first step."""
    adam = optimiser.make(config.optimiser)
    return State(
        step=jnp.zeros((), jnp.int32),
        key=key,
        params=params,
        stats=stats,
        opt_state={
            group: adam.init({name: params[name] for name in members})
            for group, members in optimisers.networks.items()
        },
        hparams=optimiser.scalars(config.hparams),
    )


def encode_image(
    roles: tuple[str, ...],
    modules: Mapping[str, Any],
    heads: tuple[Head, ...],
    config: Any,
    state: State,
    image: Array,
) -> dict[str, Code]:
    """Codes of images by the encoders of x and of y, and predictions of the heads.

    With `config.batch_statistics` the images are normalised by their own batch.
    """
    train = config.batch_statistics
    codes: dict[str, Any] = {}
    for role in roles:
        for side, name in names(role, config).items():
            # Encoders of coloured views get grey images as three equal channels.
            kernel = state.params[name]["convolution_1"]["kernel"]
            views = data.coloured(image) if kernel.shape[2] == 3 else image
            (_, codes[f"{role}_{side}"]), _ = apply_norm(
                modules[name], state.params[name], state.stats[name], views, train=train
            )
    said: dict[str, Code] = {}
    for head in heads:
        logits, _ = apply_norm(
            head.module,
            state.params[head.name],
            state.stats[head.name],
            codes[head.code],
            train=train,
        )
        said[f"{head.code}_{head.attribute}"] = Categorical(logits)
    return {**codes, **said}


def make_metrics(terms: Mapping[str, Array]) -> Metrics:
    """Terms as a NamedTuple, in their order."""
    return metrics_class(tuple(terms))(**terms)
