"""Fixtures of the tests of methods."""

import functools

import jax
import jax.numpy as jnp
import pytest

from tests import drawn


@pytest.fixture(scope="session")
def first_state():
    """`first_state(method, batch)`, whose weights are those of `drawn.weights`.

    JAX's draws take up to 10 s to compile, even for the small networks of the tests.
    """

    def begin(method, batch):
        def but_weights(key):
            return method.init(key, batch)._replace(params={})

        key = jax.random.key(0)
        shapes = jax.eval_shape(method.init, key, batch).params
        return jax.jit(but_weights)(key)._replace(params=drawn.weights(shapes))

    return begin


@pytest.fixture(scope="session")
def quantised_step(tiny_config):
    """Makes a step of a method with quantised codes: states, metrics, networks and more."""
    from dis_jax import data, training
    from dis_jax.methods import autoencoder, optimiser

    images, _ = data.load("rendered_dsprites").take(jnp.arange(16) * 40_009)

    @functools.cache  # hyperparameters are arguments of the programs
    def programs(name, **fields):
        config = tiny_config(name, **fields)
        method = training.make_method(config)
        state = jax.jit(method.init)(jax.random.key(0), {"image": images})
        return config, method, state, jax.jit(method.update)

    def run(name, change=lambda state: state, hparams=None, **fields):
        config, method, state, update = programs(name, **fields)
        hparams = state.hparams | optimiser.scalars(hparams or {})
        # a copy, since `change` may write into its trees
        state = change(jax.tree.map(lambda leaf: leaf, state._replace(hparams=hparams)))
        after, metrics = update(state, {"image": images})
        nets = autoencoder.make_networks(config)
        return state, after, metrics, nets, images, method

    return run
