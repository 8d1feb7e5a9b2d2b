"""What every launch script does first."""

import logging
import pathlib
import signal
import sys

import pytest

from dis_jax import shipped
from launch import start

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A signal that arrives in a callback, where Python drops exceptions.
SIGNALLED = """
import os, signal, time
from launch import start

class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.{signum})
        time.sleep(.01)

def main(argv):
    Callback()
    print("went on", flush=True)

start.run(main)
"""


UNREAD = """
import os
from launch import start

reader, writer = os.pipe()
os.dup2(writer, 1)
os.close(writer)
os.close(reader)
start.run(lambda argv: print("unread", flush=True))
"""


@pytest.mark.parametrize("installed", [True, False])
def test_the_help_names_commands_as_they_are_typed(installed, monkeypatch):
    name = (lambda name: f"dis-jax {name}") if installed else shipped.command
    monkeypatch.setattr("dis_jax.shipped.command", name)
    text = (
        "python -m launch.train --config=configs/studies/a.py:x; launch.evaluate first"
    )
    shown = "dis-jax train --config=a:x; dis-jax evaluate first" if installed else text
    assert start._as_typed(text) == shown


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_a_reader_that_stops_is_no_mistake(commands, arguments):
    (done,) = commands({"code": UNREAD, "arguments": arguments, "env": {}})
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == ""


@pytest.mark.parametrize(("signum", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_no_signal_is_lost(commands, signum, code):
    command = {"code": SIGNALLED.format(signum=signum), "arguments": [], "env": {}}
    (done,) = commands(command)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"error: ended by {signum}\n"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("dis_jax/training/loop.py", True),
        ("launch/train.py", True),
        ("benchmarks/long_runs.py", True),  # the script that runs
        (".venv/lib/python3/site-packages/orbax/checkpoint/log.py", False),
    ],
)
def test_the_log_shows_our_lines_also_in_a_clone_called_dis_jax(
    place, shown, monkeypatch
):
    clone = "/home/me/dis_jax"
    monkeypatch.setattr(sys, "argv", [f"{clone}/benchmarks/long_runs.py"])
    ours = (f"{clone}/dis_jax/", f"{clone}/launch/")
    monkeypatch.setattr("launch.start._OURS", ours)
    record = logging.makeLogRecord(
        {"pathname": f"{clone}/{place}", "levelno": logging.INFO}
    )
    assert start._ours_or_urgent(record) == shown
    record.levelno = logging.WARNING
    assert start._ours_or_urgent(record)
