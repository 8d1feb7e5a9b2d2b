"""Training stops before values that are not finite; what was finite stays usable."""

import logging

import chex
import jax
import numpy as np
import pytest

from dis_jax import training
from dis_jax.studies.transfer import _opened
from dis_jax.training import program, workdir


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(
    begun, caplog
):
    folder, config, good = begun
    config.hparams.learning_rate = 1e30
    config.steps = 20
    with pytest.raises(training.NonFiniteError, match=r"not finite .*step") as error:
        training.train(config, folder, accept_changes=True)
    assert "loss" in str(error.value) or "parameters of" in str(error.value)
    assert "last checkpoint (step 4) is from before that" in str(error.value)
    assert training.divergence(folder) == str(error.value)
    # no checkpoint has the new config
    assert training.read_config(folder).hparams.learning_rate < 1
    assert training.read_config(folder).steps == 4
    with caplog.at_level(logging.WARNING):
        restored = training.restore(folder)[1]
    assert f"{folder}: using step 4; {error.value}" in caplog.text
    chex.assert_trees_all_equal(
        good._replace(hparams={}), restored._replace(hparams={})
    )


def test_before_its_first_checkpoint_a_workdir_takes_another_config(
    make_config, tmp_path
):
    rates = {"hparams.learning_rate": 1e30}
    config = make_config("beta_vae", steps=4, **rates)
    with pytest.raises(
        training.NonFiniteError, match="no checkpoint yet, so you can reuse --workdir"
    ):
        training.train(config, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint yet; .* not finite"):
        training.restore(tmp_path)
    config.hparams.learning_rate = 1e-3
    training.train(config, tmp_path)
    assert training.divergence(tmp_path) == ""
    assert training.read_config(tmp_path).hparams.learning_rate == 1e-3
    assert [line["step"] for line in training.read_metrics(tmp_path)] == [2, 4]


def _diverging(make_config, **overrides):
    rates = {"population.learning_rate": (1e30, 1e-3, 3e-3)}
    return make_config("beta_vae", **(rates | overrides))


@pytest.mark.parametrize("vectorise", [False, True])
def test_a_member_that_diverges_stays_at_its_last_finite_state(
    vectorise, make_config, stopped_at, tmp_path, monkeypatch, caplog
):
    form = program.BACKENDS["cpu"]._replace(unroll=False, vectorise=vectorise)
    monkeypatch.setitem(program.BACKENDS, "cpu", form)
    config = _diverging(make_config, steps=12)
    with caplog.at_level(logging.WARNING):
        state = training.train(config, tmp_path / "three")
    assert "not finite" in caplog.text
    assert "for members [0]" in caplog.text
    ((member, stopped),) = training.diverged(state).items()
    assert member == 0
    assert stopped < 12
    assert stopped % 2 == 0  # the state before the call that went wrong
    assert state.step.tolist() == [stopped, 12, 12]
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))

    lines = training.read_metrics(tmp_path / "three")
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    for line in lines:
        out = line["step"] > stopped
        assert (line["loss"][0] is None) == out
        assert line.get("diverged") == ({"0": stopped} if out else None)

    # a resumed run equals the unbroken one
    broken = stopped_at(8, tmp_path / "three", last=12)
    chex.assert_trees_all_equal(state, training.train(config, broken))
    if not vectorise:  # vectorised members round differently
        # the others equal those trained without it
        config.population.learning_rate = (1e-3, 3e-3)
        two = training.train(config, tmp_path / "two")
        for i, own in enumerate((1, 2)):
            chex.assert_trees_all_equal(
                training.member(two, i), training.member(state, own)
            )
    _, restored, _ = training.restore(tmp_path / "three", member=0)
    assert int(restored.step) == stopped
    # readers accept the run as finished, although its first member is not
    training.export(tmp_path / "three", tmp_path / "exported", member=0)
    assert int(training.restore(tmp_path / "exported")[1].step) == stopped
    assert f"after step {stopped}." in training.divergence(tmp_path / "exported")
    config = training.read_config(tmp_path / "three")
    assert _opened(tmp_path / "three", config, None).image_set.num_images == 40
    after = _diverging(make_config, steps=2, **{"init_from.step": 12})
    after.init_from.update(workdir=str(tmp_path / "three"), networks=("encoder",))
    after.population.learning_rate = (1e-12, 2e-12, 3e-12)
    began = training.train(after, tmp_path / "after").params["encoder"]
    for found, wanted in zip(
        *map(jax.tree.leaves, (began, state.params["encoder"])), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_a_population_of_which_no_member_is_left_stops(make_config, tmp_path):
    rates = {"population.learning_rate": (1e30, 1e31)}
    with pytest.raises(training.NonFiniteError, match=r"for members \[0, 1\]") as error:
        training.train(make_config("beta_vae", steps=8, **rates), tmp_path)
    assert "clip_norm" not in str(error.value)
    assert error.value.steps == (0, 0)  # of each member


def test_a_run_that_diverged_is_whole_at_the_steps_that_it_has(make_config, tmp_path):
    """The user accepts it as finished by asking for no more steps."""
    config = make_config("beta_vae", steps=4)
    training.train(config, tmp_path)
    config.steps = 9
    workdir.write_config(tmp_path, config)
    workdir.write_divergence(tmp_path, "loss is not finite at step 7.")
    training.export(tmp_path, tmp_path / "out")
    assert training.divergence(tmp_path / "out") == "loss is not finite at step 7."
    config.steps = 4
    training.train(config, tmp_path)
    assert training.divergence(tmp_path) == ""
    assert training.read_config(tmp_path).steps == 4
    training.export(tmp_path, tmp_path / "out")
    assert training.divergence(tmp_path / "out") == ""
