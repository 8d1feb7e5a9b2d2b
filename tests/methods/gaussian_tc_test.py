"""Gaussian TC: the source of the moments, and what is trained on them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, losses, networks, training

SPRITES = data.load("rendered_dsprites")
NETWORK = {"moments": "network", "moments_network.widths": (8,)}


@functools.cache
def sprites():
    return {"image": SPRITES.take(np.arange(16) * 40_000)[0]}


@pytest.fixture(scope="module")
def make(tiny_config, first_state):
    """Method, its compiled update, first state and batch."""

    @functools.cache
    def make(**overrides):
        method = training.make_method(tiny_config("gaussian_tc", **overrides))
        state = first_state(method, sprites())
        return method, jax.jit(method.update), state, sprites()

    return make


def moments_of(method, state, batch):
    @jax.jit
    def moments(state):
        return losses.aggregate_gaussian(*method.encode(state, batch)["z"])

    return map(np.asarray, moments(state))


@pytest.mark.parametrize("penalty", ["tc", "kl"])
def test_the_batch_s_moments_make_the_penalty(make, penalty):
    method, _, state, batch = make(penalty=penalty)
    mean, covariance = moments_of(method, state, batch)
    metrics = jax.jit(lambda state: method.update(state, batch)[1])(state)
    tc = jax.jit(losses.gaussian_total_correlation)(covariance)
    kl = jax.jit(losses.gaussian_kl_to_standard_normal)(mean, covariance)
    np.testing.assert_allclose(metrics.total_correlation, tc, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(metrics.aggregate_kl, kl, rtol=1e-3, atol=1e-6)
    expected = (
        metrics.reconstruction + metrics.kl + 35 * (tc if penalty == "tc" else kl)
    )
    np.testing.assert_allclose(metrics.loss, expected, rtol=1e-4)


def test_moving_averages_move_and_their_gradient_is_the_batch_s(make):
    """If they equal the batch's moments, a step equals one with those, for any decay."""
    method, update, state, batch = make(moments="moving", **{"hparams.decay": 0.75})
    mean, covariance = moments_of(method, state, batch)
    after, _ = update(state, batch)
    moments = after.stats["moments"]
    np.testing.assert_allclose(moments["mean"], mean / 4, rtol=1e-3, atol=1e-5)
    expected = 0.75 * np.eye(3) + covariance / 4
    np.testing.assert_allclose(moments["covariance"], expected, rtol=1e-3, atol=1e-5)

    own = {"moments": {"mean": mean, "covariance": covariance}}
    moving, _ = update(state._replace(stats=state.stats | own), batch)
    _, plain, same_start, _ = make()
    batchwise, _ = plain(same_start, batch)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6),
        (moving.params, moving.opt_state["vae"].mu),
        (batchwise.params, batchwise.opt_state["vae"].mu),
    )


def test_the_network_learns_the_moments_and_the_encoder_leaves_it_alone(make):
    method, update, state, batch = make(**NETWORK)
    still = {"learning_rate": jnp.zeros(()), "gamma": jnp.asarray(1e3)}
    state = state._replace(hparams=state.hparams | still)
    _, metrics = update(state, batch)
    first = metrics.moments_nll
    encoder = state.params["encoder"]
    for _ in range(150):
        state, metrics = update(state, batch)
    jax.tree.map(np.testing.assert_array_equal, encoder, state.params["encoder"])
    # the mean NLL of the best Gaussian is the entropy of N(m, S)
    _, covariance = moments_of(method, state, batch)
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    assert abs(metrics.moments_nll - entropy) < max(0.5 * abs(first - entropy), 0.6)


def test_the_penalty_reaches_the_encoder_through_the_network(make):
    """Gamma changes the gradients of the encoder, not those of the network."""
    _, update, state, batch = make(**NETWORK)
    moved = [
        update(state._replace(hparams=state.hparams | {"gamma": jnp.asarray(g)}), batch)
        for g in (0.0, 1e4)
    ]
    (without, _), (with_penalty, _) = moved
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7),
        without.opt_state["moments"].mu,
        with_penalty.opt_state["moments"].mu,
    )
    kernel = lambda state: jax.tree.leaves(state.opt_state["vae"].mu["encoder"])[-1]
    assert abs(kernel(without) - kernel(with_penalty)).max() > 1e-6
    # the network's own loss does not reach the encoder
    _, plain, start, _ = make()
    hparams = start.hparams | {"gamma": jnp.zeros(())}
    vae, _ = plain(start._replace(hparams=hparams), batch)
    np.testing.assert_allclose(kernel(without), kernel(vae), rtol=1e-3, atol=1e-6)


def test_predicted_moments_are_a_gaussian_s_whatever_the_order():
    network = networks.MomentsNetwork((8,))
    mean, logvar = jax.random.normal(jax.random.key(0), (2, 12, 4))
    params = jax.jit(network.init)(jax.random.key(1), mean, logvar)
    apply = jax.jit(network.apply)
    centre, covariance = apply(params, mean, logvar)
    np.testing.assert_allclose(centre, 0, atol=0.5)
    np.testing.assert_allclose(covariance, np.eye(4), atol=0.5)
    assert np.linalg.eigvalsh(covariance).min() > 0
    shuffled = apply(params, np.asarray(mean)[::-1], np.asarray(logvar)[::-1])
    np.testing.assert_allclose(shuffled[1], covariance, atol=1e-5)


def test_unknown_words_are_refused(tiny_config):
    for field in ("moments", "penalty"):
        with pytest.raises(ValueError, match=f"{field} is 'x'; expected one of"):
            training.make_method(tiny_config("gaussian_tc", **{field: "x"}))
    from configs import gaussian_tc

    assert gaussian_tc.get_config("mnist,network,kl").penalty == "kl"
    with pytest.raises(ValueError, match="moving and network are two kinds"):
        gaussian_tc.get_config("mnist,moving,network")
