"""Sizes, what a score depends on, and that sharing the first layer changes nothing."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import networks
from dis_jax.networks.statistics_networks import averaged
from tests.drawn import init


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _weights(module, *args, **options):
    shapes = jax.eval_shape(
        lambda: module.init(jax.random.key(0), *args, **options)["params"]
    )
    return sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


def apply(module, variables, *args, **options):
    return jax.jit(partial(module.apply, **options))(variables, *args)


@pytest.mark.parametrize(("size", "wanted"), [(28, 4), (64, 13), (96, 21)])
def test_encoder_has_the_sizes_of_the_paper(size, wanted):
    encoder = networks.MapEncoder()
    image = jnp.zeros((2, size, size, 3))
    (feature_map, vector), variables = jax.eval_shape(
        lambda: encoder.init_with_output(jax.random.key(0), image, train=True)
    )
    assert feature_map.shape == (2, wanted, wanted, 256)
    assert vector.shape == (2, 64)
    kernels = [
        variables["params"][f"convolution_{i}"]["kernel"].shape for i in (1, 2, 3)
    ]
    assert kernels == [(4, 4, 3, 64), (4, 4, 64, 128), (4, 4, 128, 256)]
    assert variables["params"]["vector"]["kernel"].shape == (wanted**2 * 256, 64)
    assert networks.map_size(size) == wanted


def test_layers_of_the_encoder_by_hand():
    @partial(jax.jit, static_argnums=2)
    def convolve(x, kernel, stride):
        return jax.lax.conv_general_dilated(
            *(x, kernel, (stride, stride), "VALID"),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    leaky = lambda x: np.where(x > 0, x, 0.01 * x)
    image = normal(2, 16, 16, 1)
    encoder = networks.MapEncoder(3, (2, 3, 4))
    variables = init(encoder, image, train=True)
    # running means are still 0 and variances 1: normalisation only scales and shifts
    layers = variables["params"]
    layers["BatchNorm_1"]["bias"] = np.arange(4, dtype=np.float32) / 10
    for i in (0, 1):
        layers[f"BatchNorm_{i}"]["scale"] = np.full(3 + i, np.float32(2))
    found, vector = apply(encoder, variables | {"params": layers}, image, train=False)
    first, second, third = (layers[f"convolution_{i}"] for i in (1, 2, 3))
    x = leaky(np.asarray(convolve(image, first["kernel"], 1)) + first["bias"])
    x = 2 * np.asarray(convolve(x, second["kernel"], 2))
    x = np.asarray(convolve(x, third["kernel"], 2))
    x = leaky(2 * x + layers["BatchNorm_1"]["bias"])
    np.testing.assert_allclose(found, x, rtol=1e-3, atol=1e-4)
    wanted = x.reshape(2, -1) @ layers["vector"]["kernel"] + layers["vector"]["bias"]
    np.testing.assert_allclose(vector, wanted, rtol=1e-3, atol=1e-4)


def test_too_small_an_image_is_refused():
    with pytest.raises(ValueError, match="13x13"):
        networks.MapEncoder().init(
            jax.random.key(0), jnp.zeros((1, 12, 12, 1)), train=True
        )


def test_training_moves_the_running_statistics_and_inference_reads_them():
    encoder = networks.MapEncoder(3, (2, 3, 4))
    images = normal(8, 16, 16, 1)
    variables = init(encoder, images, train=True)
    (_, trained), changed = apply(
        encoder, variables, images, train=True, mutable=["batch_stats"]
    )
    before, after = (
        v["batch_stats"]["BatchNorm_1"]["mean"] for v in (variables, changed)
    )
    assert (before != after).all()  # pyright: ignore[reportAttributeAccessIssue]
    # momentum .9: a tenth of the way to the mean of the batch
    _, scored = apply(encoder, variables, images, train=False)
    _, one = apply(encoder, variables, images[:1], train=False)
    np.testing.assert_allclose(scored[:1], one, rtol=1e-4, atol=1e-6)
    assert not np.allclose(trained, scored)


def test_weights_are_uniform_within_the_root_of_the_fan_in():
    begin = jax.jit(networks.CodeDiscriminator().init)
    params = begin(jax.random.key(0), np.zeros((1, 100)))["params"]
    kernel = params["Dense_0"]["kernel"]
    assert 0.099 < np.abs(kernel).max() <= 0.1
    np.testing.assert_allclose(np.std(kernel), 0.1 / np.sqrt(3), rtol=0.01)


@pytest.mark.parametrize(
    "module",
    [networks.LocalStatistics((5, 6)), networks.GlobalStatistics(0, (5, 6))],
)
def test_scores_equal_dense_layers_on_the_concatenation(module):
    maps, vector = normal(4, 2, 3, 7), normal(4, 8)
    # with biases that are not 0
    params = jax.tree.map(lambda p: p + np.float32(0.1), init(module, maps, vector))
    params = params["params"]
    pairs = lambda m: jnp.stack([m, jnp.roll(m, 1, axis=0)])
    found = apply(module, {"params": params}, maps, vector, pair_with=pairs)
    kernel = np.concatenate([params["map"]["kernel"], params["vector"]["kernel"]])
    is_local = isinstance(module, networks.LocalStatistics)
    assert kernel.shape == ((7 + 8 if is_local else 42 + 8), 5)
    for scores, m in zip(found, (maps, np.roll(maps, 1, axis=0)), strict=True):
        if is_local:
            tiled = np.broadcast_to(vector[:, None, None], (4, 2, 3, 8))
            x = np.concatenate([m, tiled], axis=-1)
        else:
            x = np.concatenate([m.reshape(4, -1), vector], axis=-1)
        x = np.maximum(x @ kernel + params["map"]["bias"], 0)
        x = np.maximum(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"], 0)
        x = x @ params["score"]["kernel"] + params["score"]["bias"]
        np.testing.assert_allclose(scores, x[..., 0], rtol=1e-4, atol=1e-6)


def test_every_map_is_paired_with_every_vector():
    module = networks.LocalStatistics((5,))
    maps, vector = normal(4, 2, 2, 3), normal(4, 6)
    variables = init(module, maps, vector)
    matrix = apply(module, variables, maps, vector, pair_with=lambda m: m[:, None])
    alone = jax.jit(module.apply)
    assert matrix.shape == (4, 4, 2, 2)  # pyright: ignore[reportAttributeAccessIssue]
    for j in range(4):
        same = np.broadcast_to(maps[j], maps.shape)
        row = alone(variables, same, vector)[0]
        np.testing.assert_allclose(matrix[j], row, rtol=1e-5, atol=1e-6)


def test_averaging_to_a_grid_by_hand():
    ramp = np.arange(5.0)[None, :, None, None] * np.ones((1, 5, 2, 1))
    # rows 0 1 2 and 2 3 4; two columns stay two
    np.testing.assert_allclose(averaged(ramp, 2)[0, :, :, 0], [[1, 1], [3, 3]])
    small = normal(2, 3, 3, 4)
    np.testing.assert_array_equal(averaged(small, 4), small)


def test_the_published_global_network_is_fifty_times_the_averaged_one():
    maps, vector = jnp.zeros((1, 21, 21, 256)), jnp.zeros((1, 64))
    published = _weights(networks.GlobalStatistics(), maps, vector)
    averaged_one = _weights(networks.GlobalStatistics(grid=4), maps, vector)
    assert 58.0e6 < published < 58.2e6
    assert 2.3e6 < averaged_one < 2.5e6


def test_head_normalises_its_logits_over_the_batch():
    head = networks.AttributeHead(classes=3)
    code = normal(64, 5)
    variables = init(head, code, train=True)
    logits, _ = apply(head, variables, code, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(logits.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(logits.std(axis=0), 1, rtol=1e-2)
