"""QLAE and Tripod: their losses, what decays, and codes of few values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, losses, training
from dis_jax.methods import autoencoder

VALUES = 64 * 64  # of an image


@pytest.fixture
def step(tiny_config):
    """State before and after one step on a fixed batch, its metrics, and more."""
    images, _ = data.load("rendered_dsprites").take(jnp.arange(16) * 40_009)

    def run(name, change=lambda state: state, **overrides):
        config = tiny_config(name, **overrides)
        method = training.make_method(config)
        state = change(jax.jit(method.init)(jax.random.key(0), {"image": images}))
        after, metrics = jax.jit(method.update)(state, {"image": images})
        nets = autoencoder.make_networks(config)
        return state, after, metrics, nets, images, method

    return run


def test_qlae_weighs_the_distances_as_means_over_pixels_and_dimensions(step):
    weights = {"hparams.quantise": 0.5, "hparams.commit": 2.0}
    state, _, metrics, nets, images, _ = step("qlae", **weights)
    z = autoencoder.encode(nets, state.params, images).mean
    book = np.linspace(-0.5, 0.5, 10)
    quantised = book[np.abs(np.asarray(z)[..., None] - book).argmin(axis=-1)]
    nll = autoencoder.explain(nets, state.params, jnp.asarray(quantised), images, {})
    square = ((z - quantised) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(metrics.quantisation, square, rtol=1e-4)
    np.testing.assert_allclose(metrics.reconstruction, nll.mean(), rtol=1e-5)
    wanted = nll.mean() + VALUES / 3 * 2.5 * square
    np.testing.assert_allclose(metrics.loss, wanted, rtol=1e-5)


def test_kernels_of_both_networks_decay_and_nothing_else(step):
    rate, decay = 3e-3, 0.7
    before, with_decay, *_ = step("qlae", **{"hparams.weight_decay": decay})
    _, without, *_ = step("qlae", **{"hparams.weight_decay": 0.0})

    def check(path, old, new, plain):
        kernel = jax.tree_util.keystr(path).endswith("['kernel']")
        wanted = -rate * decay * old if kernel else jnp.zeros_like(old)
        np.testing.assert_allclose(new - plain, wanted, rtol=1e-2, atol=2e-7)

    jax.tree_util.tree_map_with_path(
        check, before.params, with_decay.params, without.params
    )


@pytest.mark.parametrize("name", ["qlae", "tripod"])
def test_codes_are_values_of_the_codebook_and_half_exports_keep_them(name, step):
    _, state, _, _, images, method = step(name)
    halves = jax.tree.map(lambda leaf: jnp.float32(jnp.float16(leaf)), {**state.params})
    for params in (state.params, halves):
        z = method.encode(state._replace(params=params), {"image": images})["z"]
        if name == "qlae":
            books = np.asarray(params["codebook"]["values"])
            assert books.shape == (3, 10)
        else:
            books = np.tile(np.linspace(-1, 1, 12), (3, 1))
        apart = np.abs(np.asarray(z)[..., None] - books).min(axis=-1)
        assert apart.max() < 1e-6


def test_tripod_adds_information_and_interaction(step):
    weights = {"hparams.multi_information": 0.01, "hparams.hessian": 0.1}
    state, _, metrics, nets, images, _ = step("tripod", **weights)
    z = jnp.tanh(autoencoder.encode(nets, state.params, images).mean)
    quantised = losses.finite_scalar_quantisation(z, 12)
    spread = z.std(axis=0)
    information = losses.kernel_multi_information(
        quantised, losses.silverman_bandwidths(spread, 16), spread
    )
    np.testing.assert_allclose(metrics.multi_information, information, rtol=1e-3)
    hessian = losses.normalised_hessian_penalty(
        *(autoencoder.step_key(state, None),),
        lambda z: autoencoder.activations(nets, state.params, z),
        *(quantised, spread),
        step=state.hparams["perturbation"],
    )
    np.testing.assert_allclose(metrics.hessian, hessian.mean(), rtol=1e-2)
    added = VALUES * (0.01 * information + 0.1 * metrics.hessian)
    np.testing.assert_allclose(metrics.loss, metrics.reconstruction + added, rtol=1e-5)


def test_half_precision_leaves_second_differences_alone(step):
    _, _, whole, *_ = step("tripod")
    _, _, half, *_ = step("tripod", precision="bfloat16")
    # codes differ by a step here and there; differences of bfloat16 would be all noise
    np.testing.assert_allclose(half.hessian, whole.hessian, rtol=0.2)


def test_a_dimension_without_variance_has_a_finite_step(step):
    def saturate(state):
        state.params["encoder"]["mean"]["bias"] += 1e3
        return state

    _, after, metrics, *_ = step("tripod", saturate)
    assert all(map(np.isfinite, metrics))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))


@pytest.mark.parametrize(
    ("network", "shapes"),
    [
        ({"name": "mlp", "latent": 3, "encoder": (8,), "decoder": (8, 5)}, [8, 5]),
        ({"name": "conv", "latent": 3, "hidden": 8}, [8, 1024, 4096, 8192, 32768]),
    ],
)
def test_hidden_layers_of_both_decoders_are_found(network, shapes, tiny_config):
    config = tiny_config("tripod")
    config.network = network
    nets = autoencoder.make_networks(config)
    z = jnp.zeros((2, 3))
    params = jax.eval_shape(nets.decoder.init, jax.random.key(0), z)["params"]
    found = jax.eval_shape(
        lambda p: autoencoder.activations(nets, {"decoder": p}, z), params
    )
    sizes = [int(np.prod(leaf.shape[1:])) for leaf in jax.tree.leaves(found)]
    assert sizes == shapes
