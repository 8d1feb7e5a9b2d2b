"""The scores on a model card."""

import json

from dis_jax import training
from dis_jax.figures import model_card


def evaluation(score, resamples=None, seed=0, kinds=None, date="1"):
    entry = {"result": {"score": score}, "baselines": {"chance": {"score": 0.0004}}}
    if resamples:
        entry["resamples"] = {"scores": {"score": resamples}}
    found = {"metrics": {"mig": entry}, "seed": seed, "date": date}
    return found | {"factor_kinds": kinds or {}}


def test_one_evaluation_shows_its_interval_and_several_their_range():
    interval = {"low": 0.3111, "high": 0.3333, "null": 0.01}
    one = model_card._scores({"a": evaluation(0.3219, interval)})
    assert one.splitlines()[0] == "| metric | score | value [95 %] | chance |"
    assert one.splitlines()[-1] == "| mig | score | 0.322 [0.311, 0.333] | 0.000 |"
    several = model_card._scores(
        {"a": evaluation(0.3219, interval), "b": evaluation(0.3421, seed=1)}
    )
    assert several.splitlines()[0] == "| metric | score | value | chance |"
    assert "| 0.332 (0.322 to 0.342, 2 seeds) |" in several
    assert model_card._scores({}) == "Not evaluated."


def test_a_seed_counts_once_and_other_definitions_of_a_metric_do_not():
    interval = {"low": 0.3111, "high": 0.3333, "null": 0.01}
    again = {"a": evaluation(0.9), "b": evaluation(0.3219, interval, date="2")}
    assert "| mig | score | 0.322 [0.311, 0.333] |" in model_card._scores(again)
    other = {"c": evaluation(0.8, seed=1, kinds={"x": "ordered"})}
    assert "| 0.322 [0.311, 0.333] |" in model_card._scores(again | other)
    other["c"]["date"] = "3"
    assert "| mig | score | 0.800 |" in model_card._scores(again | other)


def test_scores_of_other_numbers_of_rows_are_not_averaged():
    scored = {
        "many": evaluation(0.2) | {"num_codes": 10_000},
        "few": evaluation(0.9, seed=1) | {"num_codes": 200},
        "again": evaluation(0.4, seed=1, date="2") | {"num_codes": 10_000},
    }
    assert "| 0.300 (0.200 to 0.400, 2 seeds) |" in model_card._scores(scored)
    del scored["again"]
    assert "| mig | score | 0.900 |" in model_card._scores(scored)


def test_a_short_schedule_is_said_and_a_full_one_is_not():
    config = training.load_config("beta_vae:rendered_norb,mlp")
    assert "the config's own has 300,000 steps" in model_card._schedule(config, 1_500)
    assert model_card._schedule(config, config.steps) == ""
    config.method = "my_module:my_method"
    assert model_card._schedule(config, 3) == ""


def test_the_card_of_a_member_has_its_scores_and_no_others(
    tmp_path, method, state, config, blobs, run_folder
):
    path = run_folder(tmp_path) / "evaluation" / "final.json"
    of_members = json.loads(path.read_text())
    config = config.copy_and_resolve_references()
    config.update(image_shape=(16, 16, 1), method="my_module:my_method")
    (tmp_path / "out").mkdir()
    for of, shown in ((0, False), (1, True)):
        of_members["source"]["member"] = of
        path.write_text(json.dumps(of_members))
        card = model_card.write_model_card(
            *(tmp_path / "out", tmp_path, method, state, config, blobs),
            **{"member": 1, "num_examples": 16},
        ).read_text()
        assert ("| mig | score | 0.432" in card) == shown
        assert ("Not evaluated." in card) != shown
    assert "# not recorded: trained from Python" in card
    assert "seed 0, member 1 of the population, by" in card
    of_members["source"]["code"] = "category"
    path.write_text(json.dumps(of_members))
    card = model_card.write_model_card(
        *(tmp_path / "out", tmp_path, method, state, config, blobs),
        **{"member": 1, "num_examples": 16},
    ).read_text()
    assert "Not evaluated." in card
