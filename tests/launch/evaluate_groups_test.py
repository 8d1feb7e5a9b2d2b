"""Probes of the codes of a group method, from the shell."""

import json

import pytest

from dis_jax import training


@pytest.fixture(scope="module")
def workdir(tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ml_vae")
    # equal sizes of both codes, so that they share compiled programs
    config = tiny_config("ml_vae", **{"network.latent": 2})
    config.steps = config.log_every = config.checkpoint_every = 2
    training.train(config, folder)
    return folder


def test_every_code_by_every_protocol(run, workdir):
    options = ("--model=logistic", "--num_train=600", "--num_test=300")
    done = run("evaluate_groups", f"--workdir={workdir}", *options)
    assert done.returncode == 0, done.stderr
    (path,) = (workdir / "evaluation").glob("groups_shape_logistic_*.json")
    assert done.stdout.splitlines()[-1] == f"written to {path}"
    written = json.loads(path.read_text())
    assert (written["num_train"], written["num_test"]) == (600, 300)
    assert written["splits"] == ["all"]
    found = written["metrics"]
    leaking = [
        title for title, entry in found.items() if entry["result"]["leaks_labels"]
    ]
    assert leaking == ["shape from class, evidence of the test batch, by its labels"]
    assert sorted(title for title in found if "style" in title) == [
        "shape from style, mean of one image",
        "shape from style, sample for one image",
    ]
    assert len(found) == 6
    # three shapes, with equal numbers of images
    assert all(0.25 < entry["result"]["chance"] < 0.42 for entry in found.values())


def test_a_factor_that_is_not_there(run, workdir):
    done = run("evaluate_groups", f"--workdir={workdir}", "--factor=digit")
    assert done.returncode == 1
    assert "rendered_dsprites has shape, scale" in done.stderr
    assert "Traceback" not in done.stderr
