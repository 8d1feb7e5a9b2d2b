"""Tables of transfers, by hand."""

import json
import pathlib

import numpy as np
import pytest

from dis_jax import studies
from dis_jax.studies.transfer_table import correlate

RESULTS = pathlib.Path(__file__).parents[2] / "results"


def scores(accuracy, omes=0.5, mig=0.1):
    return {
        "factor_names": ["size", "place"],
        "chance": [0.125, 0.25],
        "gbt": {"full": [accuracy, accuracy + 0.2], "pruned": [accuracy / 2, 0.1]},
        "omes": {
            "score": omes,
            "overlap": omes + 0.1,
            "multiple_encoding": omes - 0.1,
            "overlap_per_factor": [omes + 0.1, 0.0],
            "multiple_encoding_per_factor": [omes - 0.1, 0.0],
            "scored": [True, False],
            "association": [[0.9, 0.1], [0.2, 0.8], [1.0, 1.0]],
            "kept": [True, True, False],
        },
        "dims": [0, 1],
        "mig": {"score": mig, "per_factor": [mig, mig]},
        "dci": {"disentanglement": 0.3, "completeness": 0.2},
    }


def record(method="ada_gvae", seed=0, before=0.2, after=0.5, frechet=1.0, **fields):
    return {
        "run": f"runs/{method}{seed}",
        "member": None,
        "method": method,
        "seed": seed,
        "beta": 1.0,
        "source": "a",
        "target": "b",
        "source_steps": 100,
        "scoring": {"trees": "lightgbm"},
        "finetuning": {"steps": 10, "adam": "kept"},
        "distances": {"frechet": frechet, "active_overlap": 1.0, "omes_drop": -frechet},
        "before": scores(before),
        "after": scores(after),
    } | fields


def test_rows_by_hand():
    rows = studies.score_rows(scores(0.2))
    assert rows["GBT, full"] == pytest.approx({"size": 0.2, "place": 0.4, "all": 0.3})
    assert rows["OMES"] == pytest.approx({"size": 0.5, "all": 0.5})  # place: no score
    assert rows["OS"] == pytest.approx({"size": 0.6, "all": 0.6})
    assert rows["DCI"] == {"all": 0.3}


def test_where_no_factor_has_pairs_there_is_no_omes():
    def without(found):
        omes = dict.fromkeys(("score", "overlap", "multiple_encoding"), 0.0)
        return found | {"omes": found["omes"] | omes | {"scored": [False, False]}}

    assert {"OMES", "OS", "MES"}.isdisjoint(studies.score_rows(without(scores(0.2))))
    records = [
        record(
            seed=k,
            before=0.1 * k,
            frechet=k + 1.0,
            distances={"frechet": k, "active_overlap": k / 2, "omes_drop": None},
        )
        for k in range(3)
    ]
    for each in records:
        each |= {when: without(each[when]) for when in ("before", "after")}
    result = studies.tabulate_transfers(records)
    (table,) = result["tables"]
    assert "OMES" not in table["rows"]
    assert {*table["distances"]} == {"frechet", "active_overlap"}
    assert {c["distance"] for c in result["correlations"]} == {*table["distances"]}
    home = record(source_scores=without(scores(0.2)))
    homes = studies.tabulate_sources([home])
    page = studies.transfer_markdown(result | {"on_source": homes})
    assert "OMES |" not in page
    assert "| ada_gvae, beta 1 |  |  |  | 2 | 1 |" in page


def test_a_table_has_means_deviations_and_gains_over_models():
    records = [record(seed=0, after=0.5), record(seed=1, after=0.7)]
    (table,) = studies.tabulate_transfers(records)["tables"]
    cell = table["rows"]["GBT, full"]["size"]
    assert cell["before"] == pytest.approx({"mean": 0.2, "std": 0.0})
    assert cell["gain"]["mean"] == pytest.approx(0.4)
    assert cell["gain"]["std"] == pytest.approx(0.1 * 2**0.5)
    assert table["drop"]["GBT"]["size"] == pytest.approx({"before": 0.1, "after": 0.3})
    assert (table["models"], table["seeds"]) == (2, [0, 1])
    assert table["chance"] == {"size": 0.125, "place": 0.25}


