"""Pairs: shared dimensions have one posterior, the others that of their own image."""

import functools

import jax
import numpy as np
import pytest

from dis_jax import data, losses, training
from dis_jax.methods import autoencoder
from dis_jax.methods.optimiser import scalars

NAMES = ("group_vae", "ada_gvae", "ada_ml_vae")


@pytest.fixture(scope="module")
def make(tiny_config, first_state):
    sprites = data.load("rendered_dsprites")

    @functools.cache
    def made(name, **fields):
        config = tiny_config(name, **fields)
        sampler = data.SAMPLERS["pairs"](sprites, 8, **config.sampler)
        sample = jax.jit(sampler.sample)
        batch = sample(sprites, jax.random.key(3), 0, sampler.args)
        method = training.make_method(config)
        state = first_state(method, batch)
        # spread out, so that the two posteriors of a pair differ in every dimension
        head = state.params["encoder"]["mean"]
        head["kernel"] = head["kernel"] * 30
        return config, method, state, batch

    def make(name, **fields):
        config, method, state, batch = made(name, **fields)
        return config, method, jax.tree.map(lambda leaf: leaf, state), batch

    return make


def metrics_of(method):
    """The metrics of a step, jitted: gradients are not compiled."""
    return jax.jit(lambda state, batch: method.update(state, batch)[1])


@pytest.fixture(scope="module")
def measure(make):
    """`metrics_of` by name."""
    return functools.cache(lambda name: metrics_of(make(name)[1]))


@pytest.fixture(scope="module")
def update(make):
    """Compiled updates by name."""
    return functools.cache(lambda name: jax.jit(make(name)[1].update))


def with_hparams(state, **values):
    return state._replace(hparams=state.hparams | scalars(values))


def sampled_posterior(method, state, batch, monkeypatch):
    """The posterior that a step draws z from, in the order x0, y0, x1, ...; and metrics."""
    seen = []
    sample = losses.gaussian_sample

    def spy(key, mean, logvar):
        jax.debug.callback(lambda *q: seen.append(q), mean, logvar)
        return sample(key, mean, logvar)

    monkeypatch.setattr(losses, "gaussian_sample", spy)
    metrics = jax.block_until_ready(metrics_of(method)(state, batch))
    jax.effects_barrier()
    pairs = len(batch["x"])
    return [np.asarray(part).reshape(pairs, 2, -1) for part in seen[0]], metrics


@pytest.mark.parametrize("name", NAMES)
def test_shared_dimensions_are_one_and_the_others_are_not(name, make, monkeypatch):
    config, method, state, batch = make(name)
    (mean, logvar), metrics = sampled_posterior(method, state, batch, monkeypatch)
    nets = autoencoder.make_networks(config)
    encode = jax.jit(functools.partial(autoencoder.encode, nets))
    x, y = (encode(state.params, batch[side]) for side in "xy")
    multiply, average = losses.multiply_posteriors, losses.average_posteriors
    common = jax.jit(multiply if name == "ada_ml_vae" else average)(*x, *y)
    if name == "group_vae":
        shared = ~np.asarray(batch["changed"])
    else:
        shared = np.asarray(jax.jit(losses.adaptive_shared_dims)(*x, *y))
    assert shared.any()
    assert not shared.all()
    owns = zip(*([np.asarray(part) for part in side] for side in (x, y)), strict=True)
    for found, both, own in zip(
        (mean, logvar), map(np.asarray, common), owns, strict=True
    ):
        np.testing.assert_array_equal(found[:, 0][shared], found[:, 1][shared])
        np.testing.assert_allclose(
            found[:, 0][shared], both[shared], rtol=1e-4, atol=1e-5
        )
        for side in range(2):
            np.testing.assert_allclose(
                found[:, side][~shared], own[side][~shared], rtol=1e-4, atol=1e-5
            )
    np.testing.assert_allclose(metrics.shared, shared.sum(axis=1).mean(), rtol=1e-6)


def test_what_changed_may_be_told_in_any_type(make, measure):
    _, _, state, batch = make("group_vae")
    changed = np.asarray(batch["changed"])
    told = [changed.astype(dtype) for dtype in (bool, np.uint8, np.int32)]
    step = measure("group_vae")
    found = [step(state, batch | {"changed": changed}) for changed in told]
    assert len({float(metrics.shared) for metrics in found}) == 1
    assert len({float(metrics.loss) for metrics in found}) == 1


def test_the_loss_is_halved_over_the_pair(make, measure):
    """A pair of equal images gives that image's beta-VAE loss, whatever is shared."""
    _, method, state, batch = make("ada_gvae")
    twice = batch | {"y": batch["x"]}
    metrics = measure("ada_gvae")(with_hparams(state, beta=3.0), twice)
    mean, logvar = jax.jit(method.encode)(state, {"image": batch["x"]})["z"]
    kl = np.mean(jax.jit(losses.gaussian_kl)(mean, logvar))
    np.testing.assert_allclose(metrics.kl, kl, rtol=1e-4)
    np.testing.assert_allclose(metrics.loss, metrics.reconstruction + 3 * kl, rtol=1e-5)
    assert metrics.shared == mean.shape[1]


def test_beta_grows_over_the_warm_up(make, measure):
    _, _, state, batch = make("ada_gvae")
    state, betas = with_hparams(state, warmup_steps=10.0), []
    for step in (0, 4, 9, 50):
        m = measure("ada_gvae")(state._replace(step=np.int32(step)), batch)
        betas.append(float((m.loss - m.reconstruction) / m.kl))
    np.testing.assert_allclose(betas, [0.1, 0.5, 1.0, 1.0], rtol=1e-3)


def test_labels_need_a_latent_for_each_factor(make, tiny_config):
    *_, batch = make("group_vae")
    method = training.make_method(tiny_config("group_vae", **{"network.latent": 4}))
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    with pytest.raises(ValueError, match=r"network\.latent"):
        jax.eval_shape(method.update, state, batch)


def test_an_unknown_aggregate_is_named(tiny_config):
    with pytest.raises(ValueError, match="aggregate"):
        training.make_method(tiny_config("group_vae", aggregate="sum"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bias", [-30.0, 30.0])
def test_gradients_stay_finite_where_a_variance_goes_to_an_extreme(
    name, bias, make, update
):
    _, _, state, batch = make(name)
    head = state.params["encoder"]["logvar"]
    head["bias"] = head["bias"].copy()
    head["bias"][0] = bias
    after, _ = update(name)(state, batch)
    assert all(np.isfinite(p).all() for p in jax.tree.leaves(after.params))
