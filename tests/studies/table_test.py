"""The table of a study: means, differences and intervals of its scores."""

import numpy as np
import pytest

from dis_jax import studies


def record(row, seed, **lines):
    return {"row": row, "seed": seed, "steps": 1, "scores": lines, "config": {}}


@pytest.fixture
def result(make_study):
    study, _ = make_study(
        seeds=(0, 1, 2),
        published={"beta 1, own": {"score": 2.5}},
        source="a paper",
        compare=[("beta 4, own", "beta 1, own")],
    )
    records = [record("beta 1", s, own={"score": 1.0 + s}) for s in range(3)]
    records += [record("beta 4", s, own={"score": 3.0 + 3 * s}) for s in range(2)]
    return studies.tabulate(study, records)


def test_cells_of_fewer_models_are_named(make_study):
    study, _ = make_study(seeds=(0, 1))
    records = [record("beta 1", s, own={"score": 1.0, "b": 2.0}) for s in (0, 1)]
    whole = studies.markdown_table(studies.tabulate(study, records))
    assert "fewer" not in whole
    del records[1]["scores"]["own"]["b"]
    text = studies.markdown_table(studies.tabulate(study, records))
    assert "other scores are undefined: beta 1, own, b (1 of 2)." in text


def test_repetitions_of_one_unit_are_one_value(make_study):
    compare = [("beta 4, own", "beta 1, own")]
    study, _ = make_study(
        seeds=(0, 1, 50, 51), compare=compare, unit=lambda seed: seed % 50
    )
    scores = {0: 1.0, 50: 3.0, 1: 4.0, 51: 8.0}  # means 2 and 6
    records = [record("beta 1", s, own={"score": v}) for s, v in scores.items()]
    records += [record("beta 4", s, own={"score": v + 1}) for s, v in scores.items()]
    found = studies.tabulate(study, records)
    own = found["lines"]["beta 1, own"]["score"]
    assert (own["mean"], own["std"], own["n"]) == (4.0, pytest.approx(8**0.5), 2)
    difference = found["differences"][0]["columns"]["score"]
    few = {"mean": 1.0, "low": None, "high": None}
    assert difference == {**few, "n": 2, "each": [1.0, 1.0]}
    found = studies.tabulate(study, [r for r in records if r["seed"] % 50])
    difference = found["differences"][0]["columns"]["score"]
    assert difference == {**few, "n": 1, "each": [1.0]}
    assert "| score | +1 | +1 |" in studies.markdown_table(found)


def test_from_five_pairs_on_a_difference_has_an_interval(make_study):
    study, _ = make_study(
        seeds=tuple(range(5)), compare=[("beta 4, own", "beta 1, own")]
    )
    records = [record("beta 1", s, own={"score": 0.0}) for s in range(5)]
    records += [record("beta 4", s, own={"score": float(s)}) for s in range(5)]
    found = studies.tabulate(study, records)
    difference = found["differences"][0]["columns"]["score"]
    assert difference["mean"] == 2.0
    assert 0 < difference["low"] < 1 < 3 < difference["high"] < 4
    text = studies.markdown_table(found)
    assert "same seeds, 95 % bootstrap:" in text
    assert "each seed" not in text


def test_a_model_that_diverged_is_in_no_mean_and_is_named(make_study):
    study, _ = make_study(seeds=(0, 1, 2))
    records = [record("beta 1", 0, own={"score": 2.0}), record("beta 1", 1)]
    records[1] |= {"diverged": 3, "steps": 3}
    found = studies.tabulate(study, records)
    assert found["lines"]["beta 1, own"]["score"]["mean"] == 2.0
    text = studies.markdown_table(found)
    assert "Diverged and excluded from all means: beta 1, seed 1 (step 3)." in text
    assert "One model per row, seed 0, after 1 step." in text
    records.append(record("beta 1", 2, own={"score": 2.0}) | {"steps": 1200})
    text = studies.markdown_table(studies.tabulate(study, records))
    assert "Mean ± standard deviation over seeds 0, 2, after 1 or 1,200 steps." in text


