"""Labels read off the codes of a group method, from the shell."""

import json

import numpy as np
import pytest

from dis_jax import data, training
from launch import evaluate_groups


@pytest.fixture(scope="module")
def workdir(tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ml_vae")
    config = tiny_config("ml_vae")
    config.steps = config.log_every = config.checkpoint_every = 2
    training.train(config, folder)
    return folder


def test_every_code_by_every_protocol(run, workdir):
    options = ("--model=logistic", "--num_train=600", "--num_test=300")
    done = run("evaluate_groups", f"--workdir={workdir}", *options)
    assert done.returncode == 0, done.stderr
    (path,) = (workdir / "evaluation").glob("groups_shape_logistic_*.json")
    assert done.stdout.splitlines()[-1] == f"written to {path}"
    found = json.loads(path.read_text())["metrics"]
    leaking = [
        title for title, entry in found.items() if entry["result"]["leaks_labels"]
    ]
    assert leaking == ["shape from class, evidence of the test batch, by its labels"]
    assert sorted(title for title in found if "style" in title) == [
        "shape from style, mean of one image",
        "shape from style, sample for one image",
    ]
    assert len(found) == 6
    # three shapes, as many images each
    assert all(0.25 < entry["result"]["chance"] < 0.42 for entry in found.values())


def test_a_factor_that_is_not_there(run, workdir):
    done = run("evaluate_groups", f"--workdir={workdir}", "--factor=digit")
    assert done.returncode == 1
    assert "rendered_dsprites has shape, scale" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_image_is_learned_from_and_tested_on():
    sprites = data.load("rendered_dsprites")
    (train, scale), (test, _) = evaluate_groups.parts([sprites], "scale", (60, 40), 0)
    both = {image.tobytes() for image in np.concatenate([train, test])}
    assert (len(train), len(test)) == (60, 40)
    assert len(both) == 100
    area = np.asarray(train).sum(axis=(1, 2, 3))
    assert np.corrcoef(scale, area)[0, 1] > 0.6  # labels stay with their images
