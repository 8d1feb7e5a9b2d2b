"""Each model of a study is trained once, whatever was there before."""

import json
import shutil

import numpy as np
import pytest

from dis_jax import studies, training
from dis_jax.studies import jobs as jobs_module
from dis_jax.studies import study as study_module
from dis_jax.studies.jobs import jobs as jobs_of
from dis_jax.studies.scored import score_path


def test_rows_that_would_share_a_folder_are_refused(make_study, tmp_path):
    study, scored = make_study()
    rows = {"beta 1": study.rows["beta 1"], "beta_1": study.rows["beta 4"]}
    study = study._replace(rows=rows)
    with pytest.raises(ValueError, match="'beta 1' and 'beta_1' would share"):
        studies.run_study(study, tmp_path)
    assert scored == []


@pytest.mark.parametrize("seeds", [(0, 0), ("0", "1")])
def test_seeds_are_different_integers(seeds, make_study, tmp_path):
    study, _ = make_study(seeds=seeds)
    with pytest.raises(ValueError, match=r"'tiny' are .*; expected different"):
        studies.run_study(study, tmp_path)


def test_every_model_is_trained_once_and_a_stopped_study_goes_on(
    make_study, untrained, tmp_path
):
    study, scored = make_study()
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


def test_a_shorter_study_does_not_take_the_scores_of_a_longer_one(make_study, tmp_path):
    """The table of the shorter one would show them as its own."""
    study, _ = make_study(steps=3, seeds=[0], betas=[1.0])
    studies.run_study(study, tmp_path)
    before = score_path(tmp_path, "beta 1", 0).read_text()
    shorter, _ = make_study(steps=2, seeds=[0], betas=[1.0])
    with pytest.raises(
        ValueError, match="has made 3 steps, more than the 2 of this st"
    ):
        studies.run_study(shorter, tmp_path, command="other")
    assert score_path(tmp_path, "beta 1", 0).read_text() == before
    assert not [*tmp_path.rglob("command.txt")]


def test_a_longer_study_trains_on_and_another_config_is_refused(make_study, tmp_path):
    studies.run_study(make_study(steps=2, seeds=[0], betas=[1.0])[0], tmp_path)
    study, scored = make_study(steps=4, seeds=[0], betas=[1.0])
    result = studies.run_study(study, tmp_path)
    assert result["lines"]["beta 1"]["steps"]["mean"] == 4
    assert scored == [(1.0, 0)]
    other, _ = make_study(steps=4, seeds=[0], betas=[1.0])
    other.rows["beta 1"].hparams.learning_rate = 0.5
    with pytest.raises(ValueError, match="learning_rate"):
        studies.run_study(other, tmp_path)


def test_runs_start_from_others_of_the_study_and_wait_for_them(make_study, tmp_path):
    def of_seed(config, seed):
        if config.hparams.beta == 1.0:
            config.init_from.update(workdir=f"beta_4/seed{seed}", networks=("decoder",))
            with config.unlocked():
                config.init_from.step = 2
        return config

    study, scored = make_study(of_seed=of_seed, seeds=[0])
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
    longer, _ = make_study(of_seed=of_seed, seeds=[0], steps=4)
    for path in (tmp_path / "scores").glob("beta_1*"):
        path.unlink()
    shutil.rmtree(tmp_path / "beta_1")
    with pytest.raises(ValueError, match="4 steps, not the 2 of init_from"):
        studies.run_study(longer, tmp_path)


def test_a_run_that_diverges_does_not_keep_others_from_being_made(make_study, tmp_path):
    study, scored = make_study(seeds=[0])
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


def test_models_side_by_side_are_the_same_models(make_study, tmp_path, monkeypatch):
    study, _ = make_study(seeds=[3])
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