def test_chance_values_are_stored_and_averaged(make_study):
    study, _ = make_study(seeds=(0, 1))
    row, scores = next(iter(study.rows)), {"own": {"MIG": 0.5, "DCI": 0.5}}
    records = [
        record(row, seed, **scores) | {"chance": {"own": {"MIG": 0.25 * (1 + seed)}}}
        for seed in study.seeds
    ]
    found = studies.tabulate(study, records)
    assert found["lines"][f"{row}, own"]["MIG"]["chance"] == 0.375
    assert found["lines"][f"{row}, own"]["DCI"]["chance"] is None
    text = studies.markdown_table(found)
    assert "\nChance, mean over the lines: MIG 0.38.\n" in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"compare": [("beta 4, own", "beta1")]},
            "compare .* names 'beta1'; .*'beta 1'",
        ),
        ({"published": {"bta 4": {}}}, "published .* names 'bta 4'; .*'beta 4'"),
        (
            {"compare": [("beta 4, own", "beta 1, onw")]},
            "'beta 1, onw'; .*'beta 1, own'",
        ),
        ({"published": {"beta 4, own": {"scor": 1}}}, "column 'scor' of .*'score'"),
        ({"shown": ["scores"]}, "shown .* the column 'scores'; .*'score'"),
    ],
)
def test_a_misspelled_line_or_column_is_named(make_study, fields, message):
    study, _ = make_study(seeds=[0], **fields)
    records = [record(row, 0, own={"score": 1.0}) for row in study.rows]
    with pytest.raises(ValueError, match=message):
        studies.tabulate(study, records)


def test_the_table_by_hand(result):
    own = result["lines"]["beta 1, own"]["score"]
    wanted = {"mean": 2.0, "std": 1.0, "n": 3, "published": 2.5, "chance": None}
    assert own == wanted
    assert result["lines"]["beta 4, own"]["score"]["published"] is None
    (compared,) = result["differences"]  # of seeds 0 and 1: 3 - 1 and 6 - 2
    wanted = {"mean": 3.0, "low": None, "high": None, "n": 2, "each": [2.0, 4.0]}
    assert compared["columns"]["score"] == wanted
    assert result["missing"] == ["beta 4, seed 2"]
    assert result["configs"] == {"beta 1": {}, "beta 4": {}}
    assert not any("config" in model for model in result["models"])


def test_the_table_as_text(result):
    text = studies.markdown_table(result)
    assert "| beta 1, own | 2 ± 1 (2.5) |" in text
    assert "**beta 4, own** minus **beta 1, own**" in text
    assert "same seeds; each seed, since an interval needs 5:" in text
    assert "| score | +3 | +2, +4 |" in text
    assert "Not yet trained: beta 4, seed 2." in text
    assert "Made by" not in text
    named = studies.markdown_table(result | {"made_by": "python -m launch.study"})
    assert named.removeprefix(text) == "\nMade by `python -m launch.study`.\n"


def test_a_table_may_show_some_columns_alone(make_study):
    study, _ = make_study(seeds=(0,), shown=("b", "of no model"))
    result = studies.tabulate(study, [record("beta 1", 0, own={"a": 7.0, "b": 5.0})])
    assert result["lines"]["beta 1, own"]["a"]["mean"] == 7
    assert "|  | b |\n| --- | --- |\n| beta 1, own | 5 |\n" in (
        studies.markdown_table(result)
    )
    whole = studies.markdown_table(result | {"shown": []})
    assert "| beta 1, own | 7 | 5 |" in whole


def test_the_bootstrap_has_the_width_of_the_mean():
    rng = np.random.default_rng(0)
    partner = rng.normal(size=400)
    mean, low, high = studies.paired_bootstrap(
        partner + 1 + rng.normal(size=400), partner
    )
    # the partner cancels: the standard error is 1 / 20
    np.testing.assert_allclose((mean, high - low), (1, 2 * 1.96 / 20), rtol=0.12)
    assert low < mean < high


@pytest.mark.parametrize("shapes", [((3,), (2,)), ((0,), (0,)), ((2, 2), (2, 2))])
def test_the_bootstrap_wants_pairs(shapes):
    with pytest.raises(ValueError, match="first has shape"):
        studies.paired_bootstrap(*map(np.zeros, shapes))
