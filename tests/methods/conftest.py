"""Fixtures of the tests of methods."""

import jax
import jax.numpy as jnp
import pytest


@pytest.fixture
def quantised_step(tiny_config):
    """States before and after a step of a method with quantised codes, and more."""
    from dis_jax import data, training
    from dis_jax.methods import autoencoder

    images, _ = data.load("rendered_dsprites").take(jnp.arange(16) * 40_009)

    def run(name, change=lambda state: state, **overrides):
        config = tiny_config(name, **overrides)
        method = training.make_method(config)
        state = change(jax.jit(method.init)(jax.random.key(0), {"image": images}))
        after, metrics = jax.jit(method.update)(state, {"image": images})
        nets = autoencoder.make_networks(config)
        return state, after, metrics, nets, images, method

    return run
