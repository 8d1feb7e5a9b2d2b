"""The regularisers of the VAE family, against each other and their definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, losses, methods, training
from dis_jax.methods import autoencoder, optimiser


@pytest.fixture(scope="module")
def images():
    return data.load("rendered_dsprites").take(np.arange(16) * 40_009)[0]


@pytest.fixture(scope="module")
def start(tiny_config, images, first_state):
    """The state before the first step, which the whole family shares."""
    method = training.make_method(tiny_config("vae"))
    state = first_state(method, {"image": images})
    # posteriors differ from the prior, so that no term vanishes
    state.params["encoder"]["mean"]["bias"] += np.array([0.5, -1.0, 2.0], np.float32)
    return state


@pytest.fixture(scope="module")
def step(tiny_config, images, start):
    """Metrics and terms of one step of a method on a fixed batch, from a fixed state."""

    @functools.cache
    def compiled(name):
        config = tiny_config(name)
        method, nets = training.make_method(config), autoencoder.make_networks(config)

        @jax.jit  # what a test does not use, such as gradients, is not compiled
        def both(state):
            key = autoencoder.step_key(state, None)
            parts = nets, state.params, key, images, state.hparams
            metrics = method.update(state, {"image": images})[1]
            return metrics, autoencoder.evidence_terms(*parts)

        return config.hparams, both

    def run(name, at=0, **changed):
        hparams, both = compiled(name)
        hparams = optimiser.scalars({**hparams, **changed})
        return both(start._replace(step=np.int32(at), hparams=hparams))

    return run


def test_loss_is_reconstruction_plus_regulariser(step):
    metrics, terms = step("beta_vae", beta=4.0)
    np.testing.assert_allclose(metrics.loss, metrics.reconstruction + 4 * metrics.kl)
    kl = jax.jit(losses.gaussian_kl)(*terms.posterior)
    assert kl.shape == (16,)
    np.testing.assert_allclose(metrics.kl, np.mean(kl), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "hparams"),
    [
        ("beta_vae", {"beta": 1.0}),
        ("beta_tcvae", {"beta": 1.0}),
        ("dip_vae_i", {"lambda_off": 0.0, "lambda_diag": 0.0}),
        ("dip_vae_ii", {"lambda_off": 0.0, "lambda_diag": 0.0}),
        ("hfs", {"beta": 1.0, "gamma": 0.0}),
    ],
)
def test_each_is_a_vae_where_its_own_term_vanishes(step, name, hparams):
    wanted, _ = step("vae")
    found, _ = step(name, **hparams)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_capacity_grows_linearly_and_stays(step):
    hparams = {"gamma": 10.0, "capacity": 2.0, "capacity_steps": 100.0}
    for at, capacity in [(0, 0.0), (25, 0.5), (100, 2.0), (1000, 2.0)]:
        metrics, _ = step("annealed_vae", at=at, **hparams)
        wanted = 10.0 * abs(float(metrics.kl) - capacity)
        np.testing.assert_allclose(metrics.regulariser, wanted, rtol=1e-5)
    metrics, _ = step("annealed_vae", **hparams | {"capacity_steps": 0.0})
    wanted = 10.0 * abs(float(metrics.kl) - 2.0)  # not annealed, from the first step on
    np.testing.assert_allclose(metrics.regulariser, wanted, rtol=1e-5)


def test_tcvae_adds_the_weighted_total_correlation(step):
    metrics, terms = step("beta_tcvae", beta=6.0)
    tc = jax.jit(losses.minibatch_total_correlation)(terms.z, *terms.posterior)
    wanted = metrics.kl + 5.0 * np.mean(tc)
    np.testing.assert_allclose(metrics.regulariser, wanted, rtol=1e-5)


def test_hfs_adds_the_distance_of_the_support_of_the_means(step):
    metrics, terms = step("hfs", beta=2.0, gamma=30.0)
    distance = jax.jit(losses.factorised_support)(terms.posterior.mean)
    assert distance > 0
    wanted = 2 * metrics.kl + 30 * distance
    np.testing.assert_allclose(metrics.regulariser, wanted, rtol=1e-5)


@pytest.mark.parametrize(("name", "kind"), [("dip_vae_i", "i"), ("dip_vae_ii", "ii")])
def test_dip_penalises_the_covariance_of_its_kind(step, name, kind):
    weights = {"lambda_off": 5.0, "lambda_diag": 50.0}
    metrics, terms = step(name, **weights)
    dip = jax.jit(functools.partial(losses.dip_regulariser, kind=kind, **weights))(
        *terms.posterior
    )
    np.testing.assert_allclose(metrics.regulariser, metrics.kl + dip, rtol=1e-5)


def test_clipping_bounds_the_step_and_infinity_is_off(tiny_config, images, start):
    update = jax.jit(training.make_method(tiny_config("vae")).update)

    def first_moment(clip_norm):
        hparams = start.hparams | {"clip_norm": jnp.float32(clip_norm)}
        state, _ = update(start._replace(hparams=hparams), {"image": images})
        mu = state.opt_state["vae"].mu
        return np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(mu)))

    free = first_moment(float("inf"))
    assert free > 1.0
    # Adam's first moment after one step is a tenth of the clipped gradient
    np.testing.assert_allclose(first_moment(3.0), 0.3, rtol=1e-4)
    np.testing.assert_allclose(first_moment(1e6), free, rtol=1e-6)


@pytest.mark.parametrize("name", ["vae", "factor_vae", "joint_vae", "ada_gvae"])
def test_reconstruction_is_the_nats_of_an_image(tiny_config, first_state, name):
    """If the decoder returns one constant probability, it is a sum of logarithms."""
    config = tiny_config(name)
    method = training.make_method(config)
    pixels = np.random.default_rng(0).integers(256, size=(16, 64, 64, 1))
    factors = np.indices((4, 4)).reshape(2, 16).T
    grid = data.from_arrays(
        *(pixels.astype(np.uint8), factors), name="grid", factor_names=("a", "b")
    )
    sampler = data.SAMPLERS[method.batch](grid, 8, **config.sampler)
    batch = jax.jit(sampler.sample)(grid, jax.random.key(3), 0, sampler.args)
    state = first_state(method, batch)
    decoder = jax.tree.map(np.zeros_like, state.params["decoder"])
    last = max(decoder, key=lambda layer: decoder[layer]["bias"].size)
    decoder[last]["bias"] += 0.7
    state = state._replace(params=state.params | {"decoder": decoder})
    metrics = jax.jit(lambda *args: method.update(*args)[1])(state, batch)
    images = [v for k, v in batch.items() if k in ("image", "x", "y")]
    assert len(images) == (2 if name == "ada_gvae" else 1)
    x, p = np.concatenate(images), 1 / (1 + np.exp(-0.7))
    nats = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(metrics.reconstruction, nats.mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("penalty", "found"),
    [(lambda kl: None, "None"), (lambda kl: kl * jnp.ones(3), r"\(3,\)")],
)
def test_a_regulariser_that_is_no_scalar_is_named(penalty, found, tiny_config):
    config = tiny_config("vae")
    method = methods.regularised_vae(lambda state, terms: penalty(terms.kl), config)
    batch = {"image": jnp.zeros((2, *config.image_shape))}
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    with pytest.raises(
        ValueError, match=rf"the regulariser returned .*{found}; expected"
    ):
        jax.eval_shape(method.update, state, batch)
