"""Members of populations, as scoring scripts receive them."""

import jax
import pytest

from dis_jax import training
from dis_jax.training import workdir
from launch import models


def test_a_member_has_to_be_named_and_has_its_own_settings(tiny_config, tmp_path):
    beta, seed = "population.beta", "population.seed"
    config = tiny_config("beta_vae", **{seed: (3, 5), beta: (1.0, 8.0), "steps": 1})
    states = training.train(config, tmp_path)
    with pytest.raises(ValueError, match=r"its 4 members by --member=\.\.\., from"):
        models.restore(tmp_path, None)
    _, state, own, diverged = models.restore(tmp_path, 1)
    assert diverged == {}
    assert (own.seed, own.hparams.beta) == (3, 8.0)
    assert float(state.hparams["beta"]) == 8.0
    wanted = jax.tree.leaves(training.member(states, 1).params)[0]
    assert (jax.tree.leaves(state.params)[0] == wanted).all()


def test_a_model_that_diverged_is_marked_where_it_is_scored(tiny_config, tmp_path):
    population = tiny_config("beta_vae", steps=2, **{"population.seed": (0, 1)})
    population.population.learning_rate = (1e-3, 1e30)
    training.train(population, tmp_path / "two")
    assert models.restore(tmp_path / "two", 0).diverged == {}
    (step,) = models.restore(tmp_path / "two", 1).diverged.values()
    assert step < 2
    alone = tiny_config("beta_vae", steps=1)
    training.train(alone, tmp_path / "one")
    workdir.write_divergence(tmp_path / "one", "kl is not finite at step 2.")
    assert models.restore(tmp_path / "one", None).diverged == {"diverged": 1}
    # then all members have diverged: two of them have made all steps
    workdir.write_divergence(tmp_path / "two", "kl is not finite at step 3.")
    assert models.restore(tmp_path / "two", 0).diverged == {"diverged": 2}
    words = [member["diverged"] for member in models.what_members_are(tmp_path / "two")]
    assert words == ["after step 2", f"after step {step}"] * 2


@pytest.mark.parametrize("stopped", [{}, {1: 4}])
def test_members_that_diverged_say_so(stopped, tiny_config, monkeypatch):
    config = tiny_config("beta_vae", **{"population.beta": (1.0, 8.0)})
    monkeypatch.setattr(training, "restore", lambda _, best: (None, None, config))
    monkeypatch.setattr(training, "stopped_at", lambda run, _, i: stopped.get(i))
    found = models.what_members_are("run")
    assert [member["beta"] for member in found] == [1.0, 8.0]
    words = [member.get("diverged") for member in found]
    assert words == (["no", "after step 4"] if stopped else [None, None])