def test_the_page_shows_the_value_before_and_the_gain_in_brackets():
    result = studies.tabulate_transfers([record()])
    page = studies.transfer_markdown(result)
    line = next(x for x in page.splitlines() if x.startswith("| GBT, full"))
    assert line == "| GBT, full | 20.0 (+30.0) | 40.0 (+30.0) | 30.0 (+30.0) |"
    assert "| OMES | 50.0 (+0.0) |  | 50.0 (+0.0) |" in page
    assert "Cost of pruning for GBT, before (after): size 10.0 (25.0)" in page
    assert "Chance: size 12.5, place 25.0." in page
    assert "Made by" not in page
    named = studies.transfer_markdown(result | {"made_by": "a command"})
    assert "Made by `a command`." in named


def test_scores_on_the_source_a_row_for_each_method_and_beta():
    def home(method, beta, seed, omes, kept):
        found = scores(0.2, omes)
        found = {k: found[k] for k in ("factor_names", "omes")}
        found["omes"]["kept"] = kept
        return record(method, seed, beta=beta, source_scores=found)

    homes = studies.tabulate_sources(
        [
            home("beta_vae", 4.0, 0, 0.5, [True, False]),
            home("beta_vae", 4.0, 1, 0.7, [True, True]),
            home("beta_vae", 1.0, 0, 0.3, [True, True]),
        ]
    )
    assert [(h["beta"], h["models"]) for h in homes] == [(1.0, 1), (4.0, 2)]
    assert homes[1]["seeds"] == [0, 1]
    assert homes[1]["source_steps"] == 100
    cell = homes[1]["rows"]["OMES"]["all"]
    assert cell == pytest.approx({"mean": 0.6, "std": 0.1 * 2**0.5})
    assert homes[1]["rows"]["MES"]["size"]["mean"] == pytest.approx(0.5)
    page = studies.transfer_markdown(
        studies.tabulate_transfers([]) | {"on_source": homes}
    )
    assert "## OMES on the source, a" in page
    assert "|  | size | all | OS | MES | active dimensions | models |" in page
    assert "| beta_vae, beta 1 | 30.0 | 30.0 | 40.0 | 20.0 | 2 | 1 |" in page
    row = "| beta_vae, beta 4 | 60.0 ± 14.1 | 60.0 ± 14.1 | 70.0 ± 14.1 | 50.0 ± 14.1"
    assert row + " | 1.5 | 2 |" in page
    assert "What predicts" not in page  # nothing was transferred


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"run": "a"}, {"run": "b"}, ("run a", "run b")),
        (
            {"scoring": {"num_codes": 15_000}},
            {"scoring": {"num_codes": 100}},
            ("scoring.num_codes 15000", "scoring.num_codes 100"),
        ),
        (
            {"source_steps": 100},
            {"source_steps": 5_000},
            ("source_steps 100", "source_steps 5000"),
        ),
    ],
)
def test_unlike_sources_are_not_pooled(first, second, told):
    found = studies.tabulate_sources(
        [
            record(source_scores=scores(0.2, omes)) | fields
            for omes, fields in ((0.2, first), (0.8, second))
        ]
    )
    assert [(h["models"], h["told_apart"]) for h in found] == [(1, t) for t in told]
    means = [h["rows"]["OMES"]["all"]["mean"] for h in found]
    assert means == pytest.approx([0.2, 0.8])
    page = studies.transfer_markdown(
        studies.tabulate_transfers([]) | {"on_source": found}
    )
    assert f"| ada_gvae, beta 1, {told[1]} |" in page


def test_methods_are_compared_over_the_same_seeds_and_betas():
    records = [
        *(record("group_vae", s, 0.4, 0.5 + 0.1 * s) for s in range(2)),
        *(record("ada_gvae", s, 0.2, 0.5) for s in range(3)),
    ]
    (found,) = studies.tabulate_transfers(records)["differences"]
    assert (found["methods"], found["models"]) == (["group_vae", "ada_gvae"], 2)
    row = found["rows"]["GBT, full"]
    assert row["before"]["mean"] == pytest.approx(0.2)
    # gains .1 and .2 against .3 and .3
    assert row["gain"]["mean"] == pytest.approx(-0.15)
    assert row["gain"]["each"] == pytest.approx([-0.2, -0.1])


