"""Published sizes, the statistics for normalisation, and the spectral norm."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import networks
from tests.drawn import init

CODES = jnp.zeros((2, 72))


def _shapes(module, *args):
    return jax.eval_shape(
        lambda: module.init_with_output(jax.random.key(0), *args, train=True)
    )


def uniform(*shape):
    return np.random.default_rng(1).random(shape, np.float32)


def apply(module, variables, *args, **options):
    return jax.jit(partial(module.apply, **options))(variables, *args)


def _count(params):
    return sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
    ("size", "channels", "smallest", "inner"),
    [(28, 1, 7, 128), (32, 3, 4, 256), (64, 3, 4, 512)],
)
def test_images_grow_from_a_small_map_and_shrink_to_it(size, channels, smallest, inner):
    shape = (size, size, channels)
    images, made = _shapes(networks.Generator(shape), CODES)
    assert images.shape == (2, *shape)
    assert made["params"]["Dense_1"]["kernel"].shape == (1024, smallest**2 * inner)
    features, read = _shapes(networks.ImageTrunk(), jnp.zeros((2, *shape)))
    assert features.shape == (2, 1024)
    assert read["params"]["Dense_0"]["kernel"].shape == (smallest**2 * inner, 1024)


def test_the_generator_has_the_published_number_of_weights():
    _, made = _shapes(networks.Generator((28, 28, 1)), CODES)
    # 6.65 million with the biases that normalisation removes
    assert _count(made["params"]) + 1024 + 6272 + 64 == 6_650_433


def test_layers_of_the_trunk_by_hand():
    leaky = lambda x: np.where(x > 0, x, 0.2 * x)
    image = uniform(3, 16, 16, 1)
    trunk = networks.ImageTrunk(5, (2, 4))
    variables = init(trunk, image, train=True)
    # running means are still 0 and variances 1: normalisation only scales and shifts
    layers = jax.tree.map(lambda p: p + np.float32(0.05), variables["params"])
    for i, size in ((0, 4), (1, 5)):
        layers[f"BatchNorm_{i}"]["scale"] = np.full(size, np.float32(2))
    found = apply(trunk, variables | {"params": layers}, image, train=False)
    first, second = (layers[f"Down_{i}"] for i in (0, 1))
    down = jax.jit(partial(networks.convolve_down, form="lax"))
    x = leaky(np.asarray(down(2 * image - 1, first["kernel"])) + first["bias"])
    x = np.asarray(down(x, second["kernel"]))
    x = leaky(2 * x + layers["BatchNorm_0"]["bias"]).reshape(3, -1)
    x = leaky(2 * x @ layers["Dense_0"]["kernel"] + layers["BatchNorm_1"]["bias"])
    np.testing.assert_allclose(found, x, rtol=1e-3, atol=1e-4)


def test_weights_start_as_published():
    head = networks.CodeHead()
    begin = jax.jit(partial(head.init, train=True))
    params = begin(jax.random.key(0), np.zeros((2, 1024)))["params"]
    assert params["Dense_0"]["kernel"].std() == pytest.approx(0.02, rel=0.02)  # pyright: ignore[reportAttributeAccessIssue]
    assert not params["Dense_1"]["bias"].any()  # pyright: ignore[reportAttributeAccessIssue]


def test_images_lie_between_0_and_1_however_large_the_codes():
    generator = networks.Generator((28, 28, 1), 8, (4, 4))
    codes = 1e8 * (2 * uniform(4, 5) - 1)
    variables = init(generator, codes, train=True)
    images = apply(generator, variables, codes, train=False)
    assert jnp.isfinite(images).all()
    assert 0 <= images.min() < 0.01  # pyright: ignore[reportAttributeAccessIssue]
    assert 0.99 < images.max() <= 1  # pyright: ignore[reportAttributeAccessIssue]


def test_training_normalises_by_the_batch_and_inference_does_not():
    trunk = networks.ImageTrunk(8, (4, 4))
    images = uniform(6, 28, 28, 1)
    variables = init(trunk, images, train=True)
    features, changed = apply(
        trunk, variables, images, train=True, mutable=["batch_stats"]
    )
    # without the last rectifier, features are normalised
    features = np.asarray(features)
    raw = np.where(features < 0, features / 0.2, features)
    np.testing.assert_allclose(raw.mean(0), 0, atol=1e-5)
    for leaf, before in zip(
        *map(jax.tree.leaves, (changed["batch_stats"], variables["batch_stats"])),
        strict=True,
    ):
        assert not np.array_equal(leaf, before)
    scored = apply(trunk, variables, images, train=False)
    alone = apply(trunk, variables, images[:1], train=False)
    np.testing.assert_allclose(scored[:1], alone, atol=1e-6)


def test_the_estimate_of_codes_has_a_part_for_each_kind():
    features = jnp.ones((3, 8))
    for continuous in (0, 2):
        head = networks.CodeHead(4, continuous, 5)
        found, _ = jax.eval_shape(
            lambda head=head: head.init_with_output(
                jax.random.key(0), features, train=True
            )
        )
        assert found.logits.shape == (3, 4)
        assert found.mean.shape == found.logvar.shape == (3, continuous)
        assert found.features.shape == (3, 5)


def test_spectral_norm_divides_by_the_largest_singular_value():
    head = networks.RealHead(spectral_norm=True)
    features = uniform(5, 7)
    variables = init(head, features, train=True)
    logits = apply(head, variables, features, train=False)
    kernel = variables["params"]["Dense_0"]["kernel"]
    unit = kernel / np.linalg.norm(kernel)  # the norm of one column is its length
    np.testing.assert_allclose(logits, (features @ unit)[:, 0], rtol=1e-5)


def test_spectral_norm_bounds_the_convolutions_too():
    trunk = networks.ImageTrunk(8, (4, 4), spectral_norm=True)
    images = uniform(6, 28, 28, 1)
    variables = init(trunk, images, train=True)
    larger = jax.tree.map(lambda leaf: 10 * np.asarray(leaf), variables["params"])
    stats = variables["batch_stats"]
    plain, scaled = (
        apply(trunk, {"params": params, "batch_stats": stats}, images, train=False)
        for params in (
            variables["params"],
            {**variables["params"], "Down_0": larger["Down_0"]},
        )
    )
    np.testing.assert_allclose(plain, scaled, atol=1e-5)


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="28x32"):
        _shapes(networks.ImageTrunk(), jnp.zeros((1, 28, 32, 1)))
