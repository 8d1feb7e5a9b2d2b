"""User-defined networks, linen or nnx, in every method with an encoder and decoder."""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dis_jax import networks, training


class Encoder(nn.Module):
    latent: int

    @nn.compact
    def __call__(self, images):
        x = nn.tanh(nn.Dense(6)(images.reshape(len(images), -1)))
        return nn.Dense(self.latent)(x), nn.Dense(self.latent)(x)


class NnxDecoder(nnx.Module):
    def __init__(self, latent, shape, rngs):
        self.shape = shape
        self.layers = nnx.List(
            [nnx.Linear(latent, 6, rngs=rngs), nnx.Linear(6, np.prod(shape), rngs=rngs)]
        )

    def __call__(self, z):
        for layer in self.layers:
            z = layer(jnp.tanh(z))
        return z.reshape(-1, *self.shape)


class Noisy(nnx.Module):
    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(3, rngs=rngs)


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, images):
        x = nn.BatchNorm(use_running_average=True)(images).mean(axis=(1, 2))
        return nn.Dense(3)(x), nn.Dense(3)(x)


def pair(config, output_shape):
    """A linen encoder and an nnx decoder."""
    latent = config.network.latent
    decoder = functools.partial(NnxDecoder, latent, output_shape)
    return Encoder(latent), lambda rngs: decoder(rngs=rngs)


def narrow(config, output_shape):
    return Encoder(2), pair(config, output_shape)[1]


class Dropped(nn.Module):
    @nn.compact
    def __call__(self, images):
        x = nn.Dropout(0.5, deterministic=False)(images.mean(axis=(1, 2)))
        return nn.Dense(3)(x), nn.Dense(3)(x)


def dropped(config, output_shape):
    return Dropped(), pair(config, output_shape)[1]


def classes(config, output_shape):
    return Encoder, NnxDecoder


def flat(config, output_shape):
    return Encoder(config.network.latent), nn.Dense(7)


def swapped(config, output_shape):
    return pair(config, output_shape)[::-1]


def instance(config, output_shape):
    decoder = NnxDecoder(config.network.latent, output_shape, nnx.Rngs(0))
    return Encoder(config.network.latent), decoder


def noisy(config, output_shape):
    return Encoder(config.network.latent), lambda rngs: Noisy(rngs)


def normalised(config, output_shape):
    return Normalised(), pair(config, output_shape)[1]


class Deviations(Encoder):
    @nn.compact
    def __call__(self, images):
        mean, other = Encoder(self.latent)(images)
        return mean, nn.softplus(other)


def deviations(config, output_shape):
    return Deviations(config.network.latent), pair(config, output_shape)[1]


class Pixels(nn.Module):
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, z):
        return nn.sigmoid(nn.Dense(np.prod(self.shape))(z)).reshape(-1, *self.shape)


def pixels(config, output_shape):
    return Encoder(config.network.latent), Pixels(output_shape)


def alone(config, output_shape):
    return Encoder(config.network.latent)


def fails(config, output_shape):
    return config.network.widht


def config_with(tiny_config, networks, method="beta_vae"):
    config = tiny_config(method)
    config.network = {"name": networks, "latent": config.network.latent}
    return config


def test_an_nnx_network_is_itself_with_named_parameters():
    make = lambda rngs: NnxDecoder(3, (2, 2, 1), rngs)
    network = networks.FromNnx(make)
    z = jax.random.normal(jax.random.key(1), (5, 3))
    out, variables = network.init_with_output(jax.random.key(0), z)
    assert sorted(variables["params"])[:2] == ["layers.0.bias", "layers.0.kernel"]
    np.testing.assert_array_equal(out, make(nnx.Rngs(jax.random.key(0)))(z))
    moved = jax.tree.map(lambda p: p + 1, variables)
    assert not np.allclose(network.apply(moved, z), out)


@pytest.mark.parametrize(
    "method",
    ["ada_gvae", "beta_vae", "factor_vae", "gaussian_tc", "joint_vae", "ml_vae"],
)
def test_every_autoencoder_takes_them(method, tiny_config, traced_step):
    config = config_with(tiny_config, pair, method)
    state, _, decoded = traced_step(config)
    assert {"Dense_0", "layers.0.kernel"} <= {
        *state.params["encoder"],
        *state.params["decoder"],
    }
    assert decoded.shape == (5, 64, 64, 1)


def test_they_train_and_are_restored(tiny_config, tmp_path):
    config = config_with(tiny_config, pair)
    config.update(steps=4, log_every=2, checkpoint_every=4)
    state = training.train(config, tmp_path)
    _, restored, read = training.restore(tmp_path)
    assert read.network.name.endswith("own_networks_test:pair")
    same = jax.tree.map(np.array_equal, state.params, restored.params)
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (deviations, "seems to return only positive log-variances"),
        (
            pixels,
            "seems to return no negative numbers. The likelihood applies a sigmoid",
        ),
        (pair, ""),
    ],
)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_outputs_that_look_like_others_are_warned_of(
    make, message, likelihood, tiny_config, tmp_path, caplog
):
    config = config_with(tiny_config, make)
    config.update(steps=1, likelihood=likelihood)
    if make is deviations:
        config.population.seed = (0, 1)
    training.train(config, tmp_path)
    warned = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert len(warned) == bool(message)
    assert all(
        message in text and f"own_networks_test:{make.__name__}" in text
        for text in warned
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (narrow, r"encoder .* returns \[\(2, 2\), \(2, 2\)\].*mean and log-variance"),
        (flat, r"decoder .* returns \[\(2, 7\)\] .*\[\(2, 64, 64, 1\)\]"),
        (swapped, "the encoder of .*swapped fails on an input"),
        (dropped, "the encoder of .*dropped fails on an input .*InvalidRngError"),
        (classes, "returned the class Encoder; expected an instance"),
        (instance, "returned a NnxDecoder; expected a linen module, or a function"),
        (noisy, "kinds BatchStat; expected nnx.Param only"),
        (normalised, "has batch_stats in addition to params"),
        (alone, r"fails: TypeError.*expected it to return \(encoder, decoder\)"),
        (fails, "fails: AttributeError.*widht.*own_networks_test.py, line"),
        ("cnn", "'conv', 'mlp', or 'my_module:my_networks'"),
    ],
)
def test_what_does_not_fit_is_said(make, message, tiny_config):
    with pytest.raises(ValueError, match=f"(?i){message}"):
        training.make_method(config_with(tiny_config, make))
