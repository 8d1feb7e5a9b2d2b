"""QLAE: its loss, what decays, and codes of few values."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import training
from dis_jax.methods import autoencoder

VALUES = 64 * 64  # of an image


def test_qlae_weighs_the_distances_as_means_over_pixels_and_dimensions(quantised_step):
    weights = {"quantise": 0.5, "commit": 2.0}
    state, _, metrics, nets, images, _ = quantised_step("qlae", hparams=weights)
    z = jax.jit(functools.partial(autoencoder.encode, nets))(state.params, images).mean
    book = np.linspace(-0.5, 0.5, 10)
    quantised = book[np.abs(np.asarray(z)[..., None] - book).argmin(axis=-1)]
    nll_of = jax.jit(functools.partial(autoencoder.reconstruction_nll, nets))
    nll = nll_of(state.params, jnp.asarray(quantised), images, {})
    square = ((z - quantised) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(metrics.quantisation, square, rtol=1e-4)
    np.testing.assert_allclose(metrics.reconstruction, nll.mean(), rtol=1e-5)
    wanted = nll.mean() + VALUES / 3 * 2.5 * square
    np.testing.assert_allclose(metrics.loss, wanted, rtol=1e-5)


def test_kernels_of_both_networks_decay_and_nothing_else(quantised_step):
    rate, decay = 3e-3, 0.7
    before, with_decay, *_ = quantised_step("qlae", hparams={"weight_decay": decay})
    _, without, *_ = quantised_step("qlae", hparams={"weight_decay": 0.0})

    def check(path, old, new, plain):
        kernel = jax.tree_util.keystr(path).endswith("['kernel']")
        wanted = -rate * decay * old if kernel else jnp.zeros_like(old)
        np.testing.assert_allclose(new - plain, wanted, rtol=1e-2, atol=2e-7)

    jax.tree_util.tree_map_with_path(
        check, before.params, with_decay.params, without.params
    )


@pytest.mark.parametrize("name", ["qlae", "tripod"])
def test_codes_are_values_of_the_codebook_and_half_exports_keep_them(
    name, quantised_step
):
    _, state, _, _, images, method = quantised_step(name)
    halves = jax.tree.map(lambda leaf: jnp.float32(jnp.float16(leaf)), {**state.params})
    encode = jax.jit(method.encode)
    for params in (state.params, halves):
        z = encode(state._replace(params=params), {"image": images})["z"]
        if name == "qlae":
            books = np.asarray(params["codebook"]["values"])
            assert books.shape == (3, 10)
        else:
            books = np.tile(np.linspace(-1, 1, 12), (3, 1))
        apart = np.abs(np.asarray(z)[..., None] - books).min(axis=-1)
        assert apart.max() < 1e-6


@pytest.mark.parametrize(
    ("dataset", "factors"),
    [("rendered_shapes3d+resized32", 6), ("dsprites", 5), ("mpi3d", 7), ("cars3d", 3)],
)
def test_there_are_two_dimensions_per_factor(dataset, factors):
    for method in ("qlae", "tripod"):
        assert training.load_config(f"{method}:{dataset}").network.latent == 2 * factors
