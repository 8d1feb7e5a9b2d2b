"""Tripod: its loss, its second differences and the layers they are taken of."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses, training
from dis_jax.methods import autoencoder

VALUES = 64 * 64  # of an image


def test_tripod_adds_information_and_interaction(quantised_step):
    weights = {"multi_information": 0.01, "hessian": 0.1}
    state, _, metrics, nets, images, _ = quantised_step("tripod", hparams=weights)

    @jax.jit
    def terms(state):
        z = jnp.tanh(autoencoder.encode(nets, state.params, images).mean)
        quantised = losses.finite_scalar_quantisation(z, 12)
        spread = z.std(axis=0)
        information = losses.kernel_multi_information(
            quantised, losses.silverman_bandwidths(spread, 16), spread
        )
        hessian = losses.normalised_hessian_penalty(
            *(autoencoder.step_key(state, None),),
            lambda z: autoencoder.activations(nets, state.params, z),
            *(quantised, spread),
            step=state.hparams["perturbation"],
        )
        return information, hessian.mean()

    information, hessian = terms(state)
    np.testing.assert_allclose(metrics.multi_information, information, rtol=1e-3)
    np.testing.assert_allclose(metrics.hessian, hessian, rtol=1e-2)
    added = VALUES * (0.01 * information + 0.1 * metrics.hessian)
    np.testing.assert_allclose(metrics.loss, metrics.reconstruction + added, rtol=1e-5)


def test_half_precision_leaves_second_differences_alone(quantised_step):
    _, _, whole, *_ = quantised_step("tripod")
    _, _, half, *_ = quantised_step("tripod", precision="bfloat16")
    # codes differ by a step here and there; differences of bfloat16 would be all noise
    np.testing.assert_allclose(half.hessian, whole.hessian, rtol=0.2)


def test_a_dimension_without_variance_has_a_finite_step(quantised_step):
    def saturate(state):
        state.params["encoder"]["mean"]["bias"] += 1e3
        return state

    _, after, metrics, *_ = quantised_step("tripod", saturate)
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


def test_networks_without_second_derivatives_have_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        for words, warns in ((",mlp", False), ("", True)):
            config = training.load_config(f"tripod:rendered_shapes3d{words}")
            config.image_shape = (64, 64, 3)
            training.make_method(config)
            assert ("second derivatives" in caplog.text) == warns
    assert "the ReLU of 'conv' networks has none" in caplog.text
