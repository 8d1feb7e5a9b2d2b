"""A run resumes exactly where it stopped, and stops when values are not finite."""

import logging
import os
import shutil
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import training
from dis_jax.studies.transfer import _opened
from dis_jax.training import finite, program, workdir

IN_A_LOOP = program.BACKENDS["cpu"]._replace(unroll=False)


def _bits(state):
    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def _assert_same(a, b):
    for x, y in zip(_bits(a), _bits(b), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture(scope="module")
def make_config(tiny_config, small_images):
    values = {"log_every": 2, "checkpoint_every": 4, "steps_per_call": 2}
    values |= {"dataset": small_images, "image_shape": (8, 8, 1)}
    return lambda method, **overrides: tiny_config(method, **values | overrides)


@pytest.fixture(scope="module")
def trained(make_config, tmp_path_factory):
    """The workdir of a run of four steps, two checkpoints, and its state."""
    folder = tmp_path_factory.mktemp("trained")
    config = make_config("beta_vae", steps=4, checkpoint_every=2)
    return folder, training.train(config, folder)


def _stopped_at(step, folder, last):
    """A copy of a run's folder as a kill leaves it, after `step` and before `last`."""
    copy = shutil.copytree(folder, folder.with_name("stopped"))
    assert (copy / "checkpoints" / str(step)).is_dir()
    shutil.rmtree(copy / "checkpoints" / str(last))
    return copy


@pytest.fixture
def begun(trained, tmp_path):
    """A copy of that workdir, the config in it, and the state."""
    folder = shutil.copytree(trained[0], tmp_path / "begun")
    return folder, training.read_config(folder), trained[1]


def test_resumed_equals_unbroken_bit_for_bit(make_config, tmp_path):
    """Two batches and two optimisers; the tests of signals resume populations."""
    config = make_config("factor_vae", steps=8)
    folder = tmp_path / "unbroken"
    unbroken = training.train(config, folder)
    broken = _stopped_at(4, folder, last=8)
    _assert_same(unbroken, training.train(config, broken))
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
    _assert_same(first, training.train(config, folder))
    assert (folder / "metrics.jsonl").read_text() == before


def test_a_finished_run_keeps_the_config_that_it_was_trained_with(begun, caplog):
    folder, config, first = begun
    config.hparams.beta = 16.0
    caplog.set_level(logging.INFO)
    _assert_same(first, training.train(config, folder, accept_changes=True))
    assert "already finished its 4 steps; its config stays" in caplog.text
    assert training.read_config(folder).hparams.beta == 4.0
    (folder / "config.json").unlink()  # as the message about a damaged one advises
    training.train(config, folder)
    assert training.read_config(folder).hparams.beta == 16.0
    config.steps = 6  # with steps left, the change is applied and recorded
    training.train(config, folder, accept_changes=True)
    assert training.read_config(folder).hparams.beta == 16.0


def test_a_run_to_begin_from_needs_the_networks_to_take(make_config, trained, tmp_path):
    config = make_config("beta_vae", steps=2)
    config.init_from.workdir = str(trained[0])
    with pytest.raises(
        ValueError, match=r"init_from\.networks is \(\); expected the net"
    ):
        training.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


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


def test_a_run_holds_its_state_once(make_config, tmp_path):
    held = lambda: sum(array.nbytes for array in jax.live_arrays())
    config = make_config("beta_vae", steps=6, checkpoint_every=6)
    config.network = training.load_config("beta_vae:mnist,mlp").network
    before, during = held(), []
    state = training.train(
        config, tmp_path, log=lambda *_: during.append(held() - before)
    )
    size = sum(leaf.nbytes for leaf in _bits(state))
    assert size > 2**20  # more than the images
    assert len(during) == 3
    assert max(during) < 1.2 * size


def test_log_lines_are_means_over_their_window(make_config, tmp_path):
    config = make_config("beta_vae", steps=4, log_every=4)
    training.train(config, tmp_path / "coarse")
    config.log_every = 1
    config.steps_per_call = 1
    training.train(config, tmp_path / "fine")
    (coarse,) = training.read_metrics(tmp_path / "coarse")
    fine = [line["loss"] for line in training.read_metrics(tmp_path / "fine")]
    assert len(fine) == 4
    np.testing.assert_allclose(coarse["loss"], np.mean(fine), rtol=1e-5)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(
    begun, caplog
):
    folder, config, good = begun
    config.hparams.learning_rate = 1e30
    config.steps = 20
    with pytest.raises(training.NonFiniteError, match=r"not finite .*step") as error:
        training.train(config, folder, accept_changes=True)
    assert "loss" in str(error.value) or "parameters of" in str(error.value)
    assert "last checkpoint (step 4) is from before that" in str(error.value)
    assert training.divergence(folder) == str(error.value)
    # no checkpoint has the new config
    assert training.read_config(folder).hparams.learning_rate < 1
    assert training.read_config(folder).steps == 4
    with caplog.at_level(logging.WARNING):
        restored = training.restore(folder)[1]
    assert f"{folder}: using step 4; {error.value}" in caplog.text
    _assert_same(good._replace(hparams={}), restored._replace(hparams={}))


def test_before_its_first_checkpoint_a_workdir_takes_another_config(
    make_config, tmp_path
):
    rates = {"hparams.learning_rate": 1e30}
    config = make_config("beta_vae", steps=4, **rates)
    with pytest.raises(
        training.NonFiniteError, match="no checkpoint yet, so you can reuse --workdir"
    ):
        training.train(config, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint yet; .* not finite"):
        training.restore(tmp_path)
    config.hparams.learning_rate = 1e-3
    training.train(config, tmp_path)
    assert training.divergence(tmp_path) == ""
    assert training.read_config(tmp_path).hparams.learning_rate == 1e-3
    assert [line["step"] for line in training.read_metrics(tmp_path)] == [2, 4]


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
    _assert_same(first, training.restore(folder)[1])


def _diverging(make_config, **overrides):
    rates = {"population.learning_rate": (1e30, 1e-3, 3e-3)}
    return make_config("beta_vae", **(rates | overrides))


@pytest.mark.parametrize("vectorise", [False, True])
def test_a_member_that_diverges_stays_at_its_last_finite_state(
    vectorise, make_config, tmp_path, monkeypatch, caplog
):
    form = IN_A_LOOP._replace(vectorise=vectorise)
    monkeypatch.setitem(program.BACKENDS, "cpu", form)
    config = _diverging(make_config, steps=12)
    with caplog.at_level(logging.WARNING):
        state = training.train(config, tmp_path / "three")
    assert "not finite" in caplog.text
    assert "for members [0]" in caplog.text
    ((member, stopped),) = training.diverged(state).items()
    assert member == 0
    assert stopped < 12
    assert stopped % 2 == 0  # the state before the call that went wrong
    assert state.step.tolist() == [stopped, 12, 12]
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))

    lines = training.read_metrics(tmp_path / "three")
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    for line in lines:
        out = line["step"] > stopped
        assert (line["loss"][0] is None) == out
        assert line.get("diverged") == ({"0": stopped} if out else None)

    # a resumed run equals the unbroken one
    broken = _stopped_at(8, tmp_path / "three", last=12)
    _assert_same(state, training.train(config, broken))
    if not vectorise:  # vectorised members round differently
        # the others equal those trained without it
        config.population.learning_rate = (1e-3, 3e-3)
        two = training.train(config, tmp_path / "two")
        for i, own in enumerate((1, 2)):
            _assert_same(training.member(two, i), training.member(state, own))
    _, restored, _ = training.restore(tmp_path / "three", member=0)
    assert int(restored.step) == stopped
    # readers accept the run as finished, although its first member is not
    training.export(tmp_path / "three", tmp_path / "exported", member=0)
    assert int(training.restore(tmp_path / "exported")[1].step) == stopped
    assert f"after step {stopped}." in training.divergence(tmp_path / "exported")
    config = training.read_config(tmp_path / "three")
    assert _opened(tmp_path / "three", config, None).image_set.num_images == 40
    after = _diverging(make_config, steps=2, **{"init_from.step": 12})
    after.init_from.update(workdir=str(tmp_path / "three"), networks=("encoder",))
    after.population.learning_rate = (1e-12, 2e-12, 3e-12)
    began = training.train(after, tmp_path / "after").params["encoder"]
    for found, wanted in zip(
        *map(jax.tree.leaves, (began, state.params["encoder"])), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-10)