@pytest.mark.parametrize(("count", "known"), [(2, False), (3, True)])
def test_few_pairs_are_shown_one_by_one_and_not_as_an_interval(count, known):
    records = [
        record(method, s, before)
        for s in range(count)
        for method, before in (("group_vae", 0.2 + 0.1 * s), ("ada_gvae", 0.2))
    ]
    result = studies.tabulate_transfers(records)
    (found,) = result["differences"]
    cell = found["rows"]["GBT, full"]["before"]
    assert cell["each"] == pytest.approx([0.1 * s for s in range(count)])
    assert bool(cell["interval"]) == known
    page = studies.transfer_markdown(result)
    assert ("in brackets 95 % paired t interval" in page) == known
    # 10 -+ 4.303 * 10 / sqrt(3) points
    shown = "+10.0 (-14.8 to +34.8)" if known else "+5.0 (+0.0, +10.0)"
    assert f"| GBT, full | {shown} |" in page
    assert ("in brackets pair by pair" in page) == (not known)


def test_of_one_pair_there_is_a_difference_and_no_interval():
    result = studies.tabulate_transfers(
        [record("group_vae", 0, 0.4), record("ada_gvae", 0, 0.2)]
    )
    (found,) = result["differences"]
    assert found["rows"]["GBT, full"]["before"]["each"] == pytest.approx([0.2])
    page = studies.transfer_markdown(result)
    assert "| GBT, full | +20.0 | +0.0 | -20.0 |" in page


def test_a_fresh_adam_is_a_table_of_its_own():
    fresh = record(finetuning={"steps": 10, "adam": "fresh"})
    tables = studies.tabulate_transfers([record(), fresh])["tables"]
    assert [table["adam"] for table in tables] == ["kept", "fresh"]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ({"source_steps": 3}, "source_steps 3"),
        ({"finetuning": {"steps": 0, "adam": "kept"}}, "finetuning.steps 0"),
        ({"scoring": {"trees": "sklearn"}}, "scoring.trees sklearn"),
    ],
)
def test_unlike_transfers_are_not_pooled(field, name):
    alike = [record(m, s) for m in ("ada_gvae", "beta_vae") for s in range(2)]
    others = [
        record(m, s, 0.8) | field for m in ("ada_gvae", "beta_vae") for s in (0, 1)
    ]
    for records in (alike + others, others + alike):
        result = studies.tabulate_transfers(records)
        assert [t["models"] for t in result["tables"]] == [2] * 4
        means = {
            t["told_apart"] == name: t["rows"]["GBT, full"]["size"]["before"]["mean"]
            for t in result["tables"]
        }
        assert means == pytest.approx({True: 0.8, False: 0.2})
        assert [d["models"] for d in result["differences"]] == [2, 2]
        assert name in [d["told_apart"] for d in result["differences"]]
        page = studies.transfer_markdown(result)
        assert f"## a to b: ada_gvae, {name}\n" in page
        assert f" minus beta_vae: a to b, {name}\n" in page
        assert result["transfers"] == 8


def test_of_two_models_with_one_seed_each_run_has_a_table():
    records = [
        record(run="runs/a"),
        record(run="runs/b", before=0.8),
        record("beta_vae", before=0.1, run="runs/c"),
    ]
    result = studies.tabulate_transfers(records)
    told = [(t["models"], t["told_apart"]) for t in result["tables"]]
    assert told == [(1, "run runs/a"), (1, "run runs/b"), (1, "")]
    found = {d["told_apart"]: d["rows"]["GBT, full"] for d in result["differences"]}
    assert found["run runs/a"]["before"]["mean"] == pytest.approx(0.1)
    assert found["run runs/b"]["before"]["mean"] == pytest.approx(0.7)


def test_what_pruned_reads_from_a_dimension_that_hardly_encodes_it_is_named():
    weak = scores(0.2) | {"dims": [1, 0]}  # S .2 of .9; place has no score
    result = studies.tabulate_transfers(
        [record(), record(seed=1, after=0.5) | {"before": weak}]
    )
    (table,) = result["tables"]
    assert table["weak"] == {"size": {"before": 1, "after": 0}}
    page = studies.transfer_markdown(result)
    assert "half of the factor's largest S, before (after): size 1 (0)." in page
    (table,) = studies.tabulate_transfers([record()])["tables"]
    assert table["weak"] == {}