def test_one_more_seed_leaves_populations_as_they_are(
    make_study, tmp_path, monkeypatch
):
    gpu = training.program.BACKENDS["gpu"]  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(jobs_module, "backend", lambda: gpu)
    study, _ = make_study(seeds=[0])
    first = studies.run_study(study, tmp_path)
    assert [first["lines"][f"beta {b}, own"]["beta"]["mean"] for b in (1, 4)] == [1, 4]

    study, scored = make_study(seeds=[0, 1])
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
    more, _ = make_study(betas=(1.0, 4.0, 8.0))
    jobs = [job.folder for job in jobs_of(more, tmp_path)]
    assert jobs == [*folders, "beta_8/seeds0-1"]
    study.rows["beta 4"].network.latent = 4
    assert [j.folder for j in jobs_of(study, tmp_path)] == ["beta_4/seeds0-1"]


def test_what_one_backend_began_another_goes_on_with(make_study, tmp_path):
    """Models that are being trained, before any has scores."""
    study, _ = make_study(steps=1)

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


def test_rows_that_share_no_program_are_runs_of_their_own(make_study):
    study, _ = make_study(betas=(1.0, 2.0, 4.0))
    study.rows["beta 4"].network.latent = 4
    jobs = jobs_of(study, vectorise=True)
    assert [job.folder for job in jobs] == ["beta_1+beta_2/seeds0-1", "beta_4/seeds0-1"]
    study.rows["beta 2"].hparams.learning_rate = 0.5  # two hyperparameters differ
    assert len(jobs_of(study, vectorise=True)) == 3


def test_the_table_says_which_models_have_other_settings(
    make_study, untrained, tmp_path
):
    studies.run_study(make_study(betas=[1.0])[0], tmp_path)
    assert "other settings" not in studies.markdown_table(
        studies.run_study(make_study(betas=[1.0])[0], tmp_path)
    )
    longer, _ = make_study(betas=[1.0], steps=4)
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


@pytest.mark.parametrize("content", [b"", b'{"row": "be', b"[]", b"{}", b"\xff\xfe"])
def test_a_damaged_score_is_named_with_the_way_out(content, make_study, tmp_path):
    study, _ = make_study()
    path = score_path(tmp_path, next(iter(study.rows)), study.seeds[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged .*delete it") as error:
        studies.read_scores(study, tmp_path)
    assert str(path) in str(error.value)


def test_a_misspelled_row_is_named_before_training(make_study, tmp_path):
    study, scored = make_study(compare=[("beta 4", "beta 2")])
    with pytest.raises(ValueError, match="compare of the study 'tiny' names 'beta 2'"):
        studies.run_study(study, tmp_path)
    assert scored == []
    assert not (tmp_path / "beta_4").exists()


def test_a_seed_may_decide_more_than_a_seed(make_study):
    def of_seed(config, seed):
        config.batch_size = 8 * (seed + 1)
        return config

    study, _ = make_study(of_seed=of_seed)
    for vectorise in (False, True):
        found = jobs_of(study, vectorise=vectorise)
        assert [job.config.batch_size for job in found] == [8, 8, 16, 16]
        assert [job.members[0][1] for job in found] == [0, 0, 1, 1]
    assert {config.batch_size for config in study.rows.values()} == {16}


def test_runs_of_other_processes_are_left_to_them(make_study, untrained, tmp_path):
    study, scored = make_study()
    with training.held(tmp_path / "scores" / ".beta_1_seed0.lock"):
        result = studies.run_study(study, tmp_path)
    assert result["missing"] == ["beta 1, seed 0"]
    assert scored == [(4.0, 0), (1.0, 1), (4.0, 1)]
    with training.held(tmp_path / "beta_1" / "seed0" / ".lock"):  # by launch.train
        assert studies.run_study(study, tmp_path) == result
    assert studies.run_study(study, tmp_path)["missing"] == []
    assert scored[3:] == [(1.0, 0)]


def test_a_run_that_starts_from_another_waits_for_it(make_study, untrained, tmp_path):
    study, scored = make_study(seeds=[0])
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
