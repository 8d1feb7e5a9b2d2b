"""Figures of transfer, from numbers written by hand."""

import numpy as np
import pytest

from dis_jax import figures
from dis_jax.figures.transfer_pictures import _all_traversals as all_traversals
from dis_jax.figures.transfer_pictures import _source_figures as source_figures
from dis_jax.figures.transfer_pictures import _transfer_figures as transfer_figures


def omes(association, kept=(True, True)):
    association = np.array(association)
    count = association.shape[1]
    return {
        "score": 0.5,
        "overlap": 0.5,
        "multiple_encoding": 0.5,
        "association": association.tolist(),
        "kept": list(kept),
        "scored": [True] * count,
        "overlap_per_factor": [0.25] * count,
        "multiple_encoding_per_factor": [0.75] * count,
    }


def source(beta, seed=0, score=0.5):
    found = omes(np.eye(2)) | {"score": score}
    return {
        "beta": beta,
        "seed": seed,
        "run": f"runs/{beta}_{seed}",
        "source_steps": 100,
        "scoring": {"num_codes": 50},
        "source_scores": {"factor_names": ["size", "place"], "omes": found},
    }


def table(
    source="a",
    target="b",
    method="ada_gvae",
    adam="kept",
    before=0.2,
    gain=0.1,
    told="",
):
    cell = {"before": {"mean": before}, "gain": {"mean": gain}}
    rows = {"GBT, full": {"size": cell, "all": cell}, "DCI": {"all": cell}}
    about = {"source": source, "target": target, "method": method, "adam": adam}
    return about | {"rows": rows, "told_apart": told}


def test_omes_over_beta_has_a_line_a_factor_and_one_for_all():
    records = [source(1.0, 0, 0.2), source(1.0, 1, 0.4), source(4.0, 0, 0.9)]
    axes = figures.omes_over_beta(records).axes[0]
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}  # pyright: ignore[reportAttributeAccessIssue]
    assert list(lines) == ["size", "place", "all"]
    assert lines["all"] == pytest.approx([0.3, 0.9])
    assert lines["size"] == pytest.approx([0.5, 0.5])
    with pytest.raises(ValueError, match="0 records, none of them with OMES"):
        figures.omes_over_beta([])


def test_association_leaves_constant_dimensions_blank():
    scores = {
        "factor_names": ["size", "place"],
        "omes": omes([[0.75, 0.1], [0.3, 0.2]], kept=[True, False]),
    }
    axes = figures.association_matrix(scores).axes[0]
    assert [t.get_text() for t in axes.texts] == ["0.75", "0.10", "", ""]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == ["z0", "z1 (constant)"]


def test_the_table_has_the_value_before_and_the_gain_in_brackets():
    axes = figures.transfer_picture(table()).axes[0]
    texts = [t.get_text() for t in axes.texts]
    assert texts == ["20.0 (+10.0)", "20.0 (+10.0)", "", "20.0 (+10.0)"]


def test_source_by_target_leaves_blank_what_was_not_run():
    tables = [
        table(),
        table(source="c", target="d", gain=-0.1),
        table(target="d", method="beta_vae"),
        table(target="d", adam="fresh"),
    ]
    axes = figures.transfer_matrix(tables).axes[0]
    texts = [t.get_text() for t in axes.texts]
    assert texts == ["20.0 (+10.0)", "", "", "20.0 (-10.0)"]
    with pytest.raises(ValueError, match="no table of 'vae'"):
        figures.transfer_matrix(tables, method="vae")
    with pytest.raises(ValueError, match="2 tables of 'ada_gvae' are of 1 pairs"):
        figures.transfer_matrix([table(), table(told="source_steps 3")])


def test_methods_read_by_different_readers_are_all_drawn():
    tables = [table(), table(method="beta_vae")]
    del tables[1]["rows"]["GBT, full"]
    tables[1]["rows"]["OMES"] = tables[0]["rows"]["DCI"]
    names = [name for name in transfer_figures(tables) if name.startswith("matrix")]
    assert names == ["matrix ada_gvae GBT, full", "matrix beta_vae OMES"]
    tables = [table(), table(told="source_steps 3")]
    assert len(transfer_figures(tables)) == 2  # two tables, and no matrix of both


def test_each_beta_has_an_association_matrix_of_its_lowest_seed():
    about = {"source": "a", "method": "vae"}
    records = [source(b, s) | about for b, s in ((1.0, 1), (1.0, 0), (4.0, 2))]
    found = source_figures(records)
    assert list(found) == [
        "association a vae beta 1",
        "association a vae beta 4",
        "omes over beta a vae",
    ]
    titles = [figure.axes[0].get_title() for figure in found.values()]
    assert "beta 1, seed 0" in titles[0]
    assert "beta 4, seed 2" in titles[1]
    # a line over beta connects models with equal steps
    longer = [source(b) | about | {"source_steps": 900} for b in (1.0, 4.0)]
    found = source_figures(records + longer)
    lines = [name for name in found if name.startswith("omes over beta")]
    assert lines == [
        f"omes over beta a vae source_steps {steps}" for steps in (100, 900)
    ]
    assert len(found) == 6
    # without pairs of any factor there is no line
    for record in longer:
        record["source_scores"]["omes"]["scored"] = [False, False]
    assert list(source_figures(longer)) == [
        "association a vae beta 1",
        "association a vae beta 4",
    ]


def test_without_records_or_data_the_rest_is_written(tmp_path):
    out = tmp_path / "results"
    assert figures.write_transfer(tmp_path, out)["sources"] == {}
    assert (out / "transfer.md").is_file()
    gone = {"run": str(tmp_path / "gone"), "member": None, "target": "b"}
    gone |= {"source": "a", "method": "vae", "finetuning": {"steps": 1, "adam": "kept"}}
    assert list(all_traversals([gone], None)) == []
