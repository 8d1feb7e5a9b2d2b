"""Studies from the shell: which are there, and what they would train."""

import os
import pathlib
import subprocess
import sys

import pytest

from dis_jax import training
from dis_jax.evaluation import study as studies
from dis_jax.methods import METHODS
from launch import study

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
    found = study.load(f"configs/studies/{name}")
    jobs = studies.jobs(found, vectorise=vectorise)
    assert len({job.folder for job in jobs}) == len(jobs)
    made = [(row, seed) for job in jobs for row, seed, _ in job.members]
    assert sorted(made) == sorted((r, s) for r in found.rows for s in found.seeds)
    for job in jobs:
        assert job.config.method in METHODS
        assert len(training.members(job.config)) == len(job.members)


def test_a_study_that_is_not_there_is_named(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "launch.study"),
            *("--study=configs/studies/none.py", f"--workdir={tmp_path}"),
        ],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no configs/studies/none.py; there are" in done.stderr
    assert "ml_vae_mnist.py" in done.stderr
