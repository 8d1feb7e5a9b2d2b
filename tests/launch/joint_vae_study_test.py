"""The study of JointVAE: its scores of known codes."""

import jax.numpy as jnp
import pytest

from configs import joint_vae
from configs.studies import joint_vae as study
from dis_jax import data, studies
from dis_jax.data.image_set import rendered_grid
from dis_jax.methods import Categorical, Gaussian, Method

SIZES = (3, 5, 4)


@pytest.fixture
def trained(monkeypatch):
    """Returns a function that makes a model with a given code of a grid's factors."""
    grid = rendered_grid(
        *("grid", ("shape", "across", "down"), SIZES, (1, 1, 3)),
        lambda factors: factors[:, None, None, :] / 10.0,
    )
    monkeypatch.setattr(data, "load", lambda name, data_dir, split: grid)
    config = joint_vae.get_config("rendered_dsprites")
    config.network.latent = 2 + config.categories

    def make(shape_of):
        def encode(state, batch):
            factors = 10 * batch["image"][:, 0, 0]
            shape = jnp.round(shape_of(factors))[:, None]
            logits = jnp.where(shape == jnp.array([2, 0, 1]), 5.0, 0.0)
            z = Gaussian(factors[:, 1:], jnp.zeros_like(factors[:, 1:]))
            return {"z": z, "category": Categorical(logits)}

        method = Method("known", None, None, encode, None, code="z")
        return studies.Trained(method, None, config, 0, None)

    return make


def test_a_category_counts_as_the_dimension_of_its_factor(trained):
    found = study._score_factors(trained(lambda factors: factors[:, 0]))[""]
    assert found["FactorVAE score"] == 1
    assert found["FactorVAE score, means"] == pytest.approx(2 / 3, abs=0.05)
    assert found["MIG, means"] == pytest.approx(2 / 3, abs=0.05)
    assert (found["shape accuracy"], found["shape NMI"]) == (100, pytest.approx(1))


def test_a_category_that_tells_nothing_adds_nothing(trained):
    found = study._score_factors(trained(lambda factors: 0 * factors[:, 0]))[""]
    assert found["FactorVAE score"] == found["FactorVAE score, means"] < 0.75
    assert found["shape accuracy"] == pytest.approx(100 / 3)
    assert found["shape NMI"] == 0


def test_a_study_says_where_its_layers_start():
    names = {}
    for argument in ("", "xavier", "mnist,xavier,steps90"):
        found = study.get_study(argument)
        names[found.name] = found.rows["JointVAE"].network.init
    assert names == {
        "joint_vae_mnist": "pytorch",
        "joint_vae_mnist_xavier": "xavier",
        "joint_vae_mnist_xavier_steps90": "xavier",
    }
