"""Critics that are trained to estimate a known mutual information."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from dis_jax import losses

INFORMATION = (0.0, 0.5, 2.0, 5.0, 10.0)  # nats
BATCHES = (16, 64, 256, 1024)
TRAIN = {"batch_size": 128, "steps": 4000, "learning_rate": 1e-3}
HELD_OUT = 32_768  # pairs, in batches of each size
DECAY, CLIP = 0.99, 5.0  # of MINE's moving average; of SMILE's scores


def _pairwise(
    estimate: Callable[..., Array], shift: float = 0.0
) -> Callable[..., Array]:
    """Applies an estimator to the joint and marginal scores of a score matrix."""
    return lambda matrix: estimate(*losses.all_pairs_scores(matrix + shift))


# estimators that are applied to a trained critic's score matrix, by its training objective
READINGS = {
    "info_nce": {"info_nce": losses.info_nce},
    "nwj": {"nwj": _pairwise(losses.nwj)},
    "donsker_varadhan": {"donsker_varadhan": _pairwise(losses.donsker_varadhan)},
    "mine": {"mine": _pairwise(losses.donsker_varadhan)},
    "jensen_shannon": {
        # its optimal scores are log p(x, y) / (p(x) p(y)); NWJ's are larger by 1
        "nwj of jensen_shannon": _pairwise(losses.nwj, shift=1.0),
        "smile of jensen_shannon": _pairwise(
            functools.partial(losses.smile, clip=CLIP)
        ),
    },
}


class Critic(nn.Module):
    """T(x, y) = f(x) . g(y) for all pairs of a batch; arcsinh shortens the tails."""

    @nn.compact
    def __call__(self, x: Array, y: Array) -> Array:
        f, g = (
            nn.Dense(32)(nn.relu(nn.Dense(64)(nn.relu(nn.Dense(64)(jnp.arcsinh(z))))))
            for z in (x, y)
        )
        return f @ g.T


def correlation(information: Array, dim: int) -> Array:
    """Correlation rho per dimension for I(x; y) = -dim/2 log(1 - rho^2) nats."""
    return jnp.sqrt(-jnp.expm1(-2 * information / dim))


def draw(
    key: Array, information: Array, count: int, dim: int, cubed: Array | bool = False
) -> tuple[Array, Array]:
    """Samples pairs; cubing y changes its marginals but not the mutual information."""
    x, noise = jax.random.normal(key, (2, count, dim))
    rho = correlation(information, dim)
    y = rho * x + jnp.sqrt(1 - rho**2) * noise
    return x, jnp.where(cubed, y**3 / jnp.sqrt(15.0), y)


def _train(
    name: str, key: Array, information: Array, dim: int, cubed: Array | bool
) -> Any:
    init_key, key = jax.random.split(key)
    network = Critic()
    params = network.init(init_key, *2 * [jnp.zeros((2, dim))])
    schedule = optax.cosine_decay_schedule(TRAIN["learning_rate"], TRAIN["steps"])
    # not clipped: the heavy tails of NWJ's and MINE's gradients keep the scores small
    rule = optax.adam(schedule)

    def loss(params: Any, key: Array, average: Array) -> tuple[Array, Array]:
        pairs = draw(key, information, TRAIN["batch_size"], dim, cubed)
        matrix: Any = network.apply(params, *pairs)
        if name == "info_nce":
            return -losses.info_nce(matrix), average
        joint, marginal = losses.all_pairs_scores(matrix)
        if name == "mine":
            value, average = losses.mine_surrogate(joint, marginal, average, DECAY)
            return -value, average
        return -getattr(losses, name)(joint, marginal), average

    def step(carry: Any, key: Array) -> tuple[Any, None]:
        params, opt, average = carry
        grads, average = jax.grad(loss, has_aux=True)(params, key, average)
        updates, opt = rule.update(grads, opt)
        return (optax.apply_updates(params, updates), opt, average), None

    carry = params, rule.init(params), jnp.zeros(())
    keys = jax.random.split(key, TRAIN["steps"])
    return jax.lax.scan(step, carry, keys)[0][0]


@functools.partial(jax.jit, static_argnums=(0, 2))
def trained(name: str, key: Array, dim: int, cubed: Array | bool) -> dict[str, Array]:
    """Estimates on held-out pairs: {"reading N": (information, batch)}.

    Args:
      name: the objective of the critics, one critic for each entry of `INFORMATION`.
      key: random key of training and held-out pairs.
      dim: dimensions of x and of y.
      cubed: whether the coordinates of y are cubed.
    """

    def one(key: Array, information: Array) -> dict[str, Array]:
        train_key, test_key = jax.random.split(key)
        params = _train(name, train_key, information, dim, cubed)
        found = {}
        for size in BATCHES:

            def read(key: Array, size: int = size) -> dict[str, Array]:
                pairs = draw(key, information, size, dim, cubed)
                matrix: Any = Critic().apply(params, *pairs)
                return {r: estimate(matrix) for r, estimate in READINGS[name].items()}

            keys = jax.random.split(
                jax.random.fold_in(test_key, size), HELD_OUT // size
            )
            made = jax.lax.map(read, keys)
            found |= {f"{reading} {size}": values for reading, values in made.items()}
        return found

    keys = jax.random.split(key, len(INFORMATION))
    return jax.vmap(one)(keys, jnp.asarray(INFORMATION))


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def exact(key: Array, information: float, size: int, batches: int) -> dict[str, Array]:
    """Estimates from the true log-ratio of one-dimensional x and y, one per batch."""
    rho = correlation(jnp.float32(information), 1)

    def log_ratio(x: Array, y: Array) -> Array:
        spread = 1 - rho**2
        return (y**2 - (y - rho * x) ** 2 / spread - jnp.log(spread)) / 2

    def one(key: Array) -> dict[str, Array]:
        joint_key, x_key, y_key = jax.random.split(key, 3)
        x, y = draw(joint_key, jnp.float32(information), size, 1)
        apart = (jax.random.normal(k, (size, 1)) for k in (x_key, y_key))
        joint, marginal = log_ratio(x, y)[:, 0], log_ratio(*apart)[:, 0]
        return {
            "nwj": losses.nwj(joint + 1, marginal + 1),
            "donsker_varadhan": losses.donsker_varadhan(joint, marginal),
        }

    return jax.lax.map(one, jax.random.split(key, batches), batch_size=256)
