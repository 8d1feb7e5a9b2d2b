"""Initial weights and biases: their spread under each scheme."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import joint_vae, ml_vae, vae
from dis_jax import networks
from dis_jax.methods import autoencoder

# (height, width, in, out) of a convolution, and what one output sums over
SHAPE, FAN_IN, FAN_OUT = (4, 4, 40, 50), 640, 800
SPREAD = {
    "xavier": (2 / (FAN_IN + FAN_OUT)) ** 0.5,  # sqrt(6 / (in + out)) / sqrt(3)
    "kaiming": (2 / FAN_IN) ** 0.5,
    "normal": 0.05,
    "pytorch": FAN_IN**-0.5 / 3**0.5,
}


@pytest.mark.parametrize("name", networks.INITIALISERS)
def test_weights_have_the_spread_of_the_scheme(name):
    start = networks.initialisers(name, FAN_IN, std=0.05)
    kernel = start.kernel(jax.random.key(0), SHAPE, jnp.float32)
    assert abs(kernel.mean()) < 4 * SPREAD[name] / kernel.size**0.5
    np.testing.assert_allclose(kernel.std(), SPREAD[name], rtol=0.015)
    if name in ("xavier", "pytorch"):  # uniform: a bound at sqrt(3) deviations
        bound = 3**0.5 * SPREAD[name]
        assert 0.999 * bound < np.abs(kernel).max() <= bound
    bias = start.bias(jax.random.key(1), (5000,), jnp.float32)
    wanted = SPREAD[name] if name == "pytorch" else 0
    np.testing.assert_allclose(bias.std(), wanted, rtol=0.03)


def test_pytorch_counts_a_transposed_convolution_by_its_output():
    decoder = networks.ConvDecoder((64, 64, 1), initialiser="pytorch")
    params = jax.jit(decoder.init)(jax.random.key(0), jnp.zeros((1, 10)))["params"]
    # 64 -> 64 -> 32 -> 32 -> 1 channels; the dense layers by their input
    bounds = {"Dense_0": 10, "Dense_1": 256, "Up_0": 16 * 64, "Up_1": 16 * 32}
    bounds |= {"Up_2": 16 * 32, "Up_3": 16}
    assert set(bounds) == set(params)
    for layer, fan_in in bounds.items():
        largest = np.abs(params[layer]["kernel"]).max() * fan_in**0.5
        assert 0.98 < largest <= 1, layer


def test_each_config_starts_as_the_code_of_its_source():
    for config, wanted in (
        (vae.get_config("rendered_dsprites"), "xavier"),
        (joint_vae.get_config("mnist"), "pytorch"),
        (ml_vae.get_config("mnist"), "normal"),
    ):
        config.image_shape = (32, 32, 1)
        assert autoencoder.make_networks(config).encoder.initialiser == wanted


def test_an_unknown_scheme_is_refused():
    with pytest.raises(
        ValueError, match=r"network.init is 'he'; expected one of xavier"
    ):
        networks.initialisers("he", 3)
