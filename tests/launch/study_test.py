"""Studies from the shell: which exist, and what they train."""

import json
import pathlib
import re

import pytest

from dis_jax import studies, training
from dis_jax.methods import METHODS
from dis_jax.studies.jobs import jobs as jobs_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDIES = sorted(
    path.name
    for path in (ROOT / "configs" / "studies").glob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("vectorise", [True, False])
def test_every_study_names_runs_that_can_be_made(name, vectorise, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = studies.load_study(f"configs/studies/{name}")
    jobs = jobs_of(found, vectorise=vectorise)
    assert len({job.folder for job in jobs}) == len(jobs)
    made = [(row, seed) for job in jobs for row, seed, _ in job.members]
    assert sorted(made) == sorted((r, s) for r in found.rows for s in found.seeds)
    for job in jobs:
        assert job.config.method in METHODS
        assert len(training.members(job.config)) == len(job.members)


def test_words_after_the_colon_choose_rows_and_lengths(monkeypatch):
    monkeypatch.chdir(ROOT)
    file = "configs/studies/ada_gvae.py"
    found = studies.load_study(
        f"{file}:rendered_shapes3d,4000,2,32,5e-4,ada_gvae,beta_vae"
    )
    assert list(found.rows) == ["Ada-GVAE", "beta-VAE"]
    assert found.seeds == (0, 1)
    assert found.compare == [("Ada-GVAE", "beta-VAE")]
    ada, beta = found.rows.values()
    assert (ada.batch_size, beta.batch_size) == (32, 64)  # equally many images
    for config in (ada, beta):
        assert config.dataset == "rendered_shapes3d"
        assert (config.steps, config.checkpoint_every) == (4000, 200)
        assert config.hparams.learning_rate == 5e-4
        assert config.hparams.beta == 1
    # a shorter study does not overwrite the table of a longer one
    assert found.name == "ada_gvae_rendered_shapes3d_steps4000_pairs32_rate0.0005"
    words = "steps4000,seeds2,pairs32,rate5e-4,rendered_shapes3d,ada_gvae,beta_vae"
    by_name = studies.load_study(f"{file}:{words}")
    assert (by_name.name, by_name.seeds) == (found.name, found.seeds)
    assert by_name.rows["beta-VAE"].to_json() == beta.to_json()
    whole = studies.load_study(file)
    assert whole.name == "ada_gvae_rendered_dsprites"
    assert len(whole.rows) == 4
    assert ("GroupVAE, labels", "Ada-GVAE") in whole.compare
    assert all({*pair} <= {*whole.rows} for pair in whole.compare)
    assert len(whole.seeds) == 5
    paper = whole.rows["Ada-GVAE"]
    assert (paper.steps, paper.checkpoint_every) == (300_000, 10_000)
    assert (paper.batch_size, paper.hparams.learning_rate) == (64, 1e-4)


@pytest.mark.parametrize("name", ["ml_vae_mnist", "ml_vae_tradeoff"])
def test_a_length_of_ones_own_is_in_the_name(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert studies.load_study(f"configs/studies/{name}.py").name == name
    assert studies.load_study(f"configs/studies/{name}.py:epochs7").name == (
        f"{name}_epochs7"
    )
    # more seeds extend the same table
    assert studies.load_study(f"configs/studies/{name}.py:seeds4").name == name
    assert studies.load_study(f"configs/studies/{name}.py:seeds4").seeds == (0, 1, 2, 3)
    with pytest.raises(
        ValueError, match="unknown argument '7'; known: epochsN, seedsN"
    ):
        studies.load_study(f"configs/studies/{name}.py:7")


def test_the_forms_of_the_gaussian_differ_in_moments_and_penalty(monkeypatch):
    monkeypatch.chdir(ROOT)
    file = "configs/studies/gaussian_tc.py"
    found = studies.load_study(f"{file}:small,gamma10,steps50")
    assert found.name == "gaussian_tc_small_gamma10_steps50"
    forms = {n: c for n, c in found.rows.items() if c.method == "gaussian_tc"}
    assert {(c.moments, c.penalty) for c in forms.values()} == {
        (moments, penalty)
        for moments in ("batch", "moving", "network")
        for penalty in ("tc", "kl")
    }
    for config in found.rows.values():
        assert config.hparams.get("gamma", 10) == 10
        assert (config.network.name, config.steps) == ("mlp", 50)
    whole = studies.load_study(file)
    assert len(whole.rows) == 2 + 2 * 7  # two gammas of FactorVAE and six forms
    assert {c.network.name for c in whole.rows.values()} == {"conv"}


def test_commands_of_committed_tables_name_them_still(monkeypatch):
    monkeypatch.chdir(ROOT)
    found = {}
    for path in (ROOT / "results").glob("*.json"):
        made_by = json.loads(path.read_text()).get("made_by", "")
        if asked := re.search(r"launch\.study --study=(\S+)", made_by):
            found[path.stem] = studies.load_study(asked[1]).name
    assert found
    assert found == {name: name for name in found}


def test_a_study_that_is_not_there_is_named(run, tmp_path):
    done = run("study", "--study=configs/studies/none.py", f"--workdir={tmp_path}")
    assert done.returncode == 1
    assert "no file configs/studies/none.py; similar names: " in done.stderr
    assert "configs/studies/joint_vae.py" in done.stderr
    assert "__init__" not in done.stderr


def test_shorter_joint_vaes_grow_their_capacities_as_slowly(monkeypatch):
    monkeypatch.chdir(ROOT)
    file = "configs/studies/joint_vae.py"
    whole_study = studies.load_study(file)
    whole = whole_study.rows["JointVAE"]
    assert (whole.dataset, whole.split) == ("mnist+resized32", "train")
    assert (whole.steps, whole.hparams.capacity_steps) == (93_700, 25_000)
    short = studies.load_study(f"{file}:mnist,steps9370,seeds2")
    assert short.seeds == (0, 1)
    assert short.name != whole_study.name  # does not overwrite its table
    assert short.rows["JointVAE"].hparams.capacity_steps == 25_000
    with pytest.raises(ValueError, match=r"unknown argument 'epochs3'; .*nown: mnist"):
        studies.load_study(f"{file}:epochs3")


OWN = """
from dis_jax import studies, training


def get_study(argument):
    config = training.load_config("vae:rendered_dsprites,demo,mlp")
    config.update(steps=int(argument), tensorboard=False)
    config.network.update(encoder=(8,), decoder=(8,))
    score = lambda trained: {"": {"steps": trained.config.steps}}
    return studies.Study("own_rate0.001", "One's own", {"VAE": config}, (0,), score)
"""


def test_the_study_of_the_docs(tmp_path):
    text = (ROOT / "docs" / "studies.md").read_text()
    file = tmp_path / "mine.py"
    code = text.split("```python\n")[1].split("```")[0]
    asked = '"mig")'
    assert asked in code
    fewer = '"mig", num_train=1000, num_test=100)'  # not 15,000 images: seconds
    file.write_text(code.replace(asked, fewer))
    found = studies.load_study(f"{file}:steps2,seeds1")
    for config in found.rows.values():
        config.network.update(encoder=(8,), decoder=(8,))
        config.tensorboard = False
    result = studies.run_study(found, tmp_path / "work")
    assert (found.name, result["missing"]) == ("mine_steps2", [])
    assert 0 <= result["lines"]["beta-VAE"]["MIG"]["mean"] < 0.5
    assert result["differences"][0]["columns"]["MIG"]["n"] == 1
    assert (tmp_path / "work" / "beta_VAE" / "seed0" / "config.json").exists()


def test_a_second_shell_that_finds_every_run_taken_ends_well(run, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    work = tmp_path / "work"
    with training.held(work / "scores" / ".VAE_seed0.lock"):  # by the first shell
        done = run("study", f"--study={tmp_path / 'mine.py'}:3", f"--workdir={work}")
    assert done.returncode == 0, done.stderr
    assert "running in other processes: VAE/seed0" in done.stderr
    assert "no model is scored yet" in done.stdout


@pytest.mark.slow
def test_a_study_of_ones_own_from_the_shell(run, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    study_flag = f"--study={tmp_path / 'mine.py'}:3"
    work, results = tmp_path / "work", tmp_path / "results"
    folders = (f"--workdir={work}", f"--results={results}")
    first, second = (run("study", study_flag, *folders) for _ in range(2))
    for done in (first, second):
        assert done.returncode == 0, done.stderr
        assert "| VAE | 3 |" in done.stdout
    assert "step 3 of 3" not in second.stderr + second.stdout  # trained before
    for folder in (work, results):
        found = json.loads((folder / "own_rate0.001.json").read_text())
        assert found["made_by"] == f"python -m launch.study {study_flag} --workdir=..."
        assert found["lines"]["VAE"]["steps"]["mean"] == 3
        assert (
            f"Made by `{found['made_by']}`."
            in (folder / "own_rate0.001.md").read_text()
        )
        assert (folder / "own_rate0.001.png").read_bytes().startswith(b"\x89PNG")
    again = tmp_path / "again"
    flags = (study_flag, "--notrain", f"--results={again}")
    done = run("study", *flags, f"--workdir={tmp_path / 'empty'}")
    assert done.returncode == 1
    assert "empty contains no scores of this study's models" in done.stderr
    assert not again.exists()
    done = run("study", *flags, f"--workdir={work}")
    assert done.returncode == 0, done.stderr
    for name in ("own_rate0.001.md", "own_rate0.001.json"):
        assert (again / name).read_text() == (results / name).read_text()


def test_a_study_that_is_no_program(run, tmp_path):
    (tmp_path / "table.md").write_text("# A study")
    done = run("study", f"--study={tmp_path / 'table.md'}", f"--workdir={tmp_path}")
    assert done.returncode == 1
    assert "table.md is not a Python file" in done.stderr


DIVERGES = """
from dis_jax import studies, training

def get_study(argument=""):
    rows = {}
    for name, rate in (("bad", 1e30), ("good", 1e-3)):
        config = training.load_config("beta_vae:rendered_dsprites,mlp")
        config.network.update(encoder=(8,), decoder=(8,))
        config.hparams.learning_rate = rate
        config.update(steps=2, log_every=2, checkpoint_every=2, tensorboard=False)
        rows[name] = config
    return studies.Study("tiny", "Tiny", rows, (0,), lambda model: {"": {"one": 1.0}})
"""


def test_a_first_row_that_diverges_keeps_no_other_from_the_table(run, tmp_path):
    (tmp_path / "tiny.py").write_text(DIVERGES)
    options = (f"--study={tmp_path / 'tiny.py'}", f"--workdir={tmp_path / 'runs'}")
    done = run("study", *options)
    assert done.returncode == 1
    assert "bad/seed0: " in done.stderr
    assert "not finite" in done.stderr
    text = (tmp_path / "runs" / "tiny.md").read_text()
    assert "| good | 1 |" in text
    assert "Diverged and excluded from all means: bad, seed 0 (step 1)." in text
    assert (tmp_path / "runs" / "tiny.png").stat().st_size > 1_000
