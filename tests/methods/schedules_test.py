"""Hyperparameters that follow a schedule: exact, resumed, and different between members."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dis_jax import training
from dis_jax.methods import schedules

LINEAR = {
    "schedule": "linear",
    "init_value": 0.0,
    "end_value": 4.0,
    "transition_steps": 4,
}
COSINE = {"schedule": "cosine", "init_value": 1e-3, "decay_steps": 6}


@pytest.fixture
def make(tiny_config):
    def config(**hparams):
        found = tiny_config("beta_vae")
        found.update(steps=6, log_every=1, checkpoint_every=2)
        with found.ignore_type():
            found.hparams.update(hparams)
        return found

    return config


def rates(folder, name):
    return [line[name] for line in training.read_metrics(folder)]


def test_a_schedule_is_followed_resumed_exactly_and_differs_between_members(
    make, tmp_path, rounds_alike
):
    config = make(beta=LINEAR, learning_rate=COSINE)
    whole = training.train(config, tmp_path / "whole")
    betas = np.minimum(np.arange(6), 4)
    np.testing.assert_allclose(rates(tmp_path / "whole", "beta"), betas, rtol=1e-6)
    cosine = 1e-3 * (1 + np.cos(np.pi * np.arange(6) / 6)) / 2
    found = rates(tmp_path / "whole", "learning_rate")
    np.testing.assert_allclose(found, cosine, rtol=1e-4)
    log = training.read_metrics(tmp_path / "whole")
    for line in log:  # the loss uses the scheduled weight
        loss = line["reconstruction"] + line["beta"] * line["kl"]
        np.testing.assert_allclose(line["loss"], loss, rtol=1e-5)

    for steps in (2, 6):
        config = make(beta=LINEAR, learning_rate=COSINE)
        config.steps = steps
        parts = training.train(config, tmp_path / "parts")
    same = jax.tree.map(np.array_equal, whole.params, parts.params)
    assert all(jax.tree.leaves(same))

    config = make(learning_rate=COSINE)
    with config.ignore_type():
        config.population.beta = (4.0, LINEAR)
    many = training.train(config, tmp_path / "many")
    second = training.member(many, 1)
    # the population's program, which selects the schedule, rounds equally
    same = jax.tree.map(np.array_equal, whole.params, second.params)
    assert all(jax.tree.leaves(same))
    assert rates(tmp_path / "many", "beta")[2] == [4.0, 2.0]
    _, restored, _ = training.restore(tmp_path / "many", member=1)
    assert float(restored.hparams["beta"]) == 1  # the second of its population


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"schedule": "linaer"}, r"beta\.schedule is 'linaer'; did you mean 'linear'"),
        (
            {"schedule": "linear", "init_value": 1.0},
            "needs end_value, transition_steps",
        ),
        ({"schedule": "constant", "valu": 1.0}, "has no 'valu'; did you mean 'value'"),
        (
            {**LINEAR, "end_value": -1.0},
            r"finite number from 0, but it is -1.0 at step",
        ),
        ({"schedule": "cosine", "init_value": 1.0, "decay_steps": 0}, "positive decay"),
    ],
)
def test_what_is_no_schedule_is_named(make, value, message):
    with pytest.raises(ValueError, match=message):
        training.set_up(make(beta=value))


def test_a_schedule_of_a_member_is_checked_and_may_not_be_there_twice(make):
    for values, message in (
        ((LINEAR, dict(LINEAR)), "distinct values"),
        ((1.0, {"schedule": "x"}), r"population\.beta\.schedule is 'x'"),
    ):
        config = make()
        with config.ignore_type():
            config.population.beta = values
        with pytest.raises(ValueError, match=message):
            training.set_up(config)


def test_only_hyperparameters_have_schedules(make):
    config = make()
    with config.ignore_type():
        config.batch_size = LINEAR
    with pytest.raises(ValueError, match=r"config\.batch_size .*only hyperparameters"):
        training.set_up(config)


def test_the_last_value_is_what_comes_after():
    assert schedules.at(LINEAR, 1000) == 4.0
    assert schedules.at(2.5, 0) == 2.5
