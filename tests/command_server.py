"""Runs commands in forks of a process that has imported the packages already.

Imports take most of the time of a small command. Reads one JSON list of commands per line,
runs them in parallel, and prints the list of their exit codes; see `commands` in
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

# Nothing here may create a JAX device: each fork creates its own. Nothing here may import a
# script of `launch`: the scripts define their flags when they run.
IMPORTED = (
    *("matplotlib.figure", "ml_collections.config_flags", "sklearn.ensemble"),
    *("dis_jax.evaluation", "dis_jax.figures", "dis_jax.studies"),
)


def become(command: dict[str, Any]) -> None:
    """Runs a command in a fork, as `python -m module ...` or `python -c code ...`."""
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
    gc.freeze()  # else the first garbage collection of each fork copies all imports
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
