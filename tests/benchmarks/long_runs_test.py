"""The queue of long runs: what it runs, skips and prints."""

import functools
import os
import pathlib
import re
import threading

import pytest
from absl import flags
from absl.testing import flagsaver

from benchmarks import long_runs
from dis_jax import studies, training

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_entry_names_a_config_or_a_study_that_is_there():
    runs = long_runs.queue()
    assert len({run.name for run in runs}) == len(runs) == 12
    lengths = {}
    for run in runs:
        first = run.commands[0]
        assert f"--workdir={{folder}}/{run.name}" in first
        if found := re.search(r"--study=(\S+)", first):
            study = studies.load_study(str(ROOT / found[1]))
            kind = studies.TransferStudy if "transfer" in first else studies.Study
            assert isinstance(study, kind)
            lengths[run.name] = {c.steps for c in study.rows.values()}, len(study.seeds)
        else:
            config = re.search(r"--config=(configs/\w+\.py):rendered_dsprites ", first)
            assert (ROOT / config[1]).is_file()
    assert lengths["joint_vae_mnist"] == ({93_700}, 10)
    assert lengths["joint_vae_dsprites"] == ({300_000}, 1)
    assert lengths["transfer_shapes3d"] == ({100_000}, 1)
    assert lengths["sdim_edim_smallnorb"] == ({5_000}, 1)


def test_the_small_models_set_fields_that_their_configs_have():
    methods = set()
    for run in long_runs.weights():
        words = run.commands[0].split()
        name = words[1].removeprefix("--config=configs/").replace(".py:", ":")
        config = training.load_config(name)
        methods.add(config.method)
        for word in words[3:]:
            field = word.partition("=")[0].removeprefix("--config.")
            functools.reduce(lambda group, key: group[key], field.split("."), config)
        assert f"weights/{run.name}" in run.commands[-1]
    assert len(methods) >= 6


@pytest.fixture(scope="module", autouse=True)
def _parsed():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # other scripts' flags are required


@pytest.fixture
def put(monkeypatch):
    """Replaces the queue by three runs; the first command of the second run fails."""
    runs = [
        long_runs.Run("one", ("json.tool --help", "json.tool --help")),
        long_runs.Run("two", ("json.tool {folder}/none.json", "json.tool --help")),
        long_runs.Run("three", ("json.tool --help",)),
    ]
    monkeypatch.setattr(long_runs, "queue", lambda: list(runs))


def test_a_run_that_fails_stops_no_other_and_is_taken_again(put, tmp_path, monkeypatch):
    cores, asked = os.sched_getaffinity(0), []
    make = long_runs.make
    monkeypatch.setattr(
        long_runs,
        "make",
        lambda run, folder: asked.append(run.name) or make(run, folder),
    )
    # The worker sets its own priority and cores; this process must keep its own.
    monkeypatch.setattr(long_runs.os, "nice", lambda by: by)
    with flagsaver.flagsaver(folder=str(tmp_path)):
        for _ in range(2):
            waiting = [r for r in long_runs.queue() if not long_runs.done(tmp_path, r)]
            worker = threading.Thread(
                target=long_runs.work,
                args=(waiting, threading.Lock(), tmp_path, min(cores)),
            )
            worker.start()
            worker.join()
    assert asked == ["one", "two", "three", "two"]
    assert [long_runs.done(tmp_path, r) for r in long_runs.queue()] == [
        True,
        False,
        True,
    ]
    log = (tmp_path / "two.log").read_text()
    assert log.count("none.json") >= 2  # both tries, one after the other
    assert "positional arguments" not in log  # help: the second command did not run
    assert (tmp_path / "one.log").read_text().count("positional arguments") == 2
    assert os.sched_getaffinity(0) == cores


def test_the_list_says_what_each_run_said_last(put, tmp_path, capsys):
    (tmp_path / "one.done").touch()
    (tmp_path / "two.log").write_text("step 1\nstep 7 of 9\n\n")
    with flagsaver.flagsaver(folder=str(tmp_path), list=True, only=""):
        long_runs.main([])
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines == [["one", "done"], ["two", "step 7 of 9"], ["three", "waiting"]]


def test_a_worker_takes_nothing_once_the_queue_stops(put, tmp_path, monkeypatch):
    stopping = threading.Event()
    stopping.set()
    monkeypatch.setattr(long_runs, "_STOPPING", stopping)
    monkeypatch.setattr(long_runs.os, "nice", lambda by: by)
    waiting = long_runs.queue()
    with flagsaver.flagsaver(folder=str(tmp_path), pin=False):
        long_runs.work(waiting, threading.Lock(), tmp_path, 0)
    assert len(waiting) == 3
