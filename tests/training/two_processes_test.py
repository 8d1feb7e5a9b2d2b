"""Two processes train one model, or one population, together."""

import jax
import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import program

PROCESS = """
import json, sys
import jax
port, processes, process, folder, spread = *map(int, sys.argv[1:4]), *sys.argv[4:]
jax.distributed.initialize(f"localhost:{port}", processes, process)
from dis_jax.training import program
from tests.training import two_processes_test

program.BACKENDS["cpu"] = two_processes_test.BACKENDS[spread]
print(json.dumps(two_processes_test.train_on_two_devices(folder, spread)))
"""


BACKENDS = {
    "a batch": program.BACKENDS["cpu"]._replace(unroll=False),
    "members": program.Backend(1, False, True),  # as a GPU's
}


def train_on_two_devices(folder, spread):
    """Trains, and returns the first parameters that are on this process."""
    from configs import vae

    config = vae.get_config("rendered_dsprites,mlp")
    config.network.update(encoder=(8,), decoder=(8,))
    config.update(batch_size=16, steps=4, steps_per_call=2, log_every=2)
    config.update(checkpoint_every=4, mesh=(1, 2))
    if spread == "members":
        config.population.seed, config.mesh = (0, 1), (2, 1)
        training.train(config, folder)  # resumed below
    config.steps = 8
    state = training.train(config, folder)
    leaves = [x.addressable_data(0) for x in jax.tree.leaves(state.params)]
    return [np.asarray(x).ravel()[:3].tolist() for x in leaves]


@pytest.mark.slow
@pytest.mark.parametrize("spread", ["a batch", "members"])
def test_two_processes_train_as_one_and_one_of_them_writes(
    spread, processes, tmp_path, monkeypatch
):
    monkeypatch.setitem(program.BACKENDS, "cpu", BACKENDS[spread])
    alone = train_on_two_devices(tmp_path / "one", spread)
    first, second = processes(PROCESS, tmp_path / "two", spread, count=2, devices=1)
    assert (first == second) == (spread == "a batch")
    for a, b in zip(first, alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    one, two = (training.read_metrics(tmp_path / name) for name in ("one", "two"))
    assert [line["step"] for line in two] == [2, 4, 6, 8]
    np.testing.assert_allclose(
        [line["loss"] for line in two], [line["loss"] for line in one], rtol=1e-5
    )
    logs = (tmp_path / "two" / "tensorboard").iterdir()  # one per call, of one process
    assert len([*logs]) == (1 if spread == "a batch" else 2)
