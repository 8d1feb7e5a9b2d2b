"""SlowVAE's two losses, term by term."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, losses, training
from dis_jax.methods import autoencoder


@pytest.mark.parametrize("as_coded", [False, True])
def test_the_loss_of_a_pair_is_the_sum_of_its_terms(as_coded, tiny_config):
    weights = {"hparams.beta": 2.0, "hparams.gamma": 3.0, "hparams.rate": 5.0}
    config = tiny_config("slow_vae", as_coded=as_coded, **weights)
    images, _ = data.load("rendered_dsprites").take(jnp.arange(8) * 90_001)
    batch = {"x": images[:4], "y": images[4:]}
    method = training.make_method(config)
    state = jax.jit(method.init)(jax.random.key(0), batch)
    state.params["encoder"]["mean"]["bias"] += jnp.array([0.5, -1.0, 2.0])
    _, metrics = jax.jit(method.update)(state, batch)

    nets = autoencoder.make_networks(config)
    x, y = batch["x"], batch["y"]
    flat = jnp.stack([x, y], axis=1).reshape(-1, 64, 64, 1)  # x, y, x, y, ...
    mean, logvar = autoencoder.encode(nets, state.params, flat)
    z = losses.gaussian_sample(autoencoder.step_key(state, None), mean, logvar)
    nll = autoencoder.reconstruction_nll(nets, state.params, z, flat, {})
    kl = losses.gaussian_kl(mean, logvar)
    at = mean if as_coded else z
    of_y = losses.gaussian_laplace_kl(mean[1::2], logvar[1::2], at[::2], 5.0)
    of_x = losses.gaussian_laplace_kl(mean[::2], logvar[::2], at[1::2], 5.0)
    entropy = 0.5 * (logvar + np.log(2 * np.pi * np.e)).sum(axis=1)
    laplace = (of_x + of_y).mean() / 2
    if as_coded:  # both cross entropies, one entropy
        cross = of_x + entropy[::2] + of_y + entropy[1::2]
        laplace = cross.mean() - entropy.mean()
    wanted = (nll[::2] + nll[1::2]).mean() + 2 * kl.mean() + 3 * laplace
    np.testing.assert_allclose(metrics.loss, wanted, rtol=1e-5)
    np.testing.assert_allclose(
        metrics.transition_kl, (of_x + of_y).mean() / 2, rtol=1e-4
    )


def test_words_choose_the_transitions():
    def made(words):
        config = training.load_config(f"slow_vae:rendered_dsprites{words}")
        return config.pairs, dict(config.sampler), config.as_coded

    laplace = {"rate": 1.0, "shape": 1.0, "order": "keyed"}
    assert made("") == ("transitions", laplace, False)
    assert made(",shape.5,as_coded") == ("transitions", laplace | {"shape": 0.5}, True)
    pairs, sampler, _ = made(",uniform,epoch")
    assert pairs == "pairs"
    assert sampler == {"num_changed": None, "must_differ": True, "order": "epoch"}
    with pytest.raises(ValueError, match="two kinds of transitions"):
        made(",uniform,shape2")
    config = training.load_config("slow_vae")
    config.pairs = "views"
    with pytest.raises(ValueError, match="pairs is 'views'"):
        training.make_method(config)