def test_a_population_of_which_no_member_is_left_stops(make_config, tmp_path):
    rates = {"population.learning_rate": (1e30, 1e31)}
    with pytest.raises(training.NonFiniteError, match=r"for members \[0, 1\]") as error:
        training.train(make_config("beta_vae", steps=8, **rates), tmp_path)
    assert "clip_norm" not in str(error.value)
    assert error.value.steps == (0, 0)  # of each member


def test_a_run_that_diverged_is_whole_at_the_steps_that_it_has(make_config, tmp_path):
    """The user accepts it as finished by asking for no more steps."""
    config = make_config("beta_vae", steps=4)
    training.train(config, tmp_path)
    config.steps = 9
    workdir.write_config(tmp_path, config)
    workdir.write_divergence(tmp_path, "loss is not finite at step 7.")
    training.export(tmp_path, tmp_path / "out")
    assert training.divergence(tmp_path / "out") == "loss is not finite at step 7."
    config.steps = 4
    training.train(config, tmp_path)
    assert training.divergence(tmp_path) == ""
    assert training.read_config(tmp_path).steps == 4
    training.export(tmp_path, tmp_path / "out")
    assert training.divergence(tmp_path / "out") == ""


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
    _assert_same(unbroken, training.train(config, tmp_path / "broken"))
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


