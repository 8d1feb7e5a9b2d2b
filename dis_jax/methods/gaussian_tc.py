"""VAE with a Gaussian in place of the aggregate posterior, so TC is in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Float

from dis_jax import losses, networks
from dis_jax.methods import autoencoder, optimiser
from dis_jax.methods.method import Batch, Gaussian, Method, State, check_choices

PENALTIES = ("tc", "kl")


class GaussianTCMetrics(NamedTuple):
    """Logged in every step: nats; the last is the NLL of codes under N(m, S)."""

    loss: Array
    reconstruction: Array
    kl: Array
    total_correlation: Array
    aggregate_kl: Array
    moments_nll: Array


class Moments(NamedTuple):
    """Mean and covariance of the Gaussian in place of the aggregate posterior."""

    mean: Float[Array, " latent"]
    covariance: Float[Array, "latent latent"]


def gaussian_tc(config: Any, axis_name: str | None = None) -> Method:
    """Gaussian TC: KL + gamma TC(N(m, S)), where N(m, S) approximates q(z).

    FactorVAE's penalty in closed form, under the assumption that the aggregate posterior
    is a Gaussian. Its moments are those of the batch; or moving averages, with the gradient
    of the batch's moments; or predicted from the batch by a small network. The network is
    trained on the likelihood of the codes. The penalty is backpropagated through the
    network into the encoder and does not train the network, as in FactorVAE.

    Eq.: Swain & Mahajan 2022, Section 3.3

    Args:
      config: as for `vae`, and `moments` ("batch", "moving" or "network"), `penalty`
        ("tc", or "kl" for KL(N(m, S) || N(0, I))), `moments_network.widths`, and
        `hparams` with `gamma`, `decay` (of the moving averages) and
        `moments_learning_rate` (of the network).
      axis_name: the mapped axis over which gradients and metrics are averaged; each
        replica computes the moments of its share of the batch.

    Returns:
      The method.

    Raises:
      ValueError: if `config.moments` or `config.penalty` is unknown.
    """
    check_choices(config, moments=SOURCES, penalty=PENALTIES)
    nets = autoencoder.make_networks(config)
    source = SOURCES[config.moments](config)
    adam = optimiser.make(config.optimiser)

    def init(key: Array, batch: Batch) -> State:
        vae_key, moments_key, run_key = jax.random.split(key, 3)
        vae = autoencoder.init_params(nets, vae_key, batch["image"])
        moments = source.init_params(moments_key)
        return State(
            step=jnp.zeros((), jnp.int32),
            key=run_key,
            params={**vae, **moments},
            stats=source.init_stats(),
            opt_state={
                "vae": adam.init(vae),
                **{name: adam.init(part) for name, part in moments.items()},
            },
            hparams=optimiser.scalars(config.hparams),
        )

    def loss(
        params: Any, key: Array, batch: Batch, state: State
    ) -> tuple[Array, tuple[GaussianTCMetrics, Moments]]:
        terms = autoencoder.evidence_terms(
            nets, params, key, batch["image"], state.hparams
        )
        # The penalty trains the encoder through a frozen moments network.
        moments = source.of(stop_gradient(params), terms.posterior, state)
        tc = losses.gaussian_total_correlation(moments.covariance)
        kl = losses.gaussian_kl_to_standard_normal(*moments)
        penalty = tc if config.penalty == "tc" else kl
        vae_loss = terms.reconstruction + terms.kl + state.hparams["gamma"] * penalty
        # The other direction: fixed codes train the moments network.
        fixed = jax.tree.map(stop_gradient, terms.posterior)
        fitted = source.of(params, fixed, state)
        nll = losses.multivariate_normal_nll(stop_gradient(terms.z), *fitted).mean()
        metrics = GaussianTCMetrics(
            vae_loss, terms.reconstruction, terms.kl, tc, kl, nll
        )
        total = vae_loss + nll if "moments" in params else vae_loss
        return total, (metrics, _aggregate(fixed))

    def update(state: State, batch: Batch) -> tuple[State, GaussianTCMetrics]:
        key = autoencoder.step_key(state, axis_name)
        found = jax.grad(loss, has_aux=True)(state.params, key, batch, state)
        # Moments are averaged over the replicas, so that all keep the same statistics.
        grads, (metrics, seen) = optimiser.average(found, axis_name)
        rate = {"vae": "learning_rate", "moments": "moments_learning_rate"}
        params, opt_state = {}, {}
        for name, opt in state.opt_state.items():
            new, opt_state[name] = adam.step(
                _part(grads, name),
                opt,
                _part(state.params, name),
                learning_rate=state.hparams[rate[name]],
                clip_norm=state.hparams["clip_norm"] if name == "vae" else None,
            )
            params |= new if name == "vae" else {name: new}
        state = state._replace(
            step=state.step + 1,
            params=params,
            stats=source.next_stats(state, seen),
            opt_state=opt_state,
        )
        return state, metrics

    return Method("images", init, update, **autoencoder.coders(nets))


def _no_params(key: Array) -> dict[str, Any]:
    del key
    return {}


def _kept_stats(state: State, seen: Moments) -> dict[str, Any]:
    del seen
    return state.stats


class _Source(NamedTuple):
    """A source of the moments of N(m, S), with its parameters and statistics."""

    of: Callable[[Any, Gaussian, State], Moments]  # of params, codes and state
    init_params: Callable[[Array], dict[str, Any]] = _no_params
    init_stats: Callable[[], dict[str, Any]] = dict
    next_stats: Callable[[State, Moments], dict[str, Any]] = _kept_stats


def _batch_moments(config: Any) -> _Source:
    del config
    return _Source(lambda params, codes, state: _aggregate(codes))


def _moving_moments(config: Any) -> _Source:
    latent = config.network.latent

    def of(params: Any, codes: Gaussian, state: State) -> Moments:
        del params
        batch = _aggregate(codes)
        # Value of the moving average, gradient of the batch's moments: through the
        # average alone the gradient would shrink by the factor 1 - decay.
        return jax.tree.map(
            lambda b, m: b + stop_gradient(m - b), batch, _moved(state, batch)
        )

    return _Source(
        of,
        init_stats=lambda: {
            "moments": Moments(jnp.zeros(latent), jnp.eye(latent))._asdict()
        },
        next_stats=lambda state, seen: {"moments": _moved(state, seen)._asdict()},
    )


def _network_moments(config: Any) -> _Source:
    predictor: Any = networks.MomentsNetwork(
        tuple(config.moments_network.widths), dtype=jnp.dtype(config.precision)
    )
    z = jnp.zeros((1, config.network.latent))
    return _Source(
        lambda params, codes, state: Moments(
            *predictor.apply({"params": params["moments"]}, *codes)
        ),
        init_params=lambda key: {"moments": predictor.init(key, z, z)["params"]},
    )


SOURCES = {
    "batch": _batch_moments,
    "moving": _moving_moments,
    "network": _network_moments,
}


def _aggregate(codes: Gaussian) -> Moments:
    return Moments(*losses.aggregate_gaussian(*codes))


def _moved(state: State, batch: Moments) -> Moments:
    decay = state.hparams["decay"]
    old = Moments(**state.stats["moments"])
    return jax.tree.map(lambda o, b: decay * o + (1 - decay) * b, old, batch)


def _part(tree: dict[str, Any], name: str) -> Any:
    """Leaves of one optimiser: both networks of the autoencoder, or the moments network."""
    if name == "vae":
        return {network: tree[network] for network in ("encoder", "decoder")}
    return tree[name]
