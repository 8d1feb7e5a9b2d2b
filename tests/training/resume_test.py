"""A run that was stopped, killed or damaged continues exactly where it was."""

import logging
import os
import signal

import chex
import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import finite


def test_resumed_equals_unbroken_bit_for_bit(make_config, stopped_at, tmp_path):
    """Two batches and two optimisers; the tests of signals resume populations."""
    config = make_config("factor_vae", steps=8)
    folder = tmp_path / "unbroken"
    unbroken = training.train(config, folder)
    broken = stopped_at(4, folder, last=8)
    chex.assert_trees_all_equal(unbroken, training.train(config, broken))
    logs = [training.read_metrics(path) for path in (folder, broken)]
    timeless = [
        [
            {k: v for k, v in x.items() if k not in ("time", "steps_per_second")}
            for x in log
        ]
        for log in logs
    ]
    assert timeless[0] == timeless[1]
    assert [line["step"] for line in logs[0]] == [2, 4, 6, 8]


def test_a_run_that_ended_within_a_call_goes_on_at_multiples_of_its_calls(begun):
    folder, config, _ = begun
    for steps in (5, 8):
        config.steps = steps
        training.train(config, folder)
    lines = training.read_metrics(folder)
    assert [line["step"] for line in lines] == [2, 4, 5, 6, 8]


def test_the_same_command_again_does_nothing(begun):
    folder, config, first = begun
    before = (folder / "metrics.jsonl").read_text()
    chex.assert_trees_all_equal(first, training.train(config, folder))
    assert (folder / "metrics.jsonl").read_text() == before


def test_a_finished_run_keeps_the_config_that_it_was_trained_with(begun, caplog):
    folder, config, first = begun
    config.hparams.beta = 16.0
    caplog.set_level(logging.INFO)
    chex.assert_trees_all_equal(
        first, training.train(config, folder, accept_changes=True)
    )
    assert "already finished its 4 steps; its config stays" in caplog.text
    assert training.read_config(folder).hparams.beta == 4.0
    (folder / "config.json").unlink()  # as the message about a damaged one advises
    training.train(config, folder)
    assert training.read_config(folder).hparams.beta == 16.0
    config.steps = 6  # with steps left, the change is applied and recorded
    training.train(config, folder, accept_changes=True)
    assert training.read_config(folder).hparams.beta == 16.0


def test_other_data_of_the_same_name_are_refused_unless_accepted(
    make_config, tmp_path, caplog
):
    def write(count, **labels):
        images = np.zeros((count, 8, 8), np.uint8)
        np.savez(tmp_path / "own.npz", images=images, **labels)

    config = make_config("beta_vae", steps=2, dataset=str(tmp_path / "own.npz"))
    folder = tmp_path / "run"
    write(40, kind=np.arange(40) % 4)
    training.train(config, folder)
    config.steps = 4
    training.export(folder, tmp_path / "exported")
    write(30, colour=np.arange(30) % 3)
    with pytest.raises(ValueError, match="not the data of this run") as error:
        training.train(config, folder)
    for line in ("num_images: 40 -> 30", "factor_names: ['kind'] -> ['colour']"):
        assert line in str(error.value)
        for trained in (folder, tmp_path / "exported"):
            caplog.clear()
            assert training.load_data(trained, config.dataset).num_images == 30
            assert f"{trained} was trained on" in caplog.text
            assert line in caplog.text
    assert training.read_config(folder).steps == 2
    assert int(training.train(config, folder, accept_changes=True).step) == 4
    # accepted data are the data of the run from then on
    assert int(training.train(config, folder).step) == 4
    caplog.clear()
    training.load_data(folder, config.dataset)
    training.load_data(folder, "rendered_nar")  # another name: not compared
    assert "was trained on" not in caplog.text


def test_hyperparameters_that_were_accepted_are_used(begun):
    folder, config, _ = begun
    config.hparams.beta = 9.0
    config.steps = 6
    state = training.train(config, folder, accept_changes=True)
    assert float(state.hparams["beta"]) == 9.0


def test_a_config_is_written_when_it_is_known_to_be_that_of_the_run(
    begun,
):
    folder, config, first = begun
    written = (folder / "config.json").read_text()
    config.steps = 8
    with training.held(folder / ".lock"), pytest.raises(training.BusyError):
        training.train(config, folder)
    assert (folder / "config.json").read_text() == written

    config.network.latent = 5
    with pytest.raises(OSError, match="do not match the config") as error:
        training.train(config, folder, accept_changes=True)
    assert "none of the checkpoints [4, 2] in " in str(error.value)
    assert "'decoder'" in str(error.value)
    assert "has the shape [3, 8] in the checkpoint and [5, 8] in the config" in str(
        error.value
    )
    assert (folder / "config.json").read_text() == written
    chex.assert_trees_all_equal(first, training.restore(folder)[1])


