"""Studies: each model is trained once, and the table follows from the scores."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import studies, training
from dis_jax.methods import State
from dis_jax.studies import jobs as jobs_module
from dis_jax.studies import study as study_module
from dis_jax.studies.jobs import jobs as jobs_of
from dis_jax.studies.scored import score_path
from dis_jax.training.workdir import write_config


@pytest.fixture
def make(tiny_config, small_images):
    """A study of beta-VAEs of a few steps; each score identifies its model."""

    def make(steps=2, betas=(1.0, 4.0), seeds=(0, 1), **fields):
        rows = {}
        for beta in betas:
            config = tiny_config(
                "beta_vae", steps=steps, checkpoint_every=2, dataset=small_images
            )
            config.hparams.beta = beta
            rows[f"beta {beta:g}"] = config
        scored = []

        def score(trained):
            scored.append((float(trained.state.hparams["beta"]), trained.seed))
            kernel = jax.tree.leaves(trained.state.params)[0]
            return {
                "": {"steps": int(trained.state.step), "sum": float(kernel.sum())},
                "own": {"beta": float(trained.config.hparams.beta)},
            }

        study = studies.Study("tiny", "Tiny", rows, tuple(seeds), score, **fields)
        return study, scored

    return make


@pytest.fixture
def untrained(monkeypatch):
    """Replaces training: runs have a config and no model, to test the order of models."""

    def train(config, folder, data_dir=None):
        with training.held(folder / ".lock"):
            config = config.copy_and_resolve_references()
            config.image_shape = (8, 8, 1)
            write_config(folder, config)
        beta = np.float32(config.hparams.beta)
        params = {"w": beta + config.seed}
        return State(jnp.int32(config.steps), None, params, {}, {}, {"beta": beta})

    monkeypatch.setattr(training, "train", train)


def test_rows_that_would_share_a_folder_are_refused(make, tmp_path):
    study, scored = make()
    rows = {"beta 1": study.rows["beta 1"], "beta_1": study.rows["beta 4"]}
    study = study._replace(rows=rows)
    with pytest.raises(ValueError, match="'beta 1' and 'beta_1' would share"):
        studies.run_study(study, tmp_path)
    assert scored == []


@pytest.mark.parametrize("seeds", [(0, 0), ("0", "1")])
def test_seeds_are_different_integers(seeds, make, tmp_path):
    study, _ = make(seeds=seeds)
    with pytest.raises(ValueError, match=r"'tiny' are .*; expected different"):
        studies.run_study(study, tmp_path)


def test_every_model_is_trained_once_and_a_stopped_study_goes_on(
    make, untrained, tmp_path
):
    study, scored = make()
    seen = []
    result = studies.run_study(
        study, tmp_path, on_model=lambda r: seen.append(r), command="made so"
    )
    assert scored == [(1.0, 0), (4.0, 0), (1.0, 1), (4.0, 1)]
    assert [len(r["missing"]) for r in seen] == [3, 2, 1, 0]
    commands = [path.read_text() for path in tmp_path.rglob("command.txt")]
    assert commands == ["made so\n"] * len(jobs_of(study, tmp_path))
    assert result["missing"] == []
    assert result["lines"]["beta 4"]["steps"]["mean"] == 2

    scored.clear()
    assert studies.run_study(study, tmp_path) == result
    assert scored == []

    # interrupted before the scores of one model were written
    score_path(tmp_path, "beta 4", 1).unlink()
    again = studies.run_study(study, tmp_path)
    assert scored == [(4.0, 1)]
    assert again["lines"] == result["lines"]


def test_a_shorter_study_does_not_take_the_scores_of_a_longer_one(make, tmp_path):
    """The table of the shorter one would show them as its own."""
    study, _ = make(steps=3, seeds=[0], betas=[1.0])
    studies.run_study(study, tmp_path)
    before = score_path(tmp_path, "beta 1", 0).read_text()
    shorter, _ = make(steps=2, seeds=[0], betas=[1.0])
    with pytest.raises(
        ValueError, match="has made 3 steps, more than the 2 of this st"
    ):
        studies.run_study(shorter, tmp_path, command="other")
    assert score_path(tmp_path, "beta 1", 0).read_text() == before
    assert not [*tmp_path.rglob("command.txt")]


def test_cells_of_fewer_models_are_named(make):
    study, _ = make(seeds=(0, 1))
    records = [record("beta 1", s, own={"score": 1.0, "b": 2.0}) for s in (0, 1)]
    whole = studies.markdown_table(studies.tabulate(study, records))
    assert "fewer" not in whole
    del records[1]["scores"]["own"]["b"]
    text = studies.markdown_table(studies.tabulate(study, records))
    assert "other scores are undefined: beta 1, own, b (1 of 2)." in text


def test_a_longer_study_trains_on_and_another_config_is_refused(make, tmp_path):
    studies.run_study(make(steps=2, seeds=[0], betas=[1.0])[0], tmp_path)
    study, scored = make(steps=4, seeds=[0], betas=[1.0])
    result = studies.run_study(study, tmp_path)
    assert result["lines"]["beta 1"]["steps"]["mean"] == 4
    assert scored == [(1.0, 0)]
    other, _ = make(steps=4, seeds=[0], betas=[1.0])
    other.rows["beta 1"].hparams.learning_rate = 0.5
    with pytest.raises(ValueError, match="learning_rate"):
        studies.run_study(other, tmp_path)


def test_runs_start_from_others_of_the_study_and_wait_for_them(make, tmp_path):
    def of_seed(config, seed):
        if config.hparams.beta == 1.0:
            config.init_from.update(workdir=f"beta_4/seed{seed}", networks=("decoder",))
            with config.unlocked():
                config.init_from.step = 2
        return config

    study, scored = make(of_seed=of_seed, seeds=[0])
    studies.run_study(study, tmp_path)
    assert scored == [(4.0, 0), (1.0, 0)]  # the second row first
    config = training.read_config(tmp_path / "beta_1" / "seed0")
    assert config.init_from.workdir == str(tmp_path / "beta_4/seed0")

    # records name no folder of this machine, so the study can be moved
    result = studies.run_study(study, shutil.move(tmp_path, f"{tmp_path}_moved"))
    assert result["configs"]["beta 1"]["init_from"]["workdir"] == "beta_4/seed0"
    assert len(scored) == 2
    shutil.move(f"{tmp_path}_moved", tmp_path)

    # the source was trained further, and the run that started from it was not
    longer, _ = make(of_seed=of_seed, seeds=[0], steps=4)
    for path in (tmp_path / "scores").glob("beta_1*"):
        path.unlink()
    shutil.rmtree(tmp_path / "beta_1")
    with pytest.raises(ValueError, match="4 steps, not the 2 of init_from"):
        studies.run_study(longer, tmp_path)


def test_a_run_that_diverges_does_not_keep_others_from_being_made(make, tmp_path):
    study, scored = make(seeds=[0])
    study.rows["beta 1"].hparams.learning_rate = 1e30
    tables = []
    for _ in range(2):  # it diverges again
        with pytest.raises(training.NonFiniteError, match=r"^beta_1/seed0: "):
            studies.run_study(study, tmp_path, on_model=tables.append)
        assert scored == [(4.0, 0)]
        result = tables[-1]
        assert result["missing"] == []
        assert [m["row"] for m in result["models"] if "diverged" in m] == ["beta 1"]
        text = studies.markdown_table(result)
        assert "Diverged and excluded from all means: beta 1, seed 0 (step 1)." in text
    # with a smaller learning rate, the same folder gets its model
    study.rows["beta 1"].hparams.learning_rate = 1e-3
    result = studies.run_study(study, tmp_path)
    assert {"beta 1", "beta 4"} <= result["lines"].keys()
    assert "Diverged" not in studies.markdown_table(result)


def test_models_side_by_side_are_the_same_models(make, tmp_path, monkeypatch):
    study, _ = make(seeds=[3])
    alone = studies.run_study(study, tmp_path / "alone")
    gpu = training.program.BACKENDS["gpu"]  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(jobs_module, "backend", lambda: gpu)
    (job,) = jobs_of(study)
    assert len(job.members) == 2
    for row, seed, index in job.members:
        member = training.members(job.config)[index]
        assert member.seed == seed
        assert member.hparams == dict(study.rows[row].hparams)
    together = studies.run_study(study, tmp_path / "together")
    for line in ("beta 1", "beta 4"):
        a, b = (r["lines"][line]["sum"]["mean"] for r in (alone, together))
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_one_more_seed_leaves_populations_as_they_are(make, tmp_path, monkeypatch):
    gpu = training.program.BACKENDS["gpu"]  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(jobs_module, "backend", lambda: gpu)
    study, _ = make(seeds=[0])
    first = studies.run_study(study, tmp_path)
    assert [first["lines"][f"beta {b}, own"]["beta"]["mean"] for b in (1, 4)] == [1, 4]

    study, scored = make(seeds=[0, 1])
    folders = [job.folder for job in jobs_of(study, tmp_path)]
    assert folders == ["beta_1+beta_4/seeds0", "beta_1+beta_4/seeds1"]
    studies.run_study(study, tmp_path)
    assert scored == [(1.0, 1), (4.0, 1)]

    # interrupted before one model was scored
    score_path(tmp_path, "beta 4", 1).unlink()
    studies.run_study(study, tmp_path)
    assert scored[2:] == [(4.0, 1)]
    assert sorted(p.parent.name for p in tmp_path.glob("*/*/config.json")) == [
        *("seeds0", "seeds1")
    ]

    # one more row, and a row with another network
    more, _ = make(betas=(1.0, 4.0, 8.0))
    jobs = [job.folder for job in jobs_of(more, tmp_path)]
    assert jobs == [*folders, "beta_8/seeds0-1"]
    study.rows["beta 4"].network.latent = 4
    assert [j.folder for j in jobs_of(study, tmp_path)] == ["beta_4/seeds0-1"]


def test_what_one_backend_began_another_goes_on_with(make, tmp_path):
    """Models that are being trained, before any has scores."""
    study, _ = make(steps=1)

    def folders(vectorise):
        return [j.folder for j in jobs_of(study, tmp_path, vectorise=vectorise)]

    singles = ["beta_1/seed0", "beta_4/seed0", "beta_1/seed1", "beta_4/seed1"]
    assert folders(False) == singles
    (tmp_path / singles[1]).mkdir(parents=True)
    config = study.rows["beta 4"].copy_and_resolve_references()
    (tmp_path / singles[1] / "config.json").write_text(config.to_json())
    assert folders(False) == singles
    assert folders(True) == [singles[1], "beta_1/seeds0-1", "beta_4/seeds1"]

    shutil.rmtree(tmp_path / "beta_4")
    population = tmp_path / "beta_1+beta_4" / "seeds1"
    population.mkdir(parents=True)
    config.population.seed = (1,)
    text = config.to_json()
    (population / "config.json").write_text(text)
    assert folders(False) == ["beta_1+beta_4/seeds1", *singles[:2]]
    assert folders(True) == ["beta_1+beta_4/seeds1", "beta_1+beta_4/seeds0"]


def test_rows_that_share_no_program_are_runs_of_their_own(make):
    study, _ = make(betas=(1.0, 2.0, 4.0))
    study.rows["beta 4"].network.latent = 4
    jobs = jobs_of(study, vectorise=True)
    assert [job.folder for job in jobs] == ["beta_1+beta_2/seeds0-1", "beta_4/seeds0-1"]
    study.rows["beta 2"].hparams.learning_rate = 0.5  # two hyperparameters differ
    assert len(jobs_of(study, vectorise=True)) == 3


def test_the_table_says_which_models_have_other_settings(make, untrained, tmp_path):
    studies.run_study(make(betas=[1.0])[0], tmp_path)
    assert "other settings" not in studies.markdown_table(
        studies.run_study(make(betas=[1.0])[0], tmp_path)
    )
    longer, _ = make(betas=[1.0], steps=4)
    longer.rows["beta 1"].hparams.clip_norm = 3.0
    seen = studies.tabulate(longer, studies.read_scores(longer, tmp_path))
    assert seen["models"][0]["differs"] == {
        "hparams.clip_norm": ["inf", 3.0],
        "steps": [2, 4],
    }
    assert studies.markdown_table(json.loads(json.dumps(seen))).endswith(
        "\nTrained with other settings than the study's: "
        "beta 1, seed 0 (hparams.clip_norm inf instead of 3.0, steps 2 instead of 4); "
        "beta 1, seed 1 (hparams.clip_norm inf instead of 3.0, steps 2 instead of 4).\n"
    )


def record(row, seed, **lines):
    return {"row": row, "seed": seed, "steps": 1, "scores": lines, "config": {}}


@pytest.fixture
def result(make):
    study, _ = make(
        seeds=(0, 1, 2),
        published={"beta 1, own": {"score": 2.5}},
        source="a paper",
        compare=[("beta 4, own", "beta 1, own")],
    )
    records = [record("beta 1", s, own={"score": 1.0 + s}) for s in range(3)]
    records += [record("beta 4", s, own={"score": 3.0 + 3 * s}) for s in range(2)]
    return studies.tabulate(study, records)


def test_repetitions_of_one_unit_are_one_value(make):
    compare = [("beta 4, own", "beta 1, own")]
    study, _ = make(seeds=(0, 1, 50, 51), compare=compare, unit=lambda seed: seed % 50)
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


def test_from_five_pairs_on_a_difference_has_an_interval(make):
    study, _ = make(seeds=tuple(range(5)), compare=[("beta 4, own", "beta 1, own")])
    records = [record("beta 1", s, own={"score": 0.0}) for s in range(5)]
    records += [record("beta 4", s, own={"score": float(s)}) for s in range(5)]
    found = studies.tabulate(study, records)
    difference = found["differences"][0]["columns"]["score"]
    assert difference["mean"] == 2.0
    assert 0 < difference["low"] < 1 < 3 < difference["high"] < 4
    text = studies.markdown_table(found)
    assert "same seeds, 95 % bootstrap:" in text
    assert "each seed" not in text


def test_a_model_that_diverged_is_in_no_mean_and_is_named(make):
    study, _ = make(seeds=(0, 1, 2))
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


@pytest.mark.parametrize("content", [b"", b'{"row": "be', b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_score_is_named_with_the_way_out(content, make, tmp_path):
    study, _ = make()
    path = score_path(tmp_path, next(iter(study.rows)), study.seeds[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged .*delete it") as error:
        studies.read_scores(study, tmp_path)
    assert str(path) in str(error.value)


def test_chance_values_are_stored_and_averaged(make):
    study, _ = make(seeds=(0, 1))
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
def test_a_misspelled_line_or_column_is_named(make, fields, message):
    study, _ = make(seeds=[0], **fields)
    records = [record(row, 0, own={"score": 1.0}) for row in study.rows]
    with pytest.raises(ValueError, match=message):
        studies.tabulate(study, records)


def test_a_misspelled_row_is_named_before_training(make, tmp_path):
    study, scored = make(compare=[("beta 4", "beta 2")])
    with pytest.raises(ValueError, match="compare of the study 'tiny' names 'beta 2'"):
        studies.run_study(study, tmp_path)
    assert scored == []
    assert not (tmp_path / "beta_4").exists()


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


def test_a_table_may_show_some_columns_alone(make):
    study, _ = make(seeds=(0,), shown=("b", "of no model"))
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


def test_a_seed_may_decide_more_than_a_seed(make):
    def of_seed(config, seed):
        config.batch_size = 8 * (seed + 1)
        return config

    study, _ = make(of_seed=of_seed)
    for vectorise in (False, True):
        found = jobs_of(study, vectorise=vectorise)
        assert [job.config.batch_size for job in found] == [8, 8, 16, 16]
        assert [job.members[0][1] for job in found] == [0, 0, 1, 1]
    assert {config.batch_size for config in study.rows.values()} == {16}


def test_runs_of_other_processes_are_left_to_them(make, untrained, tmp_path):
    study, scored = make()
    with training.held(tmp_path / "scores" / ".beta_1_seed0.lock"):
        result = studies.run_study(study, tmp_path)
    assert result["missing"] == ["beta 1, seed 0"]
    assert scored == [(4.0, 0), (1.0, 1), (4.0, 1)]
    with training.held(tmp_path / "beta_1" / "seed0" / ".lock"):  # by launch.train
        assert studies.run_study(study, tmp_path) == result
    assert studies.run_study(study, tmp_path)["missing"] == []
    assert scored[3:] == [(1.0, 0)]


def test_a_run_that_starts_from_another_waits_for_it(make, untrained, tmp_path):
    study, scored = make(seeds=[0])
    study.rows["beta 1"].init_from.workdir = str(tmp_path / "beta_4" / "seed0")
    study.rows["beta 1"].init_from.networks = ("encoder",)
    assert studies.run_study(study, tmp_path)["missing"] == []
    assert scored == [(4.0, 0), (1.0, 0)]


def test_scores_are_lines_of_columns():
    lines = {"": {"MIG": 0.2}}
    assert study_module.checked_scores(lines) == (lines, {})
    undefined = {"": {"MIG": 0.2, "InfoC": float("nan"), "TC": np.float32(np.inf)}}
    assert study_module.checked_scores(undefined) == (lines, {})
    assert study_module.checked_scores(studies.Scored(lines, lines)) == (lines, lines)
    for wrong in (3, {"MIG": 0.2}, None):
        with pytest.raises(
            ValueError, match=r"score of a study returned .* of columns"
        ):
            study_module.checked_scores(wrong)
