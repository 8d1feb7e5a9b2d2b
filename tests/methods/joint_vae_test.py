"""Capacities grow and are capped; the loss is the sum of its terms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import joint_vae
from dis_jax import data, losses, training
from dis_jax.methods import Categorical, Gaussian

BATCH = {"image": jax.random.uniform(jax.random.key(3), (6, 64, 64, 1))}


def _method(tiny_config, step):
    config = tiny_config("joint_vae")
    config.hparams.update(
        capacity_continuous=5.0,
        capacity_category=5.0,
        capacity_steps=100.0,
        gamma_continuous=30.0,
        gamma_category=7.0,
    )
    method = training.make_method(config)
    state = jax.jit(method.init)(jax.random.key(0), BATCH)
    return method, state._replace(step=jnp.int32(step))


def _metrics(tiny_config, step):
    method, state = _method(tiny_config, step)
    codes = jax.jit(method.encode)(state, BATCH)
    return codes, jax.jit(method.update)(state, BATCH)[1]


@pytest.mark.parametrize(
    ("step", "continuous", "category"),
    [(0, 0.0, 0.0), (10, 0.5, 0.5), (50, 2.5, math.log(2)), (200, 5.0, math.log(2))],
)
def test_capacities_grow_to_their_ends(tiny_config, step, continuous, category):
    _, metrics = _metrics(tiny_config, step)
    assert metrics.continuous_capacity == pytest.approx(continuous)
    assert metrics.category_capacity == pytest.approx(category)


def test_the_loss_is_the_sum_of_its_parts(tiny_config):
    codes, metrics = _metrics(tiny_config, 50)
    z, category = codes["z"], codes["category"]
    assert isinstance(z, Gaussian)
    assert isinstance(category, Categorical)
    assert z.mean.shape == (6, 1)
    assert category.logits.shape == (6, 2)
    z_kl = losses.gaussian_kl(*z).mean()
    p = np.asarray(jax.nn.softmax(category.logits))
    c_kl = (math.log(2) + (p * np.log(p)).sum(axis=1)).mean()
    assert metrics.continuous_kl == pytest.approx(float(z_kl), rel=1e-4)
    assert metrics.category_kl == pytest.approx(float(c_kl), rel=1e-3, abs=1e-6)
    penalty = 30 * abs(z_kl - 2.5) + 7 * abs(c_kl - math.log(2))
    total = float(metrics.reconstruction + penalty)
    assert metrics.loss == pytest.approx(total, rel=1e-5)


def test_images_are_rebuilt_from_draws_of_both_codes(tiny_config):
    method, state = _method(tiny_config, 50)
    codes = jax.jit(method.encode)(state, BATCH)
    (mean, logvar), scores = codes["z"], codes["category"].logits
    keys = jax.random.split(jax.random.fold_in(state.key, state.step))
    gumbel = -jnp.log(-jnp.log(jax.random.uniform(keys[1], scores.shape)))
    drawn = {
        "z": mean + jnp.exp(0.5 * logvar) * jax.random.normal(keys[0], mean.shape),
        "category": jax.nn.softmax((scores + gumbel) / 0.67),
    }
    image, seen = BATCH["image"], jax.jit(method.decode)(state, drawn)
    nll = -(image * jnp.log(seen) + (1 - image) * jnp.log1p(-seen))
    found = jax.jit(method.update)(state, BATCH)[1].reconstruction
    assert found == pytest.approx(float(nll.sum(axis=(1, 2, 3)).mean()), rel=1e-6)
    # the step decodes samples, not means: the two images differ
    still = {"z": mean, "category": jax.nn.softmax(scores)}
    assert abs(jax.jit(method.decode)(state, still) - seen).max() > 1e-3


def test_the_networks_are_the_papers():
    config = joint_vae.get_config("mnist")
    config.image_shape = (32, 32, 1)
    method = training.make_method(config)
    state = jax.eval_shape(
        method.init,
        jax.random.key(0),
        {"image": jax.ShapeDtypeStruct((2, 32, 32, 1), jnp.float32)},
    )
    shapes = jax.tree.map(lambda leaf: leaf.shape, state.params)
    encoder = [shapes["encoder"][f"Down_{i}"]["kernel"][2:] for i in range(3)]
    decoder = [shapes["decoder"][f"Up_{i}"]["kernel"][2:] for i in range(3)]
    assert encoder == [(1, 32), (32, 64), (64, 64)]
    assert decoder == [(64, 32), (32, 32), (32, 1)]
    assert shapes["decoder"]["Dense_0"]["kernel"] == (20, 256)
    assert shapes["encoder"]["mean"]["kernel"] == (256, 20)


def test_widths_of_the_decoder_are_those_of_the_convolutional_one(tiny_config):
    """Other networks, such as your own, keep their widths."""
    config = tiny_config("joint_vae")  # dense
    batch = jax.eval_shape(lambda: BATCH)

    def shapes():
        method = training.make_method(config)
        return jax.eval_shape(method.init, jax.random.key(0), batch).params

    own = shapes()
    config.decoder_widths = (7, 5)
    assert shapes() == own


def test_mnist_is_its_training_images():
    config = joint_vae.get_config("mnist")
    assert (config.split, config.steps) == ("train", 100 * 60_000 // 64)


def test_images_of_another_size_are_mnist_still():
    config = joint_vae.get_config("mnist+resized32,split3")
    counts = data.imbalanced_counts(3)
    assert config.sampler.class_counts == counts
    assert config.steps == 100 * sum(counts) // 64
    assert config.hparams.capacity_category == 5.0


def test_codes_that_do_not_fit_are_refused(tiny_config):
    config = tiny_config("joint_vae")
    config.categories = 3
    with pytest.raises(ValueError, match="categories is 3 of the 3"):
        training.make_method(config)
