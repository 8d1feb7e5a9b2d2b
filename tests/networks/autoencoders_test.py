"""Encoders and decoders: shapes for every image size, the papers' parameter counts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import networks
from tests.drawn import init


def _count(tree):
    return sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("size", [16, 28, 32, 48, 64, 80, 96, 112, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_usual_image_goes_in_and_comes_out(size, channels):
    shape = (size, size, channels)
    image = jnp.zeros((2, *shape))

    def both():
        (mean, logvar), _ = networks.ConvEncoder(7).init_with_output(
            jax.random.key(0), image
        )
        logits, _ = networks.ConvDecoder(shape).init_with_output(
            jax.random.key(0), mean
        )
        return mean, logvar, logits

    mean, logvar, logits = jax.eval_shape(both)
    assert mean.shape == logvar.shape == (2, 7)
    assert logits.shape == (2, *shape)


def test_parameters_are_those_of_the_paper():
    """Kim & Mnih 2018, Table 1, with the dense layers of Locatello et al. 2019."""
    image = jnp.zeros((1, 64, 64, 1))
    encoder = jax.eval_shape(networks.ConvEncoder(10).init, jax.random.key(0), image)
    convolutions = 16 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 32 + 32 + 64 + 64
    dense = (4 * 4 * 64 + 1) * 256 + 2 * (256 + 1) * 10
    assert _count(encoder) == convolutions + dense

    z = jnp.zeros((1, 10))
    decoder = jax.eval_shape(
        networks.ConvDecoder((64, 64, 1)).init, jax.random.key(0), z
    )
    dense = (10 + 1) * 256 + (256 + 1) * 1024
    transposed = 16 * (64 * 64 + 64 * 32 + 32 * 32 + 32 * 1) + 64 + 32 + 32 + 1
    assert _count(decoder) == dense + transposed

    critic = jax.eval_shape(networks.Discriminator().init, jax.random.key(0), z)
    assert _count(critic) == 11 * 1000 + 5 * 1001 * 1000 + 1001 * 2


def test_layers_by_hand():
    relu = lambda x: np.maximum(x, 0)
    dense = lambda x, p: x @ np.asarray(p["kernel"]) + p["bias"]
    down, up = (
        jax.jit(functools.partial(convolve, form="lax"))
        for convolve in (networks.convolve_down, networks.convolve_up)
    )
    image = np.random.default_rng(1).random((2, 16, 16, 1), np.float32)
    encoder = networks.ConvEncoder(3, hidden=5, widths=(2, 4))
    moved = lambda variables: jax.tree.map(lambda p: p + 0.05, variables["params"])
    layers = moved(init(encoder, image))
    mean, logvar = map(np.asarray, jax.jit(encoder.apply)({"params": layers}, image))
    x = image
    for name in ("Down_0", "Down_1"):
        x = np.asarray(down(x, layers[name]["kernel"]))
        x = relu(x + layers[name]["bias"])
    x = relu(dense(x.reshape(2, -1), layers["Dense_0"]))
    np.testing.assert_allclose(mean, dense(x, layers["mean"]), rtol=1e-4)
    np.testing.assert_allclose(logvar, dense(x, layers["logvar"]), rtol=1e-4)

    decoder = networks.ConvDecoder((16, 16, 1), hidden=5, widths=(2, 4))
    layers = moved(init(decoder, mean))
    x = relu(dense(relu(dense(mean, layers["Dense_0"])), layers["Dense_1"]))
    x = x.reshape(2, 4, 4, 4)
    x = np.asarray(up(x, layers["Up_0"]["kernel"]))
    x = relu(x + layers["Up_0"]["bias"])
    x = np.asarray(up(x, layers["Up_1"]["kernel"]))
    found = jax.jit(decoder.apply)({"params": layers}, mean)
    np.testing.assert_allclose(found, x + layers["Up_1"]["bias"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "count"), [(16, 2), (28, 2), (64, 4), (96, 4), (128, 5)]
)
def test_maps_are_halved_down_to_four_or_more(size, count):
    assert networks.halvings(size) == count


@pytest.mark.parametrize("size", [0, 20, 60, 144])
def test_other_sizes_are_refused_with_the_way_out(size):
    with pytest.raises(ValueError, match=f"image size is {size}.*'mlp'"):
        networks.halvings(size)


def test_computation_in_bfloat16_keeps_parameters_and_results_in_float32():
    image = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)
    outputs = {}
    for dtype in (jnp.float32, jnp.bfloat16):
        encoder = networks.ConvEncoder(4, hidden=16, dtype=dtype)
        variables = init(encoder, image)
        mean, logvar = jax.jit(encoder.apply)(variables, image)
        assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {
            jnp.dtype("float32")
        }
        assert mean.dtype == logvar.dtype == jnp.float32
        outputs[dtype] = np.asarray(mean)
    difference = np.abs(outputs[jnp.float32] - outputs[jnp.bfloat16]).max()
    assert 0 < difference < 0.05 * np.abs(outputs[jnp.float32]).max() + 0.02


def test_dense_pair_takes_any_shape():
    image = jnp.ones((3, 20, 30, 2))
    encoder = networks.MLPEncoder(5, (7,))
    decoder = networks.MLPDecoder((20, 30, 2), (7,))
    (mean, _), _ = jax.eval_shape(encoder.init_with_output, jax.random.key(0), image)
    logits, _ = jax.eval_shape(decoder.init_with_output, jax.random.key(0), mean)
    assert mean.shape == (3, 5)
    assert logits.shape == image.shape
