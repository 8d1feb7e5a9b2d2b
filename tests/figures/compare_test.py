import dataclasses
import html
import json
import pathlib
import re
import shutil

import numpy as np
import pytest

from dis_jax import figures, studies, training
from dis_jax.figures import compare, compare_scores, report
from dis_jax.figures.compare_inputs import (
    MOST,
    _chosen,
    find_models,
    read_comparison,
)
from dis_jax.figures.curves import Curve
from dis_jax.figures.report_inputs import make_subject
from dis_jax.figures.score_panels import Score, score_panel
from dis_jax.training import workdir

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "<script>b</script>"


@pytest.fixture(scope="module")
def models(tmp_path_factory, run_folder, method, state, config, blobs):
    """Two models: one with a log and scores, one with another beta and a hostile name."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    run_folder(folders[0])
    first, second = (
        make_subject(*(f, method, state, config, blobs), member=0, num_examples=32)
        for f in folders
    )
    other = config.copy_and_resolve_references()
    other.hparams.beta = 1.5
    return {"a": first, NAME: second._replace(config=other)}


def text_of(section):
    plain = re.sub(r"data:image/[^\"]*", "", section.reading + section.body)
    return html.unescape(re.sub(r"<[^>]*>", " ", plain))


def test_one_page_holds_all_models(models, tmp_path):
    path = figures.write_comparison(
        figures.Comparison(models, [], {}), tmp_path / "c.html"
    )
    page = re.sub(r"data:image/[^\"]*", "", path.read_text())
    assert not re.findall(r"""(?:src|href|srcset)=["']?(?!["'#])""", page)
    assert page.count("<script>") == page.count("</script>") == 1
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == ["Scores", "Training", "Traversals", "Settings that differ"]
    assert page.count('class="card"') == 6  # two models, three images
    with pytest.raises(ValueError, match=r"model to compare\. a: still trains"):
        figures.write_comparison(
            figures.Comparison({}, [], {"a": "still trains"}), tmp_path / "d.html"
        )


def test_models_without_scores_are_named_with_the_command(models):
    found = figures.Comparison(models, [], {})
    (command,) = compare_scores.missing_scores(found)
    assert command == f"python -m launch.evaluate --workdir={models[NAME].workdir}"
    shown = text_of(compare_scores.scores(found))
    assert "mig score" in shown
    assert "0.4321" in shown
    assert command in shown
    none = compare_scores.scores(figures.Comparison({NAME: models[NAME]}, [], {}))
    assert not none.body
    assert command in none.reading


def test_scores_have_intervals_and_chance(models):
    entry = {
        "result": {"score": 0.5, "other": 0.25, "infinite": None},
        "left_out": {"infinite": "infinite: a factor has one value"},
        "resamples": {"scores": {"score": {"low": 0.4, "high": 0.6, "null": 0.01}}},
        "baselines": {"chance": {"score": 0.02, "other": 0.03}},
        "settings": {"bins": 20},
    }
    scored = {"date": "2026", "seed": 0, "metrics": {"mig": entry}}
    made = {
        name: models["a"]._replace(evaluations={"e": scored | {"seed": seed}})
        for seed, name in enumerate("ab")
    }
    shown = text_of(compare_scores.scores(figures.Comparison(made, [], {})))
    assert re.search(
        r"0\.5\s+\[0\.4, 0\.6\]\s+0\.02\s", shown
    )  # not the null's quantile
    assert re.search(r"0\.25\s+0\.03\s", shown)
    assert re.search(r"undefined|inf\s", shown)
    assert "Computed with different seeds: compare with care." in shown
    assert shown.count("Mutual information gap") == 1
    for seed, kinds in enumerate(({"angle": "categorical"}, {"angle": "ordered"})):
        evaluation = scored | {"factor_kinds": kinds}
        made["ab"[seed]] = models["a"]._replace(evaluations={"e": evaluation})
    shown = text_of(compare_scores.scores(figures.Comparison(made, [], {})))
    assert "Computed with different kinds: compare with care." in shown
    same = {"a": made["a"], "b": made["a"]}
    shown = text_of(compare_scores.scores(figures.Comparison(same, [], {})))
    assert "Computed with different" not in shown


def test_scores_of_other_rows_have_a_warning(models):
    """All test rows but a few: of a set with weights, their number differs by seed."""
    entry = {"result": {"score": 0.5}, "settings": {"bins": 20}}
    rows = {"num_codes": 10_000, "num_train": 10_000, "num_test": 4_983}
    scored = {"seed": 0, "factor_names": ["x", "y"], "metrics": {"mig": entry}} | rows

    def note(**other):
        pair = {"a": scored, "b": scored | other}
        made = {n: models["a"]._replace(evaluations={"e": e}) for n, e in pair.items()}
        shown = text_of(compare_scores.scores(figures.Comparison(made, [], {})))
        return re.findall(r"Computed with different (.*): compare", shown)

    assert note() == note(num_test=4_991) == note(factor_names=["y", "x"]) == []
    for name in rows:
        assert note(**{name: 200}) == ["numbers of rows"]
    assert note(factor_names=["x"]) == ["factors"]
    assert note(source={"code": "style"}) == ["codes"]
    assert note(source={"code": "z"}) == []  # the default code, by its name


def test_the_scores_of_a_model_are_those_of_its_default_code(models):
    def scored(date, score, code=None, metric="mig"):
        entry = {"result": {"score": score}, "settings": {}}
        return {"date": date, "source": {"code": code}, "metrics": {metric: entry}}

    both = {
        "a": scored("1", 0.3711),
        "b": scored("2", 0.25),
        "c": scored("3", 0.8437, "style"),
        "d": scored("1", 0.625, "style", "sap"),
    }
    made = {"a": models["a"]._replace(evaluations=both)}
    shown = text_of(compare_scores.scores(figures.Comparison(made, [], {})))
    assert re.search(r"\sa\s+0\.25\s", shown)
    assert re.search(r"\sa, code style\s+0\.625\s", shown)
    assert "0.8437" not in shown
    assert "0.3711" not in shown
    tiles = report._facts(made["a"])
    assert tiles["mig"] == "0.250"
    assert tiles["sap, code style"] == "0.625"


def test_a_mark_stands_at_its_share_of_the_axis():
    shown = score_panel("t", "", [Score("a", 2.0), Score("b", 4.0), Score("c", 3.0)])
    assert re.findall(r'cx="([^"]*)"', shown) == ["3.00%", "97.00%", "50.00%"]


def study(values):
    planned = studies.Study(
        *("s", "A study", {"vae": {}}, tuple(range(len(values)))),
        score=lambda _: {},
        published={"vae": {"mig": 9.0}},
        source="a paper",
    )
    records = [
        {"row": "vae", "seed": i, "steps": 1, "scores": {"": {"mig": v}}, "config": {}}
        for i, v in enumerate(values)
    ]
    return studies.tabulate(planned, records)


def test_a_study_has_a_dot_a_seed_and_the_interval_of_the_mean():
    """Of 1, 2, 3: 2 ± t s / sqrt(3) with t = 4.3027 and s = 1."""
    section = compare_scores.study_table(study([1.0, 2.0, 3.0]))
    assert section.body.count('class="dot"') == 3
    assert "[-0.4841, 4.484]" in section.body
    assert re.search(r"published\">9<", section.body)
    assert "a paper" in section.reading
    two = compare_scores.study_table(study([1.0, 2.0])).body
    assert two.count('class="dot"') == 2
    assert 'class="interval"' not in two
    assert 'class="dot"' not in compare_scores.study_table(study([1.0])).body
    assert not compare_scores.study_table(study([])).body


def test_settings_that_differ_are_listed(models):
    section = compare.settings(figures.Comparison(models, [], {}))
    assert re.findall(r"<td[^>]*>(.*?)</td>", section.body) == [
        "hparams.beta",
        "4.0",
        "1.5",
    ]
    same = figures.Comparison({"a": models["a"], "b": models["a"]}, [], {})
    assert compare.settings(same).reading == "all models have the same settings."


def test_models_of_different_sets_say_so(models):
    assert "same images" in compare.pictures(figures.Comparison(models, [], {})).reading
    other = dataclasses.replace(models["a"].image_set, name="other")
    mixed = {"a": models["a"], "b": models["a"]._replace(image_set=other)}
    shown = compare.pictures(figures.Comparison(mixed, [], {}))
    assert "different sets" in shown.reading
    none = {"a": models["a"]._replace(decode=None)}
    assert not compare.pictures(figures.Comparison(none, [], {})).body


def test_long_curves_are_means_over_windows():
    curve = Curve(np.arange(1200), np.arange(1200.0))
    step, value = compare._thinned(curve)
    assert len(step) == len(value) == 400
    assert (step[:2], value[:2]) == ([1, 4], [1.0, 4.0])
    assert compare._thinned(Curve(np.arange(2), np.array([np.nan, 1.0])))[1] == [
        None,
        1.0,
    ]


def test_folders_are_runs_populations_or_studies(tiny_config, tmp_path):
    config = tiny_config("beta_vae")
    folders = {
        name: tmp_path / name
        for name in ("a/one", "b/one", "study/x/seed0", "study/y/seed0")
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(config.to_json())
    config.population.seed = (3, 4)
    (tmp_path / "b/one/config.json").write_text(config.to_json())
    (tmp_path / "study" / "s.json").write_text(json.dumps(study([1.0])))
    found, tables = find_models([tmp_path / n for n in ("a/one", "b/one", "study")])
    names = ["a/one", "b/one, member 0", "b/one, member 1"]
    assert [place.name for place in found[3:]] == [
        "study/x/seed0",
        "study/y/seed0",
    ]
    assert [place.name for place in found[:3]] == names
    assert [place.member for place in found[:3]] == [None, 0, 1]
    assert [table["study"] for table in tables] == ["s"]
    shutil.copytree(tmp_path / "study", tmp_path / "again")
    _, both = find_models([tmp_path / "study", tmp_path / "again"])
    title = tables[0]["title"]
    assert [t["title"] for t in both] == [f"{title}: {n}/s" for n in ("study", "again")]
    for folders, message in (
        ([tmp_path / "none"], "there is no folder"),
        ([tmp_path / "a"], "is neither a run nor a study"),
        ([tmp_path / "b/one", tmp_path / "a/../b/one"], "named more than once"),
    ):
        with pytest.raises(ValueError, match=message):
            find_models(folders)


def test_a_member_that_diverged_is_skipped_with_its_step(
    tiny_config, tmp_path, monkeypatch
):
    training.train(tiny_config("vae", steps=1, **{"population.seed": (0, 1)}), tmp_path)
    monkeypatch.setattr(training, "stopped_at", lambda run, _, i: {1: 7}.get(i))
    found = read_comparison([tmp_path], num_examples=16)
    assert [subject.member for subject in found.models.values()] == [0]
    assert [*found.skipped.values()] == ["diverged after step 7"]


def test_a_model_of_a_study_that_diverged_is_skipped_with_the_reason(
    tiny_config, tmp_path
):
    training.train(tiny_config("vae", steps=1), tmp_path / "a/seed0")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    workdir.write_divergence(tmp_path / "a/seed0", "kl is not finite at step 2.")
    found = read_comparison([tmp_path], num_examples=16)
    names = {name.partition("/")[2]: why for name, why in found.skipped.items()}
    assert names == {"a/seed0": "kl is not finite at step 2."}
    # a diverged run that is named alone is shown up to its last step
    found = read_comparison([tmp_path / "a/seed0"], num_examples=16)
    assert len(found.models) == 1
    page = figures.write_comparison(found, tmp_path / "page.html").read_text()
    assert "<dt>diverged later</dt><dd>seed0</dd>" in page


def test_a_table_of_a_study_names_what_diverged():
    result = study([1.0])
    gone = {"row": "b", "seed": 3, "diverged": 7, "scores": {}}
    named = "Diverged and excluded from all means: b, seed 3 (step 7)."
    shown = compare_scores.study_table(result | {"models": [*result["models"], gone]})
    assert named in shown.body
    nothing = compare_scores.study_table(result | {"models": [gone], "lines": {}})
    assert named in nothing.reading
    assert "excluded" not in compare_scores.study_table(result).body


def test_of_many_models_the_first_seeds_are_shown(tiny_config, tmp_path):
    for row in range(MOST - 2):
        for seed in range(3):
            folder = tmp_path / f"row{row:02}" / f"seed{seed}"
            folder.mkdir(parents=True)
            (folder / "config.json").write_text(tiny_config("vae").to_json())
    places, _ = find_models([tmp_path])
    shown = [place.folder.name for place in _chosen(places)]
    assert len(places) == 3 * (MOST - 2)
    assert (shown.count("seed0"), shown.count("seed1")) == (MOST - 2, 2)


def test_released_weights_are_compared_from_a_shell(run, tmp_path):
    pytest.importorskip("safetensors")
    weights = sorted(path for path in (ROOT / "weights").iterdir() if path.is_dir())
    weights = weights[: MOST + 1]
    page = tmp_path / "page.html"
    done = run("compare", *weights, f"--out={page}", "--num_examples=16")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("no scores yet; run python -m launch.evaluate") == MOST
    skipped = re.findall("^skipped (.*): a page has at most", done.stdout, re.M)
    assert skipped == [weights[-1].name]
    assert "Skipped models" in page.read_text()
    assert page.read_text().count('class="card"') == 3 * MOST


PROBE = """
<script>
const svg = document.querySelector(".curves svg"), found = [];
const read = () => found.push([document.querySelector(".curves [role=status]").textContent,
  ...[...document.querySelectorAll(".curves output")].map((o) => o.textContent)]);
read();
for (const key of ["Home", "ArrowRight"]) {
  svg.dispatchEvent(new KeyboardEvent("keydown", { key }));
  read();
}
const box = svg.getBoundingClientRect();
svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right - 12 }));
read();
found.push(svg.querySelectorAll("path").length);
document.title = JSON.stringify(found);
</script>
"""


def values_at_the_last_step(curves, models, tmp_path, browser):
    made = {
        name: models["a"]._replace(curves={"loss": c}) for name, c in curves.items()
    }
    page = tmp_path / "page.html"
    figures.write_comparison(figures.Comparison(made, [], {}), page)
    page.write_text(page.read_text() + PROBE)
    title = re.search(r"<title>(.*?)</title>", browser(page)).group(1)
    return json.loads(html.unescape(title))[0]


@pytest.mark.slow
def test_a_curve_has_no_value_after_its_last_step(models, tmp_path, browser):
    """A long curve ends at its last step, not at the middle of its last window."""
    curves = {
        "short": Curve(np.array([10, 20]), np.array([4.0, 3.0])),
        "long": Curve(np.arange(1, 1201), np.full(1200, 2.0)),
        "sparse": Curve(np.array([600, 1200]), np.array([6.0, 5.0])),
    }
    shown = values_at_the_last_step(curves, models, tmp_path, browser)
    assert shown == ["step 1,200", "\N{EN DASH}", "2", "5"]


@pytest.mark.slow
def test_curves_tell_their_values_in_a_browser(models, tmp_path, browser):
    curves = {"loss": Curve(np.array([10, 20, 30]), np.array([4.0, 3.0, -2.0]))}
    later = {"loss": Curve(np.array([10, 30]), np.array([1.0, np.nan]))}
    made = {
        "a": models["a"]._replace(curves=curves),
        "b": models["a"]._replace(curves=later),
        "c": models["a"]._replace(curves={}),
    }
    page = tmp_path / "page.html"
    figures.write_comparison(figures.Comparison(made, [], {}), page)
    page.write_text(page.read_text() + PROBE)
    title = re.search(r"<title>(.*?)</title>", browser(page)).group(1)
    end = ["step 30", "\N{MINUS SIGN}2", "not finite", "\N{EN DASH}"]
    start, second = (["step 10", "4", "1"], ["step 20", "3", "1"])
    assert json.loads(html.unescape(title)) == [
        *(end, [*start, "\N{EN DASH}"], [*second, "\N{EN DASH}"], end),
        2,
    ]
