"""What a decoder's output means: closed forms, and every VAE trained with each."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses, shipped, training
from dis_jax.methods import autoencoder, likelihoods
from dis_jax.training import base_config, fields, workdir

VAES = ("ada_gvae", "beta_vae", "factor_vae", "gaussian_tc", "joint_vae", "ml_vae")


def config_with(tiny_config, method, likelihood):
    config = tiny_config(method)
    config.likelihood = likelihood
    if likelihood == "gaussian":
        config.hparams.variance = 0.04
    return config


def likelihood_of(name, variance=0.04):
    config = {"likelihood": name, "hparams": {"variance": variance}}
    return likelihoods.make(config)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return np.float32(rng.integers(256, size=(3, 4, 4, 2)) / 255)


def nll_of(likelihood, *args):
    return np.asarray(jax.jit(likelihood.nll)(*args))


def test_gaussians_by_hand(images, normal_output):
    output = normal_output(2)
    mean = 1 / (1 + np.exp(-np.float64(output)))
    error = (mean - images) ** 2

    def nll(variance):
        each = 0.5 * (error / variance + np.log(2 * np.pi * variance))
        return each.reshape(3, -1).sum(axis=1)

    fixed = nll_of(likelihood_of("gaussian"), output, images, {"variance": 0.04})
    np.testing.assert_allclose(fixed, nll(0.04), rtol=1e-4)
    shared = nll_of(likelihood_of("gaussian_shared"), output, images, {})
    np.testing.assert_allclose(shared, nll(error.mean()), rtol=1e-4)
    logvar = np.float64(normal_output(2, seed=1)) - 3
    both = np.float32(np.concatenate([output, logvar], axis=-1))
    pixel = nll_of(likelihood_of("gaussian_pixel"), both, images, {})
    floor = -12 + np.log1p(np.exp(logvar + 12))
    np.testing.assert_allclose(pixel, nll(np.exp(floor)), rtol=1e-4)


@pytest.fixture
def normal_output():
    def normal_output(channels, seed=0):
        rng = np.random.default_rng(seed + 1)
        return rng.normal(size=(3, 4, 4, channels)).astype(np.float32)

    return normal_output


def test_the_shared_variance_is_the_best_and_its_gradient_is_exact(
    images, normal_output
):
    likelihood = likelihood_of("gaussian_shared")
    output = normal_output(2)
    total = jax.jit(lambda output: likelihood.nll(output, images, {}).sum())
    fixed = likelihood_of("gaussian")
    best = losses.optimal_variance(jax.nn.sigmoid(output), images)
    at = lambda variance: nll_of(fixed, output, images, {"variance": variance}).sum()
    assert total(output) < at(0.9 * best)
    assert total(output) < at(1.1 * best)
    # the derivative of n/2 log(mean squared error), which has no variance in it
    closed = lambda output: (
        0.5 * images.size * jnp.log(((jax.nn.sigmoid(output) - images) ** 2).mean())
    )
    np.testing.assert_allclose(
        *(jax.jit(jax.grad(f))(output) for f in (total, closed)), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("name", ["discretised_logistic", "logistic_mixture"])
def test_the_smallest_scale_is_that_of_the_source(name):
    """-7 for images in [-1, 1]: a bin of 2 / 255 is 8.6 scales wide, as is 1 / 255 here."""
    value, small = 100 / 255, -1e4
    mean = np.log(value / (1 - value))
    output = {
        "discretised_logistic": [mean, small],
        "logistic_mixture": [0.0] * 5 + [mean] * 5 + [small] * 5,
    }[name]
    image = np.full((1, 1, 1, 1), value, np.float32)
    found = nll_of(
        likelihood_of(name), np.float32(output).reshape(1, 1, 1, -1), image, {}
    )
    half = np.exp(7) / 255  # of a bin, in scales
    np.testing.assert_allclose(found, -np.log(np.tanh(half / 2)), rtol=1e-2)


def test_a_mixture_takes_its_parts_in_their_order(images):
    likelihood = likelihoods.make(
        {"likelihood": "logistic_mixture", "mixture_components": 2, "hparams": {}}
    )
    assert likelihood.outputs(2) == 2 * (1 + 2 * 2)
    logits, low, high = [0.0, np.log(3)], -2.0, 2.0
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    # one pixel: weights, then for each channel the means and scales of both components
    pixel = np.float32([*logits, *[low, high, -6.0, -6.0] * 2])
    output = np.broadcast_to(pixel, (3, 4, 4, 10))
    wanted = 0.25 * sigmoid(low) + 0.75 * sigmoid(high)
    np.testing.assert_allclose(jax.jit(likelihood.mean)(output), wanted, rtol=1e-3)
    at_high = np.full((3, 4, 4, 2), np.float32(sigmoid(high)))
    at_low = np.full((3, 4, 4, 2), np.float32(sigmoid(low)))
    nll = jax.jit(likelihood.nll)
    gap = np.asarray(nll(output, at_low, {})) - nll(output, at_high, {})
    np.testing.assert_allclose(gap, 16 * np.log(3), rtol=1e-2)


@pytest.mark.parametrize("name", likelihoods.LIKELIHOODS)
def test_mean_images_lie_where_the_likelihood_is_large(name, tiny_config):
    """A decoder fitted to one image, pixel by pixel, returns that image."""
    likelihood = likelihood_of(name, variance=0.04)
    image = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(1, 2, 2, 3)
    output = np.zeros((1, 2, 2, likelihood.outputs(3)), np.float32)

    @jax.jit
    def fit(output):
        slope = jax.grad(lambda o: likelihood.nll(o, image, {"variance": 0.04}).sum())
        # sign descent, since gradients grow without bound as a variance goes to 0
        step = lambda i, o: o - 0.05 * 0.99**i * jnp.sign(slope(o))
        return jax.lax.fori_loop(0, 600, step, output)

    found = jax.jit(likelihood.mean)(fit(output))
    assert found.shape == image.shape
    np.testing.assert_allclose(found, image, atol=0.05)


@pytest.mark.parametrize(
    ("method", "likelihood"),
    [*((vae, "logistic_mixture") for vae in VAES), ("beta_vae", "gaussian")],
)
def test_every_vae_takes_a_likelihood(method, likelihood, tiny_config, traced_step):
    config = config_with(tiny_config, method, likelihood)
    state, metrics, decoded = traced_step(config)
    outputs = likelihoods.make(config).outputs(1)
    last = max(state.params["decoder"], key=lambda name: int(name.split("_")[1]))
    assert state.params["decoder"][last]["kernel"].shape[-1] == 64 * 64 * outputs
    assert metrics.loss.shape == ()
    assert decoded.shape == (5, 64, 64, 1)


def test_the_decoder_has_the_outputs_that_the_likelihood_takes(tiny_config):
    config = config_with(tiny_config, "vae", "discretised_logistic")
    config.image_shape = (64, 64, 3)
    assert autoencoder.make_networks(config).decoder.image_shape == (64, 64, 6)


def test_an_unknown_likelihood_is_named_with_those_near_to_it(tiny_config):
    config = config_with(tiny_config, "vae", "gausian")
    for check in (training.make_method, fields.check):
        with pytest.raises(ValueError, match=r"[dD]id you mean 'gaussian'"):
            check(config)


def test_the_likelihood_is_a_field_of_every_vae_and_of_no_other_method():
    for name in shipped.names("configs"):
        config = training.load_config(name)
        is_vae = "vae" in name or name in ("gaussian_tc", "hfs", "qlae", "tripod")
        assert ("likelihood" in config) == is_vae, name
    squared = training.load_config("ml_vae:mnist,as_coded")
    assert squared.likelihood == "squared_error"
    asked = training.load_config("ml_vae:mnist,as_coded,bernoulli")
    assert asked.likelihood == "bernoulli"


def test_words_of_a_config_choose_one_likelihood_of_a_vae():
    with pytest.raises(ValueError, match="one likelihood at a time; found gaussian, l"):
        base_config.get_config("vae", "gaussian,logistic_mixture")
    with pytest.raises(
        ValueError, match="gaussian: sdim is not a VAE and has no likeli"
    ):
        base_config.get_config("sdim", "gaussian")


def test_a_gaussian_has_variance_one_unless_a_hyperparameter_sets_it(images):
    gaussian = likelihoods.make({"likelihood": "gaussian"})
    output = jnp.zeros_like(images)
    found = gaussian.nll(output, images, {})
    assert found == pytest.approx(gaussian.nll(output, images, {"variance": 1.0}))
    by_word = training.load_config("vae:rendered_dsprites,gaussian")
    assert by_word.hparams.variance == 1.0


def test_a_config_without_the_field_is_one_with_its_default():
    new = json.loads(training.load_config("vae").to_json())
    old = {name: value for name, value in new.items() if name != "likelihood"}
    assert workdir.differences(old, new) == {}
    changed = workdir.differences(old, new | {"likelihood": "gaussian"})
    assert changed == {"likelihood": ("bernoulli", "gaussian")}
