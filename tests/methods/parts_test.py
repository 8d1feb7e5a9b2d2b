"""Networks that compute parts of a batch in parallel give the result of the whole."""

import jax
import numpy as np
import pytest

from dis_jax import compiler, networks, training
from dis_jax.methods import METHODS, autoencoder

SMALL = {"hidden": 8, "widths": (4, 8)}


@pytest.fixture
def nets(tiny_config):
    config = tiny_config("vae")
    config.network = {"name": "conv", "latent": 3, "form": "pair", **SMALL}
    config.image_shape = (16, 16, 3)
    return autoencoder.make_networks(config)


@pytest.fixture
def images():
    return jax.random.uniform(jax.random.key(1), (7, 16, 16, 3))


@pytest.fixture
def both(monkeypatch):
    """Calls a function with whole batches, and with batches in three parts."""

    def call(function):
        found = []
        for parts in (1, 3):  # of seven examples: unequal sizes
            monkeypatch.setattr(compiler, "parts", lambda n, parts=parts: parts)
            found.append(function())
        return found

    return call


def _close(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-5), one, other)


def test_parts_are_encoded_decoded_and_differentiated_like_the_whole(
    nets, images, both
):
    params = autoencoder.init_params(nets, jax.random.key(0), images)
    z = jax.random.normal(jax.random.key(2), (7, 3))

    def loss(params):
        terms = autoencoder.evidence_terms(nets, params, jax.random.key(3), images, {})
        return terms.reconstruction + terms.kl

    whole, parts = both(
        lambda: (
            autoencoder.encode(nets, params, images),
            autoencoder.decode(nets, params, z),
            autoencoder.activations(nets, params, z),
            jax.value_and_grad(loss)(params),
        )
    )
    _close(whole, parts)


def test_networks_see_parts(nets, images, both):
    params = autoencoder.init_params(nets, jax.random.key(0), images)

    def largest_batch():
        jaxpr = jax.make_jaxpr(lambda x: autoencoder.encode(nets, params, x))(images)
        products = [e for e in jaxpr.eqns if e.primitive.name == "dot_general"]
        return max(e.outvars[0].aval.shape[0] for e in products)

    assert both(largest_batch) == [7, 3]


def test_networks_of_ones_own_see_the_whole_batch(nets, images, both):
    class Centred(networks.ConvEncoder):
        def __call__(self, image):
            return super().__call__(image - image.mean(0))

    own = nets._replace(encoder=Centred(latent=3, **SMALL))
    assert nets.by_parts
    assert not own.by_parts
    params = autoencoder.init_params(own, jax.random.key(0), images)
    whole, parts = both(lambda: autoencoder.encode(own, params, images))
    jax.tree.map(np.testing.assert_array_equal, whole, parts)


@pytest.mark.parametrize("name", METHODS)
def test_methods_with_convolutional_autoencoders_compute_by_parts(name):
    config = training.load_config(name)
    with config.unlocked():
        config.image_shape = (64, 64, 1)
    convolutional = config.network.get("name") == "conv"
    assert training.make_method(config).by_parts == convolutional
