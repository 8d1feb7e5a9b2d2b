"""Runs a command of `launch`: `dis-jax train --config=factor_vae:demo --workdir=runs/a`."""

from __future__ import annotations

import ast
import importlib.util
import os
import pathlib
import runpy
import signal
import sys
from typing import NoReturn

from dis_jax import extras, shipped
from dis_jax.suggest import suggest

_NO_COMMANDS = (
    "hints",
    "memory",
    "models",
    "shared_flags",
    "start",
)  # modules that the commands share
_USAGE = """\
dis-jax COMMAND --flag=value ...     dis-jax COMMAND --help lists its flags.

Commands:
{commands}

Methods, --config=NAME:DATASET,ARGUMENT,... of `train`, or your own --config=FILE.py:
{methods}

Data sets, as the first argument after the name of a method:
{datasets}

Studies, --study=NAME:ARGUMENT,... of `study` and `transfer`, or your own --study=FILE.py:
{studies}

Metrics, --metrics=NAME,... of `evaluate`:
{metrics}
"""


def main() -> None:
    """Runs the command that the first argument names."""
    name = sys.argv[1] if sys.argv[1:] else "--help"
    if name in ("--help", "-h", "help"):
        try:
            print(_usage(), flush=True)
        except BrokenPipeError:
            end_without_reader()
        return
    known = commands()
    name = name.replace("-", "_")
    began = [each for each in known if each.startswith(f"{name}_")]
    if name not in known and len(began) == 1:  # `inspect` means `inspect_data`
        (name,) = began
    wrong = "" if name in known else f"no command {name!r}; {suggest(name, known)}"
    if wrong := wrong or extras.missing("train"):
        print(f"error: {wrong}", file=sys.stderr)
        raise SystemExit(1)
    package = "dis_jax.launch"
    # In a clone without an installation, the commands are next to the package.
    if importlib.util.find_spec(package) is None:
        package = "launch"
        sys.path.insert(0, str(shipped.folder("launch").parent))
    del sys.argv[1]
    runpy.run_module(f"{package}.{name}", run_name="__main__", alter_sys=True)


def end_without_reader() -> NoReturn:
    """Exits with the status of SIGPIPE, after a reader such as `| head` closed the pipe.

    This does not restore the default action of SIGPIPE, which applies to the whole process:
    asyncio, which writes checkpoints, expects an error when it writes to a closed pipe, and
    the default action would end the process.
    """
    # Python flushes standard output once more at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(128 + signal.SIGPIPE)


def commands() -> dict[str, str]:
    """The description of each command, by its name."""
    folder = shipped.folder("launch")
    return {
        name: _first_line(folder / f"{name}.py")
        for name in shipped.names("launch")
        if name not in _NO_COMMANDS
    }


def _usage() -> str:
    from dis_jax import data
    from dis_jax.evaluation import METRIC_SETS, METRICS

    configs, studies = shipped.folder("configs"), shipped.folder("configs/studies")
    return _USAGE.format(
        commands=_lines(commands()),
        methods=_lines({p.stem: _first_line(p) for p in _files(configs)}),
        datasets=f"  {', '.join(data.NAMES)}",
        studies=_lines({p.stem: _first_line(p) for p in _files(studies)}),
        metrics=f"  {', '.join(METRICS)}\n  sets: {', '.join(METRIC_SETS)}",
    )


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(p for p in folder.glob("*.py") if p.stem != "__init__")


def _lines(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name:{width}}  {text}" for name, text in rows.items())


def _first_line(path: pathlib.Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
