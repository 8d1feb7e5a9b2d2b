"""The longer examples on the pages of docs/ do what the pages say."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from dis_jax import data, evaluation, methods, own_code, training

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


def test_code_of_ones_own_works_from_a_folder_outside_the_clone(tmp_path, monkeypatch):
    """The first example: trained by the command, resumed, restored and scored."""
    module = example("own_method.md", "def sparse_vae")
    (tmp_path / "my_module.py").write_text(module)
    (tmp_path / "my_config.py").write_text(example("own_method.md", "from my_module"))
    small = {"steps": 4, "batch_size": 16, "log_every": 2, "checkpoint_every": 4}
    fields = {
        **small,
        "tensorboard": False,
        "mesh": (1, 1),
        "population.sparsity": (0.0, 0.5),
    }
    flags = [f"--config.{name}={value}" for name, value in fields.items()]
    command = "train --config=my_config.py:demo --workdir=run"
    one = "--xla_force_host_platform_device_count=1"
    own = {
        "PYTHONPATH": str(DOCS.parent),
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {one}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dis_jax", *command.split(), *flags],
        env=os.environ | own,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    monkeypatch.setattr(own_code, "_PERMITTED", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ValueError, match=r"my_module:sparse_vae.*nothing was imported"):
        training.restore(run)
    assert "my_module" not in sys.modules

    monkeypatch.chdir(tmp_path)
    method, state, config = training.restore(run, member=1, allow_code=True)
    images = data.load(config.dataset)
    assert (images.name, config.network.name) == ("squares", "my_module:dense_networks")
    encode = evaluation.code_fn(method, state)
    result = evaluation.evaluate(
        *(encode, images, 0, ["mig", "my_module:active_dimensions"]),
        settings={"my_module:active_dimensions": {"threshold": 0.0}},
        num_train=40,
        num_test=10,
    )
    assert result["metrics"]["my_module:active_dimensions"]["result"] == {"score": 10}

    config = training.load_config("my_config.py:demo")
    config.update_from_flattened_dict({**fields, "steps": 6})
    training.train(config, run)
    assert [line["step"] for line in training.read_metrics(run)] == [2, 4, 6]
    del sys.modules["my_module"]


def test_the_method_that_is_all_of_ones_own_keeps_the_contract():
    names = {"__name__": "linear"}  # of a file, for a name that is found again
    exec(example("own_method.md", "def linear_autoencoder"), names)
    checked = example("own_method.md", "methods.check(")
    call = "methods.check(linear_autoencoder, config)"
    assert call in checked
    exec(checked.replace(call, "assert config.method"), names)
    parts = ("step", "codes")
    make, config = names["linear_autoencoder"], names["config"]
    assert methods.check(make, config, parts=parts) == parts
