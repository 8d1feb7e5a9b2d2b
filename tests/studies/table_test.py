"""The table of a study: means, differences and intervals of its scores."""

import json
import pathlib

import numpy as np
import pytest

from dis_jax import studies

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "results"


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


@pytest.fixture
def make_units(make_study):
    """The table of a study whose seeds 0 and 50, 1 and 51, ... are one unit each."""

    def make(seeds, undefined=()):
        compare = [("beta 4, own", "beta 1, own")]
        study, _ = make_study(seeds=seeds, compare=compare, unit=lambda seed: seed % 50)
        records = [
            record(row, s, own={} if (row, s) in undefined else {"score": float(s)})
            for row in study.rows
            for s in seeds
        ]
        return studies.markdown_table(studies.tabulate(study, records))

    return make


def test_the_deviation_over_units_is_named_so(make_units):
    text = make_units((0, 1, 50, 51))
    assert "fewer models" not in text
    assert (
        "Mean ± standard deviation over 2 units, each the mean of its seeds "
        "(0, 50; 1, 51), after 1 step."
    ) in text
    assert "same seeds; each unit, since an interval needs 3:" in text
    assert "| score | +0 | +0, +0 |" in text
    assert "Mean over seeds 0, 50 of one unit, after 1 step." in make_units((0, 50))
    alone = make_units((0, 1))
    assert "Mean ± standard deviation over seeds 0, 1, after" in alone
    assert "each seed, since" in alone


def test_a_unit_that_lacks_a_seed_is_named(make_units):
    text = make_units((0, 1, 50, 51), undefined={("beta 1", 50)})
    assert "other scores are undefined: beta 1, own, score (3 of 4)." in text


def test_from_three_pairs_on_a_difference_has_an_interval(make_study):
    study, _ = make_study(seeds=(0, 1, 2), compare=[("beta 4, own", "beta 1, own")])
    records = [record("beta 1", s, own={"score": 5.0}) for s in range(3)]
    records += [record("beta 4", s, own={"score": 6.0 + s}) for s in range(3)]
    found = studies.tabulate(study, records)
    difference = found["differences"][0]["columns"]["score"]
    half = 4.302653 / 3**0.5  # of 1, 2 and 3, whose standard deviation is 1
    ends = {"low": pytest.approx(2 - half), "high": pytest.approx(2 + half)}
    assert difference == {"mean": 2.0, **ends, "n": 3, "each": [1.0, 2.0, 3.0]}
    text = studies.markdown_table(found)
    assert "same seeds, 95 % paired t interval:" in text
    assert "| score | +2 | -0.484 | +4.48 |" in text
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
    assert "same seeds; each seed, since an interval needs 3:" in text
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


def test_the_interval_of_students_patients():
    """Hours of sleep with two drugs, Student 1908; the interval is that of R's t.test."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = studies.paired_interval(first, second)
    assert found == pytest.approx((-1.58, -2.4598858, -0.7001142), abs=1e-7)
    narrower = studies.paired_interval(first, second, level=0.9)
    half = 1.833113 * 1.229995 / 10**0.5
    assert narrower == pytest.approx((-1.58, -1.58 - half, -1.58 + half), abs=1e-5)


@pytest.mark.parametrize("pairs", [3, 5, 20])
def test_intervals_cover_the_expected_difference_as_often_as_they_say(pairs):
    """Percentile intervals of a bootstrap cover it in 84 % of samples of five pairs."""
    rng = np.random.default_rng(0)
    partner = rng.normal(size=(4000, pairs))
    first = partner + 1 + rng.normal(size=partner.shape)
    found = [
        studies.paired_interval(*both) for both in zip(first, partner, strict=True)
    ]
    _, low, high = np.transpose(found)
    # the standard error of the share is .0034
    assert np.mean((low < 1) & (high > 1)) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    "shapes", [((3,), (2,)), ((0,), (0,)), ((1,), (1,)), ((2, 2), (2, 2))]
)
def test_an_interval_needs_pairs(shapes):
    with pytest.raises(ValueError, match=r"first has shape .* at least two pairs"):
        studies.paired_interval(*map(np.zeros, shapes))


def test_committed_tables_follow_from_their_models():
    """Intervals and pages in results/ are those of today's code."""
    tables = {path: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    compared = 0
    for path, table in tables.items():
        if not {"lines", "differences", "models"} <= table.keys():
            continue
        page = path.with_suffix(".md")
        if page.exists():
            assert page.read_text() == studies.markdown_table(table), page.name
        study = studies.Study(
            *(table["study"], table["title"], {m["row"]: {} for m in table["models"]}),
            seeds=(),
            score=lambda _: {},
            compare=[tuple(d["lines"]) for d in table["differences"]],
        )
        records = [model | {"config": {}} for model in table["models"]]
        found = _ends(studies.tabulate(study, records))
        # another version of SciPy may round otherwise
        np.testing.assert_allclose(found, _ends(table), 1e-9, 1e-12, err_msg=path.name)
        compared += len(found)
    assert compared > 100


def _ends(table):
    """Mean, lower and upper end of each difference; nan for None."""
    cells = [cell for d in table["differences"] for cell in d["columns"].values()]
    ends = [cell[name] for cell in cells for name in ("mean", "low", "high")]
    return np.array(ends, float)
