"""Signals that end a run: it saves its current step, then stops."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.experimental import multihost_utils

# The signal that SLURM, Kubernetes and TPU pods send before they end a process; Ctrl-C.
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(SystemExit):
    """A signal ended a run after it saved its current step.

    The exit code is that of a process ended by a signal: 143 for SIGTERM, 130 for Ctrl-C.
    """

    def __init__(self, signum: int):
        """Takes the number of the signal."""
        super().__init__(128 + signum)


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], int | None]]:
    """Records signals while the block runs, instead of ending the process at once.

    A second signal ends the process at once. A signal that the process ignores stays
    ignored. Several processes all stop after the same call, whichever got the signal.

    Returns:
      A context manager. Its value is a function to call after each call of a program; it
      returns the signal that asks to stop there, or None.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None  # Python runs signal handlers only in the main thread
        return
    heard: list[int] = []
    together = jax.process_count() > 1

    def hear(signum: int, frame: Any) -> None:
        del frame
        heard.append(signum)
        # The default action from now on: a second signal ends the process.
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        # Not by `logging`: this handler may have interrupted one of its writes.
        os.write(2, _SAID.format(signal.Signals(signum).name).encode())
        # jax.distributed handles SIGTERM and informs the other processes.
        if together:
            os.kill(os.getpid(), signal.SIGTERM)

    # With several processes, SIGTERM stays with jax.distributed.
    wanted = _SIGNALS[1:] if together else _SIGNALS
    before = {each: signal.getsignal(each) for each in wanted}
    before = {k: was for k, was in before.items() if was is not signal.SIG_IGN}
    for each in before:
        signal.signal(each, hear)
    try:
        yield _agreed(heard) if together else lambda: heard[0] if heard else None
    finally:
        for each, was in before.items():
            # None stands for a handler that was not set from Python.
            signal.signal(each, signal.SIG_DFL if was is None else was)


_SAID = "{}: stopping after a checkpoint of this step; a second signal stops at once\n"


def _agreed(heard: list[int]) -> Callable[[], int | None]:
    """A function that returns the signal at a call that all processes have reached."""
    calls = 0

    def due() -> int | None:
        nonlocal calls
        calls += 1
        if not multihost_utils.reached_preemption_sync_point(calls):
            return None
        return heard[0] if heard else signal.SIGTERM

    return due
