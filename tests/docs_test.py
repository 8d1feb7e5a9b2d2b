"""The longer examples on the pages of docs/ do what the pages say."""

import pathlib
import re

import numpy as np
import pytest

from dis_jax import evaluation, training
from dis_jax.methods import METHODS

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"


def example(page, holding):
    """The one fenced block of Python on a page that holds some words."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    (found,) = (block for block in blocks if holding in block)
    return found


def test_a_convolutional_model_of_pytorch_is_scored():
    pytest.importorskip("torch")
    names, code = {}, example("metrics.md", "import torch")
    asked = '["mig", "irs"]'
    assert asked in code
    fewer = f"{asked}, num_train=200, num_test=100"  # than 15,000 images: seconds
    exec(code.replace(asked, fewer), names)
    assert set(names["result"]["metrics"]) == {"mig", "irs"}


def test_a_method_of_ones_own_trains_goes_on_and_encodes(tmp_path, monkeypatch):
    names = {}
    exec(example("own_method.md", "def linear_autoencoder"), names)
    exec(example("own_method.md", "def get_config"), names)
    name = "linear_autoencoder"
    monkeypatch.setitem(METHODS, name, names[name])
    config = names["get_config"]("rendered_dsprites,demo")
    config.update(steps=10, batch_size=16, log_every=5, checkpoint_every=10)
    config.update(tensorboard=False, mesh=(1, 1))
    config.hparams.learning_rate = 1e-2
    for steps in (10, 20):
        config.steps = steps
        training.train(config, tmp_path)
    log = training.read_metrics(tmp_path)
    assert [line["step"] for line in log] == [5, 10, 15, 20]
    assert log[-1]["loss"] < 0.9 * log[0]["loss"]
    method, state, _ = training.restore(tmp_path)
    encode = evaluation.code_fn(method, state)
    codes = encode(np.zeros((3, 64, 64, 1), np.float32))
    assert codes.shape == (3, 10)
    assert method.decode(state, {"z": codes}).shape == (3, 64, 64, 1)
