"""Visual analogies, from the shell."""

import json
import pathlib

import jax
import pytest

from dis_jax import data, evaluation, studies, training

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ("--population=4", "--generations=2", "--num_problems=12", "--shown=1")


@pytest.fixture(scope="module")
def workdir(tiny_config, tmp_path_factory):
    """A population of two."""
    folder = tmp_path_factory.mktemp("boards")
    config = tiny_config("vae", dataset="rendered_nar")
    config.update(steps=1, log_every=1, checkpoint_every=1, batch_size=4)
    config.population.seed = (0, 1)
    training.train(config, folder)
    return folder


def test_solvers_answer_the_same_problems(run, workdir):
    solvers = ("latent_difference", "genetic")
    done = run(
        *("solve_analogies", f"--workdir={workdir}", "--member=1", *SMALL),
        *(f"--solvers={','.join(solvers)}", "--exact"),
    )
    assert done.returncode == 0, done.stderr
    path = workdir / "evaluation" / "analogies_member1.json"
    found = json.loads(path.read_text())
    assert tuple(found["metrics"]) == solvers
    for name in solvers:
        result = found["metrics"][name]["result"]
        assert result["num"] == 12
        lengths = result["by_length"].values()
        assert sum(part["num"] for part in lengths) == 12
        right = sum(part["num"] * part["accuracy"] for part in lengths)
        assert result["accuracy"] == pytest.approx(right / 12)
        assert result["low"] <= result["accuracy"] <= result["high"]
        assert f"{name}: {result['accuracy']:.3f}" in done.stdout
        assert found["metrics"][name]["settings"]["exact"]
    page = (workdir / "analogies_member1.html").read_text()
    assert all(name.replace("_", " ") in page or name in page for name in solvers)
    assert found["member"] == 1
    answers = [latent_difference(workdir, member) for member in range(2)]
    assert answers[0] != answers[1] == found["metrics"]["latent_difference"]["result"]


def latent_difference(workdir, member):
    """Accuracies of one member by the solver that needs no search."""
    method, states, config = training.restore(workdir)
    state = training.member(states, member)
    problem_key, search_key = jax.random.split(jax.random.key(0))
    problems = data.nar_problems(problem_key, 12)
    answers = studies.solve_analogies(
        evaluation.code_fn(method, state),
        lambda codes: method.decode(state, {method.code: codes}),
        *(data.load(config.dataset), problems, search_key, "latent_difference"),
    )
    return studies.accuracy_by_length(problems, answers)


def test_searches_use_a_network_in_place_of_the_decoder(run, workdir):
    small = ("--surrogate_images=256", "--surrogate_steps=2", "--solvers=random")
    member = (f"--workdir={workdir}", "--member=0")
    done = run("solve_analogies", *member, *SMALL, *small)
    assert done.returncode == 0, done.stderr
    path = workdir / "evaluation" / "analogies_member0.json"
    found = json.loads(path.read_text())
    assert not found["metrics"]["random"]["settings"]["exact"]
    assert found["surrogate"]["unexplained"] >= 0
    assert "of the variance unexplained" in done.stdout


def test_mistakes_end_in_a_message(run, workdir, tmp_path):
    sprites = ROOT / "weights" / "beta_vae_rendered_dsprites_mlp_seed0"
    for arguments, message in (
        ((f"--workdir={sprites}",), "trained on rendered_dsprites; expected boards"),
        (
            (f"--workdir={workdir}", "--member=0", "--solvers=genetik", *SMALL),
            "did you mean 'genetic'",
        ),
        (
            (f"--workdir={workdir}", "--member=0", "--examples=7", *SMALL),
            "examples is 7; expected 1 to 6",
        ),
        ((f"--workdir={workdir}",), "choose one of its 2 members by --member="),
        ((f"--workdir={tmp_path / 'none'}",), "none"),
    ):
        done = run("solve_analogies", *arguments)
        assert done.returncode == 1, message
        assert done.stderr.startswith("error: ")
        assert not done.stdout  # before anything is fitted
        assert message in done.stderr
