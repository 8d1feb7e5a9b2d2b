"""Visual analogies, from the shell."""

import json
import pathlib

import pytest

from dis_jax import training

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ("--population=4", "--generations=2", "--num_problems=6", "--shown=1")


@pytest.fixture(scope="module")
def workdir(tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    config = tiny_config("vae", dataset="rendered_nar")
    config.update(steps=1, log_every=1, checkpoint_every=1, batch_size=4)
    training.train(config, folder)
    return folder


def test_solvers_answer_the_same_problems(run, workdir):
    solvers = ("latent_difference", "genetic")
    done = run(
        *("solve_analogies", f"--workdir={workdir}", *SMALL),
        *(f"--solvers={','.join(solvers)}", "--exact"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((workdir / "evaluation" / "analogies.json").read_text())
    assert tuple(found["metrics"]) == solvers
    for name in solvers:
        result = found["metrics"][name]["result"]
        assert result["num"] == 6
        lengths = result["by_length"].values()
        assert sum(part["num"] for part in lengths) == 6
        right = sum(part["num"] * part["accuracy"] for part in lengths)
        assert result["accuracy"] == pytest.approx(right / 6)
        assert result["low"] <= result["accuracy"] <= result["high"]
        assert f"{name}: {result['accuracy']:.3f}" in done.stdout
        assert found["metrics"][name]["settings"]["exact"]
    page = (workdir / "analogies.html").read_text()
    assert all(name.replace("_", " ") in page or name in page for name in solvers)


def test_searches_use_a_network_in_place_of_the_decoder(run, workdir):
    small = ("--surrogate_images=256", "--surrogate_steps=2", "--solvers=random")
    done = run("solve_analogies", f"--workdir={workdir}", *SMALL, *small)
    assert done.returncode == 0, done.stderr
    found = json.loads((workdir / "evaluation" / "analogies.json").read_text())
    assert not found["metrics"]["random"]["settings"]["exact"]
    assert found["surrogate"]["unexplained"] >= 0
    assert "of the variance unexplained" in done.stdout


def test_mistakes_end_in_a_message(run, workdir, tmp_path):
    sprites = ROOT / "weights" / "beta_vae_rendered_dsprites_mlp_seed0"
    for arguments, message in (
        ((f"--workdir={sprites}",), "trained on rendered_dsprites; expected boards"),
        (
            (f"--workdir={workdir}", "--solvers=genetik", *SMALL),
            "did you mean 'genetic'",
        ),
        (
            (f"--workdir={workdir}", "--examples=7", *SMALL),
            "examples is 7; expected 1 to 6",
        ),
        ((f"--workdir={tmp_path / 'none'}",), "none"),
    ):
        done = run("solve_analogies", *arguments)
        assert done.returncode == 1, message
        assert done.stderr.startswith("error: ")
        assert not done.stdout  # before anything is fitted
        assert message in done.stderr
