"""FactorVAE's two optimisers receive their own gradients and nothing else."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, losses, networks, training
from dis_jax.methods import autoencoder
from tests.trees import same


@pytest.fixture(scope="module")
def parts(tiny_config):
    sprites = data.load("rendered_dsprites")
    image, _ = sprites.take(np.arange(16) * 40_009)
    image2, _ = sprites.take(np.arange(16) * 30_011)
    batch = {"image": image, "image2": image2}
    config = tiny_config("factor_vae")
    method = training.make_method(config)
    state = jax.jit(method.init)(jax.random.key(0), batch)
    return config, jax.jit(method.update), state, batch


def _with(state, **hparams):
    values = {name: jnp.float32(value) for name, value in hparams.items()}
    return state._replace(hparams=state.hparams | values)


def _autoencoder(state):
    return state.params["encoder"], state.params["decoder"]


def test_each_optimiser_has_its_own_rate_and_moments(parts):
    config, update, state, batch = parts
    rates = ("learning_rate", "discriminator_learning_rate")
    for rate, others in zip(rates, reversed(rates), strict=True):
        after, _ = update(_with(state, **{rate: 1e-3, others: 0.0}), batch)
        critic_moved = not same(*(s.params["discriminator"] for s in (after, state)))
        assert critic_moved == (rate == "discriminator_learning_rate")
        assert same(_autoencoder(after), _autoencoder(state)) == critic_moved
    # the first step of Adam puts (1 - b1) of a gradient into its first moment, and
    # (1 - b2) of its square into its second
    after, _ = update(state, batch)
    for name, adam in (
        ("vae", config.optimiser),
        ("discriminator", config.discriminator_optimiser),
    ):
        (moments,) = (
            s
            for s in jax.tree.leaves(
                after.opt_state[name], is_leaf=lambda s: hasattr(s, "mu")
            )
            if hasattr(s, "mu")
        )
        first, second = (
            np.concatenate([np.ravel(m) for m in jax.tree.leaves(tree)])
            for tree in (moments.mu, moments.nu)
        )
        ratio = (1 - adam.b1) ** 2 / (1 - adam.b2)
        np.testing.assert_allclose(first**2, ratio * second, rtol=1e-3, atol=1e-12)
    assert config.optimiser.b1 != config.discriminator_optimiser.b1


def test_the_tc_term_never_trains_the_discriminator(parts):
    _, update, state, batch = parts
    small, _ = update(_with(state, gamma=0.0), batch)
    large, _ = update(_with(state, gamma=1e4), batch)
    chex.assert_trees_all_equal(
        small.params["discriminator"], large.params["discriminator"]
    )
    assert not same(_autoencoder(small), _autoencoder(large))


def test_the_discriminators_loss_never_trains_the_autoencoder(parts):
    _, update, state, batch = parts
    state = _with(state, gamma=0.0)
    other = jax.tree.map(
        lambda p: np.asarray(p) + np.float32(0.1), state.params["discriminator"]
    )
    changed = state._replace(params=state.params | {"discriminator": other})
    a, metrics_a = update(state, batch)
    b, metrics_b = update(changed, batch)
    assert metrics_a.discriminator_loss != metrics_b.discriminator_loss
    chex.assert_trees_all_equal(_autoencoder(a), _autoencoder(b))


def test_the_tc_term_goes_through_the_discriminator_into_the_encoder_alone(parts):
    _, update, state, batch = parts
    a, _ = update(_with(state, gamma=0.0), batch)
    b, _ = update(_with(state, gamma=100.0), batch)
    assert not same(a.params["encoder"], b.params["encoder"])
    chex.assert_trees_all_equal(a.params["decoder"], b.params["decoder"])


def test_the_second_batch_reaches_the_discriminator_alone(parts):
    _, update, state, batch = parts
    a, metrics_a = update(state, batch)
    b, metrics_b = update(state, batch | {"image2": 1.0 - batch["image2"]})
    chex.assert_trees_all_equal(_autoencoder(a), _autoencoder(b))
    assert not same(a.params["discriminator"], b.params["discriminator"])
    assert metrics_a.total_correlation == metrics_b.total_correlation


def test_metrics_are_the_equations(parts):
    """Kim & Mnih 2018, Algorithm 2, put together by hand from the losses."""
    config, update, state, batch = parts
    _, metrics = update(_with(state, gamma=35.0), batch)
    nets = autoencoder.make_networks(config)
    critic = networks.Discriminator((8, 8))

    @jax.jit
    def by_hand(state):
        vae_key, second_key, permute_key = jax.random.split(
            autoencoder.step_key(state, None), 3
        )
        terms = autoencoder.evidence_terms(
            nets, state.params, vae_key, batch["image"], state.hparams
        )
        second = autoencoder.encode(nets, state.params, batch["image2"])
        z2 = losses.gaussian_sample(second_key, *second)
        z2 = losses.permute_dims(permute_key, z2)
        variables = {"params": state.params["discriminator"]}
        return terms, critic.apply(variables, terms.z), critic.apply(variables, z2)

    terms, joint, permuted = by_hand(state)
    joint, permuted = np.asarray(joint), np.asarray(permuted)
    tc = np.mean(joint[:, 0] - joint[:, 1])
    np.testing.assert_allclose(metrics.total_correlation, tc, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        metrics.loss, terms.reconstruction + terms.kl + 35.0 * tc, rtol=1e-5
    )
    log_joint, log_permuted = map(jax.jit(jax.nn.log_softmax), (joint, permuted))
    wanted = -0.5 * (log_joint[:, 0].mean() + log_permuted[:, 1].mean())
    np.testing.assert_allclose(metrics.discriminator_loss, wanted, rtol=1e-5)
