"""The accelerator script: limits, resuming, and each kind of part at a tiny size."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import accelerator_parts as parts
from benchmarks import in_parts

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def parts_run(tmp_path):
    """Runs three one-minute parts with given exit statuses; returns names and statuses."""
    limits = dict.fromkeys(("one", "two", "three"), 1.0)

    def make(ends, minutes=10):
        begun = []

        def begin(name, seconds):
            assert seconds == 60
            begun.append(name)
            if ends.get(name, 0) == 0:
                (tmp_path / f"{name}.json").write_text("{}")
            return ends.get(name, 0)

        return begun, in_parts.run_all(tmp_path, limits, minutes, begin)

    return make


def test_a_part_that_fails_or_hangs_costs_itself_alone_and_is_made_again(parts_run):
    begun, status = parts_run({"one": 3, "two": None})
    assert begun == ["one", "two", "three"]
    assert list(status.values()) == [
        "failed (exit status 3)",
        in_parts.TOO_LONG,
        "done",
    ]
    begun, status = parts_run({})
    assert begun == ["one", "two"]
    assert list(status.values()) == ["done", "done", "done before"]


def test_nothing_is_begun_that_cannot_end_in_time(parts_run):
    begun, status = parts_run({}, minutes=0.5)
    assert begun == ["one"]  # else a short session would measure nothing
    assert status["two"] == status["three"] == in_parts.NO_TIME


def test_a_process_ends_at_its_limit_with_all_that_it_began(tmp_path):
    log = tmp_path / "log"
    assert in_parts.begin(["sleep", "--none"], log, 30) == 1
    assert "none" in log.read_text()
    script = "sleep 300 & echo $!; wait"
    assert in_parts.begin(["sh", "-c", script], log, 2) is None
    child = int(log.read_text().split()[-1])
    for _ in range(50):  # a killed process stays until it is waited for
        status = pathlib.Path(f"/proc/{child}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process of the part goes on after its limit")


SAVING = """
(trap 'sleep .4; echo saved; exit' TERM; while :; do sleep .1; done) &
trap 'exit 3' TERM
wait
"""


def test_what_a_process_began_saves_before_it_ends(tmp_path):
    log = tmp_path / "log"
    assert in_parts.begin(["sh", "-c", SAVING], log, 2) is None
    assert log.read_text().splitlines()[-1] == "saved"


def test_a_part_ends_with_the_process_that_began_it(tmp_path):
    log, script = tmp_path / "log", tmp_path / "begin.py"
    script.write_text(
        "import pathlib, sys\n"
        "from benchmarks import in_parts\n"
        "from launch import start\n"
        "command = ['sh', '-c', sys.argv[1]]\n"
        "main = lambda argv: in_parts.begin(command, pathlib.Path(sys.argv[2]), 60)\n"
        "start.run(main, unwinds=True, positional=True)\n"
    )
    command = [sys.executable, str(script), f"echo began; {SAVING}", str(log)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."})
    while not (log.exists() and "began" in log.read_text()):
        time.sleep(0.1)
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert log.read_text().splitlines()[-1] == "saved"


def test_differences_are_relative_to_the_largest_value_of_each_array():
    a = {"x": jnp.array([1.0, -4.0]), "y": jnp.zeros(2)}
    b = {"x": jnp.array([1.2, -4.0]), "y": jnp.zeros(2)}
    assert parts._apart(a, b) == pytest.approx(0.05, rel=1e-5)
    assert parts._apart(a, a) == 0


def test_a_step_agrees_with_itself_and_not_with_another(monkeypatch, tmp_path):
    found = parts.agreement(tmp_path, True)
    assert found["agrees"] == {"highest": True, "float64": True}
    (row,) = found["rows"].values()
    assert row["highest"] == row["default"] == row["float64"] == 0
    assert 1e-8 < row["sensitivity"] < 1e-3
    # On the device, the batch is replaced by zeros, so that its step differs.
    put, calls = jax.device_put, []

    def other(tree, device):
        calls.append(device)
        state, batch = put(tree, device)
        # Calls: CPU, device, at two precisions and in float64; then those of the
        # sensitivity.
        there = len(calls) in (2, 4, 6)
        return state, jax.tree.map(lambda x: x * (not there), batch)

    monkeypatch.setattr(jax, "device_put", other)
    # Results of an earlier process are kept.
    assert parts.agreement(tmp_path, True) == found
    assert not calls
    (tmp_path / "rows.json").unlink()
    apart = parts.agreement(tmp_path, True)["agrees"]
    assert apart == {"highest": False, "float64": False}


def test_a_step_in_float64_is_computed_in_float64(monkeypatch, tmp_path):
    kinds = []
    monkeypatch.setattr(parts, "_differ", lambda a, b: kinds.append(_kinds(a)) or 0.0)
    parts.agreement(tmp_path, True)
    assert kinds[:3] == [{"float32"}, {"float32"}, {"float64"}]


def _kinds(step):
    leaves = jax.tree.leaves((parts._moments(step[0]), step[1]))
    return {str(leaf.dtype) for leaf in leaves}


def test_a_part_has_the_flags_that_it_asks_for(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--one=1")
    command = ["sh", "-c", 'echo "$XLA_FLAGS"']
    assert in_parts.begin(command, tmp_path / "log", 30, "--two=2") == 0
    assert in_parts.begin(command, tmp_path / "log", 30) == 0
    assert (tmp_path / "log").read_text() == "--one=1 --two=2\n--one=1\n"


def test_a_run_that_goes_on_is_the_unbroken_one(tmp_path):
    assert parts.resume(tmp_path, True) == {"steps": 20, "bit_for_bit": True}


@pytest.mark.slow
def test_the_script_at_a_tiny_size_is_whole_and_is_not_made_twice(tmp_path, run):
    options = (f"--out={tmp_path}", "--tiny", "--parts=ada_gvae")
    done = run("benchmarks.accelerator", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ada_gvae", "done"]
    made = json.loads((tmp_path / "ada_gvae.json").read_text())
    assert (made["members"], made["steps"], made["tiny"]) == (2, 4, True)
    assert made["hardware"]["backend"] == "cpu"
    again = run("benchmarks.accelerator", *options)
    assert again.stdout.split() == ["ada_gvae", "done", "before"]


def test_a_mistake_names_the_help_of_the_benchmark(run):
    done = run("benchmarks.accelerator")
    assert done.returncode == 1
    assert "--out=... is missing" in done.stderr
    assert "See python -m benchmarks.accelerator --help." in done.stderr


def test_a_run_that_differs_by_one_bit_is_not_the_same(tmp_path, monkeypatch):
    states = {"a": np.float32(1), "b": np.nextafter(np.float32(1), np.float32(2))}

    class State:
        key = jax.random.key(0)

        def __init__(self, value):
            self.value = value

        def _replace(self, key):
            return {"value": self.value, "key": key}

    from dis_jax import training

    monkeypatch.setattr(training, "restore", lambda f: (None, State(states[f]), None))
    assert parts._same("a", "a")
    assert not parts._same("a", "b")
