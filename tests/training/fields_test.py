"""Every field of a config is checked by the table before anything is loaded."""

import importlib
import pathlib

import pytest

from dis_jax import data, training
from dis_jax.training import fields

CONFIGS = sorted(
    path.stem
    for path in (pathlib.Path(__file__).resolve().parents[2] / "configs").glob("*.py")
    if "def get_config(argument" in path.read_text() and path.stem != "base"
)
INF, NAN = float("inf"), float("nan")
WRONG = {
    "batch_size": (0, -4, True),
    "seed": (-1, 2**32),
    "steps": (-1,),
    "steps_per_call": (-1,),
    "log_every": (0, -5),
    "checkpoint_every": (0,),
    "keep_checkpoints": (0, -1),
    "precision": ("float8", "float64", ""),
    "mesh": ((1, 1, 1), (0, 1), (1,), (1, -2), (-1, 1), (1.0, 1.0)),
    "dataset": ("",),
    "optimiser.b1": (1.5, 1.0, -0.1, NAN),
    "optimiser.b2": (1.5, INF),
    "optimiser.eps": (-1.0, NAN, INF),
    "hparams.learning_rate": (-1.0, NAN, INF, 1e39),
    "hparams.beta": (-2.0, NAN, INF),
    "hparams.clip_norm": (-1.0, 0.0, NAN),
    "network.latent": (-2, 0),
    "network.hidden": (0,),
    "network.name": ("cnn",),
    "network.form": ("fft",),
    "network.init": ("zeros",),
    "init_from.networks": ((1,), ("",)),
    "population.seed": ((0, 0), (1.5,), (-1,), (2**32,), ("a",)),
    "population.beta": ((1.0, 1.0), (-1.0,), (NAN,), (1.0, NAN)),
    "population.learning_rate": ((INF,), (1e-3, -1.0)),
}

OF_METHODS = [
    ("factor_vae", "batch_size", 1),
    ("beta_tcvae", "batch_size", 1),
    ("factor_vae", "discriminator_optimiser.b2", 2.0),
    ("factor_vae", "discriminator.widths", (0,)),
    ("joint_vae", "categories", 1),
    ("joint_vae", "hparams.temperature", 0.0),
    ("ml_vae", "mode", "papers"),
    ("ml_vae", "class_latent", 0),
    ("ml_vae", "sampler.group_size", 0),
    ("infogan", "elastic", ("entropie",)),
    ("infogan", "prior", "flat"),
    ("infogan", "network.categories", 1),
    ("infogan", "population.class_counts", ((-1, 3),)),
    ("sdim", "estimator", "mine"),
    ("sdim", "attributes.digit.classes", 0),
    ("edim", "network.exclusive", -1),
    ("ada_gvae", "sampler.num_changed", 0),
    ("ada_gvae", "sampler.order", "random"),
    ("group_vae", "aggregate", "sum"),
    ("slow_vae", "sampler.shape", 0.0),
    ("slow_vae", "hparams.rate", 0.0),
    ("qlae", "num_values", 1),
    ("tripod", "batch_size", 1),
    ("tripod", "num_perturbations", 1),
]


def _config(method="beta_vae"):
    return importlib.import_module(f"configs.{method}").get_config()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_of_the_package_is_accepted(name):
    fields.check(_config(name))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, row in WRONG.items() for value in row]
)
def test_a_value_that_is_not_allowed_is_named(name, value, monkeypatch):
    config = _config()
    with config.ignore_type():
        config.update_from_flattened_dict({name: value})
    monkeypatch.setattr(data, "load", None)  # nothing is loaded before
    with pytest.raises(ValueError, match="expected") as error:
        training.set_up(config)
    assert str(error.value).startswith(f"config.{name} is {value!r}")
    assert ("not a number" in str(error.value)) == (value != value)


@pytest.mark.parametrize(("method", "name", "value"), OF_METHODS)
def test_fields_of_methods_are_checked(method, name, value):
    config = _config(method)
    with config.ignore_type():
        config.update_from_flattened_dict({name: value})
    with pytest.raises(ValueError, match=rf"config\.{name} is .*expected"):
        fields.check(config)


def test_an_argument_that_a_sampler_does_not_take_is_answered_with_the_nearest(
    tiny_config,
):
    config = tiny_config("vae")
    config.sampler = {"ordre": "epoch"}
    with pytest.raises(ValueError, match=r"sampler\.ordre.* did you mean 'order'"):
        training.set_up(config)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hparams.learing_rate", "learning_rate"),
        ("hparams.betta", "beta"),
        ("network.latnt", "latent"),
        ("stepss", "steps"),
        ("bach_size", "batch_size"),
    ],
)
def test_a_misspelled_name_beside_the_right_one_is_refused(name, meant):
    config = training.load_config("beta_vae")
    config.update_from_flattened_dict({name: 1})
    with pytest.raises(ValueError, match=f"reads {name}. Did you mean {meant}"):
        fields.check(config)


def test_names_of_ones_own_are_left_alone():
    config = training.load_config("beta_vae")
    config.hparams.warmth, config.colour, config.network.blocks = 1.0, "red", 2
    fields.check(config)
