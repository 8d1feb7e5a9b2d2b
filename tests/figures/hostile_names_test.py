"""Names are text on every page, in every table and in every figure; none of them runs."""

import json
import re

import numpy as np
import pytest

from dis_jax import data, figures, studies
from dis_jax.figures.curves import Curve
from dis_jax.figures.study_chart import study_chart
from dis_jax.markup import escape_html
from dis_jax.studies.markdown import table_lines

RUN = "document.body.id=9"
HOSTILE = (
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload={RUN}>",
    f"</script></style></title><script>{RUN}</script>",
    f"a|b [c](javascript:{RUN}) `d` ***e***",
    r"$x$ $\frac{$",
    "two\nlines\tand \x1b[31mred\x00",
    "\u202egnp.exe",
    "_hidden",
    "العربية",
)
# Such names are longer than a chart is wide.
pytestmark = pytest.mark.filterwarnings("ignore:constrained_layout not applied")


@pytest.fixture(scope="module")
def dataset_page(tmp_path_factory):
    """The page of a set whose name and factors are hostile."""
    factors = np.indices((2,) * len(HOSTILE)).reshape(len(HOSTILE), -1).T[:64]
    named = data.from_arrays(
        np.zeros((64, 16, 16), np.uint8),
        factors,
        name=" ".join(HOSTILE),
        factor_names=HOSTILE,
        sizes=(2,) * len(HOSTILE),
    )
    path = tmp_path_factory.mktemp("page") / "page.html"
    return figures.write_dataset_page(named, path)