def test_the_best_is_measured_by_a_term_that_exists(make_config, tmp_path):
    config = make_config("vae", steps=4, best_metric="los")
    with pytest.raises(ValueError, match=r"best_metric is 'los'; .*loss.*kl"):
        training.train(config, tmp_path)
    assert not [*tmp_path.iterdir()]  # else the corrected command would be refused


def test_a_run_whose_terms_name_no_best_keeps_the_last_ones(make_config, tmp_path):
    config = make_config("beta_vae", steps=8, keep_checkpoints=1, best_metric="")
    state = training.train(config, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
    _assert_same(state, training.restore(tmp_path)[1])
    with pytest.raises(ValueError, match="keeps no best checkpoint"):
        training.restore(tmp_path, best=True)


def test_a_damaged_checkpoint_costs_steps_but_not_the_run(begun, caplog):
    folder, config, unbroken = begun
    for file in (folder / "checkpoints" / "4" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with caplog.at_level(logging.INFO):
        again = training.train(config, folder)
    assert "checkpoint 4" in caplog.text
    assert "resuming from step 2" in caplog.text
    _assert_same(unbroken, again)
    assert [x["step"] for x in training.read_metrics(folder)] == [2, 4]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"mesh": (1, -1), "batch_size": 12}, "batch_size is 12, which 8 devices"),
        (
            {"mesh": (2, -1), "population.seed": (0, 1, 2)},
            "the number of members is 3, which 2 devices",
        ),
        ({"keep_checkpoints": 0}, "keep_checkpoints is 0; expected an integer"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_and_leave_nothing_behind(
    overrides, message, make_config, tmp_path, monkeypatch
):
    side_by_side = IN_A_LOOP._replace(vectorise=True)
    monkeypatch.setitem(program.BACKENDS, "cpu", side_by_side)
    config = make_config("vae", steps=4, **overrides)
    with pytest.raises(ValueError, match=message):
        training.train(config, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_bfloat16_trains_with_float32_parameters(
    trained, make_config, traced_step, tmp_path
):
    config = make_config("factor_vae", precision="bfloat16")
    shapes, _, _ = traced_step(config)
    assert {x.dtype for x in jax.tree.leaves(shapes.params)} == {jnp.dtype("float32")}
    config = make_config("beta_vae", steps=4, precision="bfloat16")
    state = training.train(config, tmp_path)
    assert {x.dtype for x in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}
    single = trained[1]
    difference = np.abs(
        state.params["encoder"]["mean"]["kernel"]
        - single.params["encoder"]["mean"]["kernel"]
    ).max()
    assert 0 < difference < 0.01


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
    _assert_same(*states)
    lines = [training.read_metrics(tmp_path / name) for name in ("unbroken", "broken")]
    assert [x["loss"] for x in lines[0]] == [x["loss"] for x in lines[1]]


PROCESS = """
import json, sys
import jax
port, processes, process, folder, spread = *map(int, sys.argv[1:4]), *sys.argv[4:]
jax.distributed.initialize(f"localhost:{port}", processes, process)
from dis_jax.training import program
from tests.training import loop_test

program.BACKENDS["cpu"] = loop_test.BACKENDS[spread]
print(json.dumps(loop_test.train_on_two_devices(folder, spread)))
"""
BACKENDS = {
    "a batch": IN_A_LOOP,
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