def test_models_without_an_active_dimension_are_named():
    """Their zeros are in the means, so the page must name these models."""

    def collapsed(of):
        found = scores(0.2, omes=0.0)
        return of | {"omes": found["omes"] | {"kept": [False] * 3}}

    one = record(seed=1, after=0.5)
    one |= {"before": collapsed(one["before"])}
    two = record(seed=2) | {"source_scores": collapsed(scores(0.2))}
    result = studies.tabulate_transfers([record(), one, two])
    (table,) = result["tables"]
    assert table["collapsed"] == [{"seed": 1, "beta": 1.0, "when": "before"}]
    page = studies.transfer_markdown(result)
    assert "no information, and OMES and MIG 0: seed 1, beta 1 (before)." in page
    homes = studies.tabulate_sources([two, two | {"seed": 3, "run": "c"}])
    page = studies.transfer_markdown(result | {"on_source": homes})
    assert "and OMES 0: ada_gvae, beta 1, seed 2, 3." in page
    assert "without an active" not in studies.transfer_markdown(
        studies.tabulate_transfers([record()])
    )


def test_correlation_of_distances_with_gains():
    records = [
        record(seed=k, after=0.2 + gain, frechet=distance)
        for k, (distance, gain) in enumerate([(1.0, 0.1), (2.0, 0.2), (9.0, 0.3)])
    ]
    found = {(c["distance"], c["score"], c["of"]): c for c in correlate(records)}
    cell = found["frechet", "GBT, full", "gain"]
    assert cell["pearson"] == pytest.approx(np.corrcoef([1, 2, 9], [1, 2, 3])[0, 1])
    assert cell["spearman"] == pytest.approx(1)
    assert (cell["transfers"], cell["models"], cell["pairs"]) == (3, 3, 1)
    assert found["omes_drop", "GBT, full", "gain"]["spearman"] == pytest.approx(-1)
    assert found["active_overlap", "GBT, full", "gain"]["pearson"] is None
    assert found["frechet", "GBT, full", "before"]["pearson"] is None
    assert all(c["pearson"] is None for c in correlate(records[:2]))


def test_within_pairs_the_targets_own_means_do_not_count():
    """In each target, gain rises with distance; the far, hard target has smaller gains."""
    seen = [("b", 1.0, 0.5), ("b", 2.0, 0.6), ("c", 8.0, 0.1), ("c", 10.0, 0.3)]
    records = [
        record(seed=k, target=target, after=0.2 + gain, frechet=distance)
        for k, (target, distance, gain) in enumerate(seen)
    ]
    found = {(c["distance"], c["score"], c["of"]): c for c in correlate(records)}
    cell = found["frechet", "GBT, full", "gain"]
    assert cell["pearson"] < -0.7
    assert cell["within"] == pytest.approx(1)
    assert cell["pairs"] == 2
    # the same models with other fine-tuning are correlated separately
    fresh = [r | {"finetuning": {"steps": 10, "adam": "fresh"}} for r in records]
    both = [c for c in correlate(records + fresh) if c["score"] == "GBT, full"]
    assert {(c["transfers"], c["models"], c["told_apart"]) for c in both} == {
        (4, 4, "finetuning.adam kept"),
        (4, 4, "finetuning.adam fresh"),
    }
    text = studies.transfer_markdown(studies.tabulate_transfers(records))
    assert f"{cell['pearson']:+.2f} ({cell['spearman']:+.2f}; +1.00)" in text
    # three records in two pairs leave one difference, which any line fits
    assert all(c["within"] is None for c in correlate(records[:3]))


def test_one_model_carried_to_three_targets_is_one_model():
    records = [
        record(seed=k, target=target, frechet=k + 1.0)
        for k in (0, 1)
        for target in "bcd"
    ]
    result = studies.tabulate_transfers(records)
    assert (result["transfers"], result["models"]) == (6, 2)
    page = studies.transfer_markdown(result)
    assert "No correlations yet" in page  # nothing varies
    records[0]["before"] = scores(0.3)
    page = studies.transfer_markdown(studies.tabulate_transfers(records))
    assert "over 6 transfers: 2 models, 3 pairs of source and target." in page


def test_committed_tables_follow_from_their_records():
    folders = [*RESULTS.glob("transfer_*")]
    assert len(folders) > 3
    for folder in folders:
        told = json.loads((folder / "transfer.json").read_text())
        found = studies.tabulate_transfers(told["records"])
        found["on_source"] = studies.tabulate_sources(told["source_records"])
        for name, table in found.items():
            assert _rounded(table) == _rounded(told[name]), f"{folder.name}, {name}"
        page = (folder / "transfer.md").read_text()
        assert page.endswith(studies.transfer_markdown(told)), folder.name


def _rounded(table):
    """As JSON; another version of SciPy may round the last digits otherwise."""
    return json.loads(json.dumps(table), parse_float=lambda x: round(float(x), 9))