@pytest.fixture(scope="module")
def report(tmp_path_factory, run_folder, method, state, config, blobs):
    """The report of a run whose scores, factors and settings have hostile names."""
    own = tmp_path_factory.mktemp("run") / "workdir"  # no other run next to it
    own.mkdir()
    workdir = run_folder(own)
    file = workdir / "evaluation" / "final.json"
    scores = json.loads(file.read_text())
    entry = scores["metrics"]["mig"]
    scores["factor_names"] = list(HOSTILE[:3])
    # Few names, since each metric and each curve is drawn three times.
    joined = [" ".join(names) for names in (HOSTILE[:5], HOSTILE[5:])]
    scores["metrics"] = {
        name: entry | {"settings": {name: name}} for name in ("../../mig", *joined)
    }
    scores["left_out"] = {name: name for name in HOSTILE}
    file.write_text(json.dumps(scores))
    line = {"step": 3000} | dict.fromkeys(joined, 1.0)
    with (workdir / "metrics.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    config = config.copy_and_resolve_references()
    config.comment = " ".join(HOSTILE)
    return figures.write_report(workdir, method, state, config, blobs, num_examples=64)


def test_pages_hold_names_as_text(dataset_page, report):
    for page in (dataset_page, report):
        html = re.sub(r"data:image/[^\"]*", "", page.read_text(encoding="utf-8"))
        for name in HOSTILE[:4]:
            assert escape_html(name) in html
            assert name not in html
        own = int(page == report)  # the script of its sliders
        assert html.count("<script>") == html.count("</script>") == own
        assert "\u202e" not in html
        assert "\\u202egnp.exe" in html


def test_a_name_leads_no_picture_out_of_its_folder(report):
    found = {path.parent for path in report.parent.parent.rglob("*.png")}
    assert found == {report.parent / "figures"}


@pytest.mark.slow
def test_nothing_runs_in_a_browser(dataset_page, report, tmp_path, browser):
    has_run = lambda page: re.search('<body[^>]* id="9"', browser(page)) is not None
    control = tmp_path / "control.html"
    control.write_text(f"<html><head></head><body>{HOSTILE[1]}</body></html>")
    assert has_run(control)  # shows that the test can fail
    for page in (dataset_page, report):
        assert not has_run(page)


def cells(line):
    """The cells of a line of a Markdown table, as Markdown parsers split it."""
    return re.split(r"(?<!\\)\|", line)[1:-1]


def test_a_cell_stays_one_cell_of_text():
    for name in HOSTILE:
        lines = table_lines(["", name], [[name, "0.5"], ["pos_x", name]])
        assert len(lines) == 4
        assert [len(cells(line)) for line in lines] == [2] * 4
        assert not re.search(r"(?<!\\)[`*\[$]|<", "".join(lines))
    assert table_lines(["", "pos_x"], [["a", "+0.5 ± 0.1 (0.4)"]])[2] == (
        "| a | +0.5 ± 0.1 (0.4) |"
    )


def test_study_tables_and_charts_hold_names_as_text():
    rows = {name: {} for name in HOSTILE}
    pair = (HOSTILE[0], HOSTILE[4])
    study = studies.Study("a", HOSTILE[0], rows, (0,), lambda _: {}, compare=[pair])
    records = [
        {
            "row": name,
            "seed": 0,
            "steps": 1,
            "scores": {"": {name: 0.5, HOSTILE[5]: 1.0}},
            "config": {},
            "differs": {name: (1, 2)},
        }
        for name in HOSTILE[:6]
    ]
    result = studies.tabulate(study, records) | {"made_by": HOSTILE[4]}
    text = studies.markdown_table(result)
    outside = text.replace(f"`` {HOSTILE[4]} ``", "").replace(f"``{HOSTILE[4]}``", "")
    assert "made" not in outside.split("Made by")[1]
    assert not re.search(r"<(script|img|svg)", outside)
    table = [line for line in outside.splitlines() if line.startswith("|")]
    assert {len(cells(line)) for line in table[:8]} == {len(cells(table[0]))}
    assert figures.to_png(study_chart(result))[1:4] == b"PNG"


def test_transfer_tables_hold_names_as_text():
    cell = {"before": {"mean": 0.2, "std": None}, "gain": {"mean": 0.1, "std": None}}
    settings = {"source_steps": 1, "finetuning.steps": 1, "scoring.trees": HOSTILE[0]}
    table = {
        "source": HOSTILE[0],
        "target": HOSTILE[4],
        "method": HOSTILE[5],
        "told_apart": HOSTILE[1],
        "adam": "kept",
        "settings": settings,
        "models": 1,
        "seeds": [0],
        "betas": [1.0],
        "distances": {HOSTILE[2]: {"mean": 1.0}},
        "rows": {name: {name: cell, "all": cell} for name in HOSTILE},
        "chance": dict.fromkeys(HOSTILE, 0.5),
        "drop": {HOSTILE[0]: {HOSTILE[4]: {"before": 0.1, "after": 0.2}}},
        "weak": {HOSTILE[0]: {"before": 1, "after": 2}},
    }
    result = {"tables": [table], "differences": [], "correlations": []}
    text = studies.transfer_markdown(result)
    assert not re.search(r"<(script|img|svg)|(?<!\\)[`*\[$]", text)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(cells(line)) for line in lines} == {len(cells(lines[0]))}


def test_figures_hold_names_as_text():
    """A dollar starts no formula, and an underscore does not remove a legend entry."""
    count = len(HOSTILE)
    values = np.arange(2.0)
    drawn = [
        figures.matrix(np.eye(count), rows=HOSTILE, columns=HOSTILE, title=HOSTILE[5]),
        figures.scatter(np.zeros((count, 2)), np.arange(count), names=HOSTILE),
        figures.kl_bars(np.ones(count), names=HOSTILE),
        figures.loss_curves({name: Curve(values, values) for name in HOSTILE}),
    ]
    for figure in drawn:
        assert figures.to_png(figure)[1:4] == b"PNG"
    legend = [text.get_text() for text in drawn[1].legends[0].get_texts()]
    assert len(legend) == count
    assert legend[5] == r"\$x\$ \$\frac{\$"  # drawn as $x$ $\frac{$
    labelled = figures.image_grid(
        np.zeros((count, 1, 16, 16, 1)), row_labels=HOSTILE, column_labels=[HOSTILE[6]]
    )
    assert labelled.ndim == 3
