"""Tables of transfers, by hand."""

import json

import numpy as np
import pytest

from dis_jax import evaluation
from dis_jax.evaluation.transfer_table import correlate


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
        },
        "mig": {"score": mig, "per_factor": [mig, mig]},
        "dci": {"disentanglement": 0.3, "completeness": 0.2},
    }


def record(method="ada_gvae", seed=0, before=0.2, after=0.5, frechet=1.0, **fields):
    return {
        "run": f"runs/{method}",
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
    rows = evaluation.score_rows(scores(0.2))
    assert rows["GBT, full"] == pytest.approx({"size": 0.2, "place": 0.4, "all": 0.3})
    assert rows["OMES"] == pytest.approx({"size": 0.5, "all": 0.5})  # place: no score
    assert rows["OS"] == pytest.approx({"size": 0.6, "all": 0.6})
    assert rows["DCI"] == {"all": 0.3}


def test_a_table_has_means_deviations_and_gains_over_models():
    records = [record(seed=0, after=0.5), record(seed=1, after=0.7)]
    (table,) = evaluation.tabulate_transfers(records)["tables"]
    cell = table["rows"]["GBT, full"]["size"]
    assert cell["before"] == pytest.approx({"mean": 0.2, "std": 0.0})
    assert cell["gain"]["mean"] == pytest.approx(0.4)
    assert cell["gain"]["std"] == pytest.approx(0.1 * 2**0.5)
    assert table["drop"]["GBT"]["size"] == pytest.approx({"before": 0.1, "after": 0.3})
    assert (table["models"], table["seeds"]) == (2, [0, 1])
    assert table["chance"] == {"size": 0.125, "place": 0.25}


def test_the_page_shows_the_value_before_and_the_gain_in_brackets():
    result = evaluation.tabulate_transfers([record()])
    page = evaluation.transfer_markdown(result)
    line = next(x for x in page.splitlines() if x.startswith("| GBT, full"))
    assert line == "| GBT, full | 20.0 (+30.0) | 40.0 (+30.0) | 30.0 (+30.0) |"
    assert "| OMES | 50.0 (+0.0) |  | 50.0 (+0.0) |" in page
    assert "What pruning costs GBT, before (after): size 10.0 (25.0)" in page
    assert "Chance: size 12.5, place 25.0." in page
    assert "Made by" not in page
    named = evaluation.transfer_markdown(result | {"made_by": "a command"})
    assert "Made by `a command`." in named


def test_sources_at_home_a_row_for_each_method_and_beta():
    def home(method, beta, seed, omes, kept):
        found = scores(0.2, omes)
        found = {k: found[k] for k in ("factor_names", "omes")}
        found["omes"]["kept"] = kept
        return record(method, seed, beta=beta, source_scores=found)

    homes = evaluation.tabulate_sources(
        [
            home("beta_vae", 4.0, 0, 0.5, [True, False]),
            home("beta_vae", 4.0, 1, 0.7, [True, True]),
            home("beta_vae", 1.0, 0, 0.3, [True, True]),
        ]
    )
    assert [(h["beta"], h["models"]) for h in homes] == [(1.0, 1), (4.0, 2)]
    assert homes[1]["seeds"] == [0, 1]
    cell = homes[1]["rows"]["OMES"]["all"]
    assert cell == pytest.approx({"mean": 0.6, "std": 0.1 * 2**0.5})
    assert homes[1]["rows"]["MES"]["size"]["mean"] == pytest.approx(0.5)
    page = evaluation.transfer_markdown(
        evaluation.tabulate_transfers([]) | {"at_home": homes}
    )
    assert "## OMES on the source, a" in page
    assert "|  | size | all | OS | MES | dimensions that vary | models |" in page
    assert "| beta_vae, beta 1 | 30.0 | 30.0 | 40.0 | 20.0 | 2 | 1 |" in page
    row = "| beta_vae, beta 4 | 60.0 ± 14.1 | 60.0 ± 14.1 | 70.0 ± 14.1 | 50.0 ± 14.1"
    assert row + " | 1.5 | 2 |" in page
    assert "What predicts" not in page  # nothing was transferred


def test_methods_are_compared_over_the_same_seeds_and_betas():
    records = [
        *(record("group_vae", s, 0.4, 0.5 + 0.1 * s) for s in range(2)),
        *(record("ada_gvae", s, 0.2, 0.5) for s in range(3)),
    ]
    (found,) = evaluation.tabulate_transfers(records)["differences"]
    assert (found["methods"], found["models"]) == (["group_vae", "ada_gvae"], 2)
    row = found["rows"]["GBT, full"]
    assert row["before"] == pytest.approx([0.2, 0.2, 0.2])
    # gains .1 and .2 against .3 and .3
    assert row["gain"] == pytest.approx([-0.15, -0.2, -0.1])


def test_of_one_pair_there_is_a_difference_and_no_interval():
    result = evaluation.tabulate_transfers(
        [record("group_vae", 0, 0.4), record("ada_gvae", 0, 0.2)]
    )
    (found,) = result["differences"]
    assert found["rows"]["GBT, full"]["before"] == pytest.approx([0.2])
    page = evaluation.transfer_markdown(result)
    assert "| GBT, full | +20.0 | +0.0 | -20.0 |" in page


def test_a_fresh_adam_is_a_table_of_its_own():
    fresh = record(finetuning={"steps": 10, "adam": "fresh"})
    tables = evaluation.tabulate_transfers([record(), fresh])["tables"]
    assert [table["adam"] for table in tables] == ["kept", "fresh"]


def test_correlation_of_distances_with_gains():
    records = [
        record(seed=k, after=0.2 + gain, frechet=distance)
        for k, (distance, gain) in enumerate([(1.0, 0.1), (2.0, 0.2), (9.0, 0.3)])
    ]
    found = {(c["distance"], c["score"], c["of"]): c for c in correlate(records)}
    cell = found["frechet", "GBT, full", "gain"]
    assert cell["pearson"] == pytest.approx(np.corrcoef([1, 2, 9], [1, 2, 3])[0, 1])
    assert cell["spearman"] == pytest.approx(1)
    assert (cell["models"], cell["pairs"]) == (3, 1)
    assert found["omes_drop", "GBT, full", "gain"]["spearman"] == pytest.approx(-1)
    assert found["active_overlap", "GBT, full", "gain"]["pearson"] is None
    assert found["frechet", "GBT, full", "before"]["pearson"] is None
    assert all(c["pearson"] is None for c in correlate(records[:2]))


def test_within_pairs_the_targets_own_means_do_not_count():
    """A far and hard target: distance and gain rise in each, and fall between them."""
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
    text = evaluation.transfer_markdown(evaluation.tabulate_transfers(records))
    assert f"{cell['pearson']:+.2f} ({cell['spearman']:+.2f}; +1.00)" in text


def test_records_are_found_at_any_depth_and_only_when_complete(tmp_path):
    done = record()
    for run, after in (("a", done["after"]), ("b/seed0", None)):
        folder = tmp_path / run / "transfer" / "target"
        folder.mkdir(parents=True)
        text = json.dumps([done | {"after": after}])
        (folder / "transfer.json").write_text(text)
    assert len(evaluation.read_transfers(tmp_path)) == 1
    assert len(evaluation.read_transfers(tmp_path / "a")) == 1
    assert evaluation.read_transfers(tmp_path / "b") == []
