"""The scores on a model card."""

from dis_jax import training
from dis_jax.figures import model_card


def evaluation(score, resamples=None):
    entry = {"result": {"score": score}, "baselines": {"chance": {"score": 0.0004}}}
    if resamples:
        entry["resamples"] = {"scores": {"score": resamples}}
    return {"metrics": {"mig": entry}}


def test_one_evaluation_shows_its_interval_and_several_their_range():
    interval = {"low": 0.3111, "high": 0.3333, "null": 0.01}
    one = model_card._scores({"a": evaluation(0.3219, interval)})
    assert one.splitlines()[0] == "| metric | score | value [95 %] | chance |"
    assert one.splitlines()[-1] == "| mig | score | 0.322 [0.311, 0.333] | 0.000 |"
    several = model_card._scores(
        {"a": evaluation(0.3219, interval), "b": evaluation(0.3421)}
    )
    assert several.splitlines()[0] == "| metric | score | value | chance |"
    assert "| 0.332 (0.322 to 0.342, 2 seeds) |" in several
    assert model_card._scores({}) == "Not evaluated."


def test_a_short_schedule_is_said_and_a_full_one_is_not():
    config = training.load_config("beta_vae:rendered_norb,mlp")
    assert "the config's own has 300,000 steps" in model_card._schedule(config, 1_500)
    assert model_card._schedule(config, config.steps) == ""
    config.method = "my_module:my_method"
    assert model_card._schedule(config, 3) == ""
