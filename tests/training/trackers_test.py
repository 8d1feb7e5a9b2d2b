"""Trackers of experiments receive the lines of the log."""

from __future__ import annotations

import pytest

from dis_jax import training


class Fake:
    """The methods of a Weights & Biases run and of the module mlflow that are called."""

    def __init__(self):
        self.lines = []

    def log(self, scalars, *, step):
        self.lines.append((step, scalars))

    log_metrics = log


@pytest.fixture
def config(tiny_config):
    found = tiny_config("vae")
    found.update(steps=4, log_every=2, checkpoint_every=4)
    return found


@pytest.mark.parametrize("adapter", [training.to_wandb, training.to_mlflow])
def test_each_member_has_numbers_of_its_own(adapter):
    fake = Fake()
    adapter(fake)(10, {"kl": 0.5, "loss": [1.0, None, 3.0]})
    assert fake.lines == [(10, {"kl": 0.5, "loss/0": 1.0, "loss/2": 3.0})]


def test_a_run_tells_what_it_logs(config, tmp_path):
    fake = Fake()
    training.train(config, tmp_path, log=training.to_wandb(fake))
    log = training.read_metrics(tmp_path)
    assert [step for step, _ in fake.lines] == [2, 4]
    for line, (_, told) in zip(log, fake.lines, strict=True):
        assert {"loss", "kl", "steps_per_second"} <= told.keys()
        assert told["loss"] == line["loss"]


def test_mlflow_keeps_the_numbers_in_files(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    with mlflow.start_run() as run:
        training.to_mlflow(mlflow)(3, {"loss": [1.0, 2.0]})
    kept = mlflow.get_run(run.info.run_id).data.metrics
    assert kept == {"loss/0": 1.0, "loss/1": 2.0}
