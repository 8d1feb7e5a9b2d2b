"""Parts of InfoGAN: networks, draws of codes, and the losses of both halves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from dis_jax import losses, networks
from dis_jax.methods.method import Batch, check_choices
from dis_jax.methods.pair_information import apply_norm

PRIORS = ("uniform", "given", "learned")
ELASTIC = ("transformation", "entropy", "contrastive")
DISTANCES = ("squared", "symmetric_kl", "cosine")
Terms = dict[str, Float[Array, ""]]


class Parts(NamedTuple):
    """Networks, parameters and settings of a step.

    Attributes:
      config: of the method.
      modules: networks by name.
      params: parameters of the networks, and logits of a learned prior.
      stats: batch statistics of the networks; `call` updates this dict in place.
      hparams: scalars.
    """

    config: Any
    modules: Mapping[str, Any]
    params: Mapping[str, Any]
    stats: dict[str, Any]
    hparams: Mapping[str, Array]

    def call(self, name: str, x: Array, *, train: bool = True) -> Any:
        """Applies a network; in training, stores its new statistics in `stats`."""
        module, params = self.modules[name], self.params[name]
        if name not in self.stats:
            return module.apply({"params": params}, x, train=train)
        out, self.stats[name] = apply_norm(
            module, params, self.stats[name], x, train=train
        )
        return out


def check(config: Any) -> None:
    """Raises a ValueError if a field has an unknown value."""
    check_choices(config, prior=PRIORS, distance=DISTANCES)
    unknown = sorted(set(config.elastic) - set(ELASTIC))
    if unknown:
        raise ValueError(f"elastic has {unknown}; expected some of {ELASTIC}.")
    if config.prior != "given":
        return
    given, count = tuple(config.prior_probabilities), config.network.categories
    if len(given) != count or min(given) < 0 or abs(sum(given) - 1) > 1e-4:
        raise ValueError(
            f"prior_probabilities are {given}; expected {count} probabilities that sum "
            "to 1, one for each of network.categories."
        )
    if config.get("population", {}).get("class_counts"):
        raise ValueError(
            'population.class_counts differ, but prior "given" is the same for all '
            "members; train the members separately."
        )


def make_modules(config: Any) -> dict[str, Any]:
    """Makes the four networks that `config.network` and `config.image_shape` describe."""
    net, dtype = config.network, jnp.dtype(config.precision)
    maps = {"widths": tuple(net.widths), "form": net.form, "dtype": dtype}
    spectral = {"spectral_norm": net.spectral_norm}
    return {
        "generator": networks.Generator(tuple(config.image_shape), net.hidden, **maps),
        "trunk": networks.ImageTrunk(net.hidden, **maps, **spectral),
        "discriminator": networks.RealHead(**spectral, dtype=dtype),
        "category": networks.CodeHead(
            net.categories, net.continuous, net.code_hidden, dtype
        ),
    }


def example_inputs(config: Any, batch: Batch) -> dict[str, tuple[Any, ...]]:
    """An input of each network."""
    net, rows = config.network, len(batch["image"])
    features = jnp.zeros((rows, net.hidden)), True
    return {
        "generator": (
            jnp.zeros((rows, net.noise + net.categories + net.continuous)),
            True,
        ),
        "trunk": (batch["image"], True),
        "discriminator": features,
        "category": features,
    }


def prior_logits(config: Any, params: Mapping[str, Any]) -> Float[Array, " category"]:
    """Log-probabilities of the categories, up to a constant; -inf for an excluded one."""
    if config.prior == "learned":
        return params["prior"]["logits"]
    if config.prior == "given":
        return jnp.log(jnp.asarray(config.prior_probabilities, jnp.float32))
    return jnp.zeros(config.network.categories)


def generate(parts: Parts, key: Array, rows: int) -> tuple[Array, Array, Array]:
    """Generates images in training mode; returns them, their category, continuous codes.

    A category is one-hot, or relaxed where the prior is learned, so that its gradient
    reaches the prior.
    """
    config = parts.config
    noise_key, category_key, continuous_key = jax.random.split(key, 3)
    logits = prior_logits(config, parts.params)
    # A fixed prior needs no gradient: its draws are one-hot.
    category = losses.gumbel_softmax(
        category_key,
        jnp.broadcast_to(logits, (rows, len(logits))),
        parts.hparams["temperature"],
        hard=config.prior != "learned",
    )
    noise = jax.random.normal(noise_key, (rows, config.network.noise))
    shape = rows, config.network.continuous
    continuous = jax.random.uniform(continuous_key, shape, minval=-1.0)
    codes = jnp.concatenate([noise, category, continuous], axis=1)
    return parts.call("generator", codes), category, continuous


def information(
    parts: Parts,
    estimate: networks.CodeEstimate,
    category: Array,
    continuous: Array,
) -> tuple[Float[Array, ""], Terms]:
    """Weighted sum of the negative information bounds, and the bound of each kind, nats."""
    config, hparams = parts.config, parts.hparams
    if config.as_coded:
        # The public code's target; argmax also cuts the gradient to the prior.
        category = jax.nn.one_hot(category.argmax(axis=1), category.shape[1])
    logits = prior_logits(config, parts.params)
    if not config.prior_information_gradient:
        # Otherwise the bound itself moves the prior: E[log Q] towards codes that Q
        # predicts well, H(c) towards uniform.
        category, logits = stop_gradient((category, logits))
    bound = losses.info_lower_bound(estimate.logits, category, logits)
    total, terms = -hparams["information_weight"] * bound, {"information": bound}
    if continuous.shape[1]:
        variance = jnp.exp(estimate.logvar)
        nll = losses.gaussian_nll(estimate.mean, continuous, variance).mean()
        # The same bound E[log q] + H(c); a code from U(-1, 1) has entropy log 2.
        entropy = continuous.shape[1] * jnp.log(2.0)
        terms["continuous_information"] = entropy - nll
        total -= hparams["continuous_weight"] * (entropy - nll)
    return total, terms


def elastic(
    parts: Parts, first: networks.CodeEstimate, second: networks.CodeEstimate
) -> tuple[Float[Array, ""], Terms]:
    """Weighted sum of the terms that compare images and transformed copies."""
    config, hparams = parts.config, parts.hparams
    terms: Terms = {}
    if "transformation" in config.elastic:
        terms["transformation"] = losses.transformation_distance(
            first.logits, second.logits, kind=config.distance
        ).mean()
    if "entropy" in config.elastic:
        # (2, batch, category): H(Q(c|x)) + H(Q(c|x')), summed over the two.
        both = jnp.stack([first.logits, second.logits])
        terms["entropy"] = losses.categorical_entropy(both).sum(axis=0).mean()
    if "contrastive" in config.elastic:
        temperature = hparams["contrastive_temperature"]
        terms["contrastive"] = losses.nt_xent(
            first.features, second.features, temperature
        )
    total = jnp.zeros(())
    for name, term in terms.items():
        total += hparams[f"{name}_weight"] * term
    return total, terms


def critic_loss(
    trained: Mapping[str, Any],
    parts: Parts,
    batch: Batch,
    fake: Array,
    codes: tuple[Array, Array],
) -> tuple[Float[Array, ""], tuple[dict[str, Any], Terms]]:
    """Loss of trunk and discriminator; only the elastic terms reach Q.

    Args:
      trained: parameters of trunk, discriminator and Q.
      parts: all other inputs.
      batch: `image`, and `transformed` where there are elastic terms.
      fake: generated images, through which no gradient flows.
      codes: the category and the continuous codes of the generated images.

    Returns:
      The loss, the new statistics, and the logged terms.
    """
    parts = parts._replace(params={**parts.params, **trained}, stats=dict(parts.stats))
    config = parts.config
    # The order of calls is the order in which batch statistics are updated. Real and
    # generated images are separate calls, each normalised by its own batch.
    real = parts.call("trunk", batch["image"])
    copies = parts.call("trunk", batch["transformed"]) if config.elastic else real
    made = parts.call("trunk", fake)
    logits = [parts.call("discriminator", features) for features in (real, made)]
    total = losses.discriminator_loss(*logits)
    accuracy = 0.5 * (jnp.mean(logits[0] > 0) + jnp.mean(logits[1] < 0))
    terms = {"discriminator_loss": total, "discriminator_accuracy": accuracy}
    if not config.as_coded:
        # Information trains the trunk too. Q is frozen: it gets this gradient in the
        # other half. The copy of `stats` leaves Q's statistics unchanged.
        frozen = parts._replace(
            params={**parts.params, "category": stop_gradient(trained["category"])},
            stats=dict(parts.stats),
        )
        total += information(frozen, frozen.call("category", made), *codes)[0]
    if config.elastic:
        if config.as_coded:
            # In the public code elastic terms do not train the trunk.
            real, copies = stop_gradient((real, copies))
        estimates = [parts.call("category", features) for features in (real, copies)]
        penalty, elastic_terms = elastic(parts, *estimates)
        total, terms = total + penalty, terms | elastic_terms
    return total, (parts.stats, terms)


def generator_loss(
    trained: Mapping[str, Any],
    parts: Parts,
    continuous: Array,
) -> tuple[Float[Array, ""], tuple[dict[str, Any], Terms]]:
    """Loss of the generator, Q and a learned prior, without the elastic terms.

    Args:
      trained: the generated `images` and their `code`, through which gradients reach
        generator and prior; parameters of Q, and of a learned prior.
      parts: all other inputs.
      continuous: the continuous codes of the generated images.

    Returns:
      The loss, the new statistics, and the logged terms.
    """
    params = {name: p for name, p in trained.items() if name in parts.params}
    parts = parts._replace(params={**parts.params, **params}, stats=dict(parts.stats))
    # Trunk and discriminator are constants here: they are not among `trained`.
    features = parts.call("trunk", trained["images"])
    adversarial = losses.generator_loss(parts.call("discriminator", features))
    estimate = parts.call("category", features)
    penalty, terms = information(parts, estimate, trained["code"], continuous)
    total = adversarial + penalty
    return total, (parts.stats, {"generator_loss": adversarial, **terms})
