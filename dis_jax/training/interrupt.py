"""Signals that end a run: it saves the step that it has reached, then stops."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.experimental import multihost_utils

# What SLURM, Kubernetes and TPU pods send before they end a process, and Ctrl-C.
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(SystemExit):
    """A signal ended a run, which has saved the step that it had reached.

    Its code is that of a process which a signal ended: 143 for SIGTERM, 130 for Ctrl-C.
    """

    def __init__(self, signum: int):
        """Of a signal."""
        super().__init__(128 + signum)


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], int | None]]:
    """Notes signals while the block runs, instead of ending at once.

    A second signal ends the process at once. A signal that the process ignores stays
    ignored. Of several processes all stop after the same call, whichever was told.

    Returns:
      A context manager, whose value is to be called after each call of a program: the
      signal that asks for an end there, or None.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None  # only the main thread hears signals
        return
    heard: list[int] = []
    together = jax.process_count() > 1

    def hear(signum: int, frame: Any) -> None:
        del frame
        heard.append(signum)
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        # not by the log, whose write this may have cut in two
        os.write(2, _SAID.format(signal.Signals(signum).name).encode())
        if together:  # its handler is that of jax.distributed, which tells the others
            os.kill(os.getpid(), signal.SIGTERM)

    wanted = _SIGNALS[1:] if together else _SIGNALS
    before = {each: signal.getsignal(each) for each in wanted}
    before = {k: was for k, was in before.items() if was is not signal.SIG_IGN}
    for each in before:
        signal.signal(each, hear)
    try:
        yield _agreed(heard) if together else lambda: heard[0] if heard else None
    finally:
        for each, was in before.items():
            # None: a handler that was not set from Python
            signal.signal(each, signal.SIG_DFL if was is None else was)


_SAID = "{}: ends after a checkpoint of this step; a second signal ends at once\n"


def _agreed(heard: list[int]) -> Callable[[], int | None]:
    """The signal once all processes have made as many calls."""
    calls = 0

    def due() -> int | None:
        nonlocal calls
        calls += 1
        if not multihost_utils.reached_preemption_sync_point(calls):
            return None
        return heard[0] if heard else signal.SIGTERM

    return due