def test_a_damaged_checkpoint_costs_steps_but_not_the_run(begun, caplog):
    folder, config, unbroken = begun
    for file in (folder / "checkpoints" / "4" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with caplog.at_level(logging.INFO):
        again = training.train(config, folder)
    assert "checkpoint 4" in caplog.text
    assert "resuming from step 2" in caplog.text
    chex.assert_trees_all_equal(unbroken, again)
    assert [x["step"] for x in training.read_metrics(folder)] == [2, 4]


def test_a_signal_saves_the_step_that_was_reached(
    make_config, tmp_path, monkeypatch, caplog
):
    values = {"steps": 14, "log_every": 4, "checkpoint_every": 8}
    config = make_config("beta_vae", **values, **{"population.seed": (0, 1)})
    unbroken = training.train(config, tmp_path / "unbroken")

    made = []
    sent = {3: signal.SIGTERM, 6: signal.SIGINT}  # within windows of the log
    add = finite.Window.add

    def add_and_send(window, metrics):
        made.append(metrics)
        if len(made) in sent:
            os.kill(os.getpid(), sent[len(made)])
        add(window, metrics)

    monkeypatch.setattr(finite.Window, "add", add_and_send)
    before = [signal.getsignal(signum) for signum in sent.values()]
    for call, signum in sent.items():
        reached = 2 * call
        with (
            pytest.raises(training.Interrupted) as ended,
            caplog.at_level(logging.INFO),
        ):
            training.train(config, tmp_path / "broken")
        assert ended.value.code == 128 + signum
        assert f"saved a checkpoint of step {reached}" in caplog.text
        assert int(np.max(training.restore(tmp_path / "broken")[1].step)) == reached
    assert [signal.getsignal(signum) for signum in sent.values()] == before
    chex.assert_trees_all_equal(unbroken, training.train(config, tmp_path / "broken"))
    logs = [training.read_metrics(tmp_path / name) for name in ("unbroken", "broken")]
    for line in (*logs[0], *logs[1]):
        del line["time"], line["steps_per_second"]
    assert logs[0] == logs[1]
    found = [
        training.Checkpoints(tmp_path / n / "checkpoints")
        for n in ("unbroken", "broken")
    ]
    assert found[0].best_step() == found[1].best_step()
    for each in found:
        each.close()


def test_a_signal_while_the_last_step_is_saved_ends_the_run_too(begun, caplog):
    folder, config, _ = begun
    config.steps = 6

    def send(step, means):
        if step == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(training.Interrupted) as ended, caplog.at_level(logging.INFO):
        training.train(config, folder, accept_changes=True, log=send)
    assert ended.value.code == 128 + signal.SIGTERM
    assert "saved a checkpoint of step 6" in caplog.text
    assert int(training.train(config, folder).step) == 6  # finished


# Forks before JAX has a device, so that a kill does not cost new imports. Prints the number
# of killed processes.
KILLED = """
import os, random, signal, sys, time
from absl import logging
from configs import beta_vae
from dis_jax import training
from dis_jax.training import program

program.BACKENDS["cpu"] = program.BACKENDS["cpu"]._replace(unroll=False)
logging.set_verbosity(logging.INFO)
logging.use_absl_handler()
config = beta_vae.get_config("rendered_dsprites,mlp")
config.network.update(encoder=(8,), decoder=(8,))
config.update(steps=300, steps_per_call=5, checkpoint_every=25, log_every=25,
              batch_size=8, tensorboard=False)

def start(name):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(write, 2)
        training.train(config, f"{sys.argv[1]}/{name}")
        sys.exit()
    os.close(write)
    log = os.fdopen(read)
    for line in log:
        if "compiled in" in line:  # from here on there is something to lose
            break
    return child, log

def end(child, log):
    sys.stderr.write(log.read())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

unbroken, began = start("unbroken"), time.monotonic()
assert end(*unbroken) == 0
whole = time.monotonic() - began
chance = random.Random(0)
kills = 0
while kills < 2:
    child, log = start("broken")
    time.sleep(chance.uniform(0, whole / 8))
    os.kill(child, signal.SIGKILL)
    if end(child, log) != -signal.SIGKILL:
        break  # it had finished already
    kills += 1
assert end(*start("broken")) == 0
print(kills)
"""


@pytest.mark.slow
def test_killed_twice_equals_unbroken(commands, one_device, tmp_path):
    """SIGKILL at random moments: while stepping, logging, saving."""
    env = os.environ | {"XLA_FLAGS": one_device}
    command = {"code": KILLED, "arguments": [str(tmp_path)], "env": env}
    (done,) = commands(command, timeout=900)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 2, "the run is too short to be killed often"
    states = [training.restore(tmp_path / name)[1] for name in ("unbroken", "broken")]
    assert int(states[0].step) == 300
    chex.assert_trees_all_equal(*states)
    lines = [training.read_metrics(tmp_path / name) for name in ("unbroken", "broken")]
    assert [x["loss"] for x in lines[0]] == [x["loss"] for x in lines[1]]
