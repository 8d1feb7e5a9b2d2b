"""Runs the missing parts of a long measurement, each with a time limit."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from absl import logging

TOO_LONG = "took longer than its limit"
NO_TIME = "not started: would exceed the time limit"
GRACE = 20.0  # seconds between SIGTERM and SIGKILL


def run_all(
    out: pathlib.Path,
    limits: Mapping[str, float],
    minutes: float,
    begin: Callable[[str, float], int | None],
) -> dict[str, str]:
    """Runs the missing parts in order, and returns the status of each part.

    Args:
      out: the folder of the results.
      limits: time limit of each part in minutes, by name, in order.
      minutes: time limit of all parts together.
      begin: `(name, seconds) -> exit status`, or None if the limit was reached.

    Returns:
      "done", "done before", or the reason why the result is missing, by part name.
    """
    ends, status = time.monotonic() + 60 * minutes, {}
    for name, limit in limits.items():
        limit = 60 * limit
        if (out / f"{name}.json").exists():
            status[name] = "done before"
        elif time.monotonic() + limit > ends and status:
            status[name] = NO_TIME
        else:
            logging.info("%s: at most %.0f minutes", name, limit / 60)
            code = begin(name, limit)
            whole = code == 0 and (out / f"{name}.json").exists()
            failed = TOO_LONG if code is None else f"failed (exit status {code})"
            status[name] = "done" if whole else failed
        logging.info("%s: %s", name, status[name])
    return status


def begin(
    command: Sequence[str], log: pathlib.Path, seconds: float, xla_flags: str = ""
) -> int | None:
    """Runs a command with a time limit; returns the exit status, or None at the limit.

    Args:
      command: the command; it runs in its own process group, which ends as a whole.
      log: the file to which its output is appended.
      seconds: the time limit.
      xla_flags: added to XLA_FLAGS of the process.
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} {xla_flags}".strip()
    with log.open("ab") as text:
        process = subprocess.Popen(
            command,
            stdout=text,
            stderr=text,
            start_new_session=True,
            env=os.environ | {"XLA_FLAGS": flags},
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            return None
        except BaseException:  # this process ends, by a signal or by Ctrl-C
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the group of a process; a training run in it first writes its checkpoint.

    The process may end long before its child processes.
    """
    ends = time.monotonic() + GRACE
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < ends:
            process.poll()  # else it stays in its group
            os.killpg(process.pid, 0)  # raises once the group is empty
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
