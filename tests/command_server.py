"""Runs commands in forks of a process that has imported the packages already.

Imports are most of what a small command costs. Takes a JSON list of commands a line, runs
them side by side, and answers with the list of their exit codes; see `commands` in
conftest.py. `python -m tests.command_server`
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import sys
from typing import Any

# No device may be asked for here: a fork makes its own. No script of `launch` either: they
# define their flags when they run.
IMPORTED = (
    *("matplotlib.figure", "ml_collections.config_flags", "sklearn.ensemble"),
    *("dis_jax.evaluation", "dis_jax.figures", "dis_jax.studies"),
)


def become(command: dict[str, Any]) -> None:
    """In a fork: the command, as `python -m module ...` or `python -c code ...`."""
    os.environ.clear()
    os.environ.update(command["env"])
    signal.alarm(command["timeout"])
    streams = os.devnull, command["stdout"], command["stderr"]
    for descriptor, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    sys.argv = [command.get("module", "-c"), *command["arguments"]]
    if "module" in command:
        runpy.run_module(command["module"], run_name="__main__", alter_sys=True)
    else:
        exec(command["code"], {"__name__": "__main__"})


def main() -> None:
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()  # else the first collection of each fork copies all that was imported
    for line in sys.stdin:
        started = []
        for command in json.loads(line):
            started.append(os.fork())
            if not started[-1]:
                return become(command)
        ends = [os.waitpid(process, 0)[1] for process in started]
        print(json.dumps([os.waitstatus_to_exitcode(end) for end in ends]), flush=True)


if __name__ == "__main__":
    main()
