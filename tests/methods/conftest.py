"""Fixtures of the tests of methods."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(scope="session")
def first_state():
    """`first_state(method, batch)`, of weights drawn by NumPy: JAX's take long to compile.

    Up to 10 s with the small networks of the tests.
    """

    def begin(method, batch):
        rng = np.random.default_rng(0)

        def draw(path, leaf):
            if leaf.ndim < 2:
                return np.full(leaf.shape, path[-1].key == "scale", leaf.dtype)
            deviation = np.prod(leaf.shape[:-1]) ** -0.5
            return rng.normal(scale=deviation, size=leaf.shape).astype(leaf.dtype)

        def but_weights(key):
            return method.init(key, batch)._replace(params={})

        key = jax.random.key(0)
        shapes = jax.eval_shape(method.init, key, batch).params
        params = jax.tree_util.tree_map_with_path(draw, shapes)
        return jax.jit(but_weights)(key)._replace(params=params)

    return begin


@pytest.fixture(scope="session")
def quantised_step(tiny_config):
    """States before and after a step of a method with quantised codes, and more."""
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
