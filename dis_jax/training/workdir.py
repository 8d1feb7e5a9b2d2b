"""A run's folder: its lock, its config, and checks that config and data still fit."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging

from dis_jax import shipped
from dis_jax.files import write_whole
from dis_jax.training import exported, fields

# Fields that may change when a run is resumed: they set its length and output, not its
# results.
FREE_FIELDS = frozenset(
    {"steps", "log_every", "checkpoint_every", "keep_checkpoints", "tensorboard"}
)

# Fields that only affect the first step. A changed value in the config of a resumed
# run would be wrong, so `accept_changes` does not cover them.
_OF_THE_START = ("seed", "population.seed", "init_from")

_OF_WEIGHTS = ("method", "dataset", "split", "likelihood", "mixture_components")
_FREE = ("form", "init")  # network fields: how they are computed, and initialised

# Fields that configs of earlier versions lack, and their values in those versions.
_ADDED = {"likelihood": "bernoulli"}

_DIVERGED = "diverged.txt"

Path = str | os.PathLike[str]


class BusyError(ValueError):
    """Another process uses the folder."""


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Locks a file while the block runs, so that no two processes make the same run.

    The system releases the lock when the process ends, however it ends. If such locks
    do not exist (Windows, some network drives), there is only a warning.

    Args:
      path: of the file; created if missing, and left there.

    Returns:
      A context manager.

    Raises:
      BusyError: if another process holds the lock.

    Example:
      >>> import pathlib, tempfile
      >>> from dis_jax import training
      >>> path = pathlib.Path(tempfile.mkdtemp()) / "run" / ".lock"
      >>> with training.held(path):
      ...     try:
      ...         with training.held(path):
      ...             pass
      ...     except training.BusyError as error:
      ...         print(str(error)[:20])
      another process uses
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"another process uses {path.parent}: wait for it, or use another folder."
            ) from None
        except (ImportError, OSError):
            logging.warning("cannot lock %s: do not start another process there", path)
        yield


def config_path(workdir: Path) -> pathlib.Path:
    """Path of a run's config."""
    return pathlib.Path(workdir) / "config.json"


def read_config(workdir: Path) -> Any:
    """The config of a run, as it was written when the run began.

    Args:
      workdir: the run's folder.

    Returns:
      An `ml_collections.ConfigDict`.

    Raises:
      FileNotFoundError: if the folder contains no run.
      ValueError: if the file is damaged, or a field has an invalid value; the message
        names the file and what to do.
    """
    from ml_collections import ConfigDict

    path = config_path(workdir)
    if not path.is_file() and str(workdir).startswith("hf:"):
        raise FileNotFoundError(
            f"{workdir}: commands write results into the folder of a model, so they take "
            "no name of the Hub. Download it (hf download OWNER/NAME --local-dir=FOLDER) "
            "and give that folder."
        )
    if not pathlib.Path(workdir).exists():
        raise FileNotFoundError(
            f"no folder {workdir}; expected a run or an exported model; make one with "
            f"{shipped.command('train')} --config=... --workdir=..."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}: {workdir} is not the workdir of a run; make one with "
            f"{shipped.command('train')} --config=... --workdir=..."
        )
    found = _read_json(path)
    config = ConfigDict(
        _with_infinities(found) if exported.is_exported(workdir) else found
    )
    try:
        fields.check(config)
    except ValueError as error:
        raise ValueError(f"{path}: {error} {way_out(workdir)}") from None
    return config


def way_out(workdir: Path) -> str:
    """What to do about a damaged config of a run, or of an exported model."""
    if exported.is_exported(workdir):
        return "If it is damaged, export the model again."
    return (
        "If it is damaged, delete it and run the training command again with the same "
        "flags: it rewrites the file and resumes from the last checkpoint."
    )


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    """Reads a config; a ValueError names the file and says what to do."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # also if the text is not UTF-8
        raise ValueError(
            f"{path} cannot be read: {error}. {way_out(path.parent)}"
        ) from None
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise ValueError(
            f"{path} contains a {kind}, not a config. {way_out(path.parent)}"
        )
    return found


def check_config(workdir: Path, config: Any, *, accept_changes: bool = False) -> None:
    """Checks that the checkpoints of a workdir, if any, are of the same config.

    Args:
      workdir: the run's folder.
      config: an `ml_collections.ConfigDict`.
      accept_changes: whether to continue although the configs differ.

    Raises:
      ValueError: if the workdir has checkpoints of another config; the message shows the
        fields. Even with `accept_changes`, if the run began with another seed or from
        another run. Also if the workdir contains an exported model.
    """
    if exported.is_exported(workdir):  # it would be read in place of the checkpoints
        raise ValueError(
            f"{workdir} contains an exported model, which cannot be trained further; use "
            "another --workdir. --config.init_from.workdir and .networks begin from "
            "its networks."
        )
    path = config_path(workdir)
    if not path.exists():
        return
    old = _read_json(path)
    changed = differences(old, json.loads(config.to_json()))
    held = {k: v for k, v in changed.items() if k not in FREE_FIELDS}
    spent = [
        k for k in held if f"{k}.".startswith(tuple(f"{n}." for n in _OF_THE_START))
    ]
    sizes = [_population_size(c) for c in (old, json.loads(config.to_json()))]
    fixed = spent or sizes[0] != sizes[1]
    if held and steps_made(workdir) and (fixed or not accept_changes):
        if sizes[0] != sizes[1]:
            way_out = (
                f"It contains {_models(sizes[0])} and the config describes "
                f"{_models(sizes[1])}: models can neither join a run nor leave it."
            )
        elif spent:
            way_out = (
                f"{', '.join(spent)}: no effect after the first step, so a resumed run "
                "keeps its initial values."
            )
        else:
            way_out = (
                "With --accept_changes the same command resumes from the last checkpoint "
                "with the new values."
            )
        raise ValueError(
            f"{workdir} contains a run with another config:\n{changes(held)}\nUse another "
            f"--workdir. {way_out}"
        )
    for name, (before, after) in changed.items():
        logging.info("config.%s: %r -> %r", name, before, after)


def _population_size(config: Mapping[str, Any]) -> int:
    """The number of members; 0 for a single model."""
    lengths = [len(values) for values in config.get("population", {}).values()]
    return math.prod(n or 1 for n in lengths) if any(lengths) else 0


def _models(size: int) -> str:
    return f"a population of {size}" if size else "a single model"


def write_config(workdir: Path, config: Any) -> None:
    """Writes the config of a run atomically.

    Args:
      workdir: the run's folder; created if missing.
      config: an `ml_collections.ConfigDict`.
    """
    text = json.dumps(json.loads(config.to_json()), indent=2) + "\n"
    write_whole(config_path(workdir), text)


def strict_json(value: Any) -> Any:
    """A config as JSON that every reader accepts: infinities become strings.

    Args:
      value: an `ml_collections.ConfigDict`, or its parsed JSON.

    Returns:
      JSON.

    Example:
      >>> from dis_jax.training.workdir import strict_json
      >>> strict_json({"clip_norm": float("inf"), "widths": [32, 64]})
      {'clip_norm': 'inf', 'widths': [32, 64]}
    """
    if hasattr(value, "to_json"):
        value = json.loads(value.to_json())
    if isinstance(value, Mapping):
        return {name: strict_json(v) for name, v in value.items()}
    if isinstance(value, list):
        return [strict_json(v) for v in value]
    return str(value) if value in (float("inf"), -float("inf")) else value


def _with_infinities(value: Any) -> Any:
    """Reverses `strict_json`: the strings become infinities again."""
    if isinstance(value, Mapping):
        return {name: _with_infinities(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_with_infinities(v) for v in value]
    return float(value) if value in ("inf", "-inf") else value


def differences(old: Any, new: Any, prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Fields that differ between two nested dicts, as dotted names -> (old, new)."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return {} if old == new else {prefix.rstrip("."): (old, new)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in {**old, **new}:
        absent = _ADDED.get(f"{prefix}{name}", "(absent)")
        pair = old.get(name, absent), new.get(name, absent)
        found |= differences(*pair, f"{prefix}{name}.")
    return found


def changes(changed: Mapping[str, tuple[Any, Any]]) -> str:
    """Formats the result of `differences` as lines of a message."""
    return "\n".join(f"  {k}: {a!r} -> {b!r}" for k, (a, b) in changed.items())


def steps_made(workdir: Path) -> int:
    """Step of the last checkpoint of a run; 0 without one."""
    found = (pathlib.Path(workdir) / "checkpoints").glob("*")
    return max((int(path.name) for path in found if path.name.isdigit()), default=0)


def shorten(workdir: Path, steps: int) -> None:
    """Sets `steps` of a run that stopped early to the steps that it has made."""
    config = read_config(workdir)
    if config.steps > steps:
        logging.info("config.steps is now %d instead of %d", steps, config.steps)
        config.steps = steps
        write_config(workdir, config)
    clear_divergence(workdir)


def write_divergence(workdir: Path, reason: str) -> None:
    """Writes to a run's folder that it ended with non-finite numbers, and why."""
    write_whole(pathlib.Path(workdir) / _DIVERGED, f"{reason}\n")


def clear_divergence(workdir: Path) -> None:
    """Removes this message, when a run continues."""
    (pathlib.Path(workdir) / _DIVERGED).unlink(missing_ok=True)


def divergence(workdir: Path) -> str:
    """Why training ended before its last step: what is not finite, and from which step.

    Args:
      workdir: the run's folder.

    Returns:
      The message of the `NonFiniteError`; "" for a run that did not end with one. For
      members that stopped while others continued, see `diverged`.

    Example:
      >>> from dis_jax import training
      >>> training.divergence("runs/none")
      ''
    """
    path = pathlib.Path(workdir) / _DIVERGED
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def run_facts(config: Any) -> dict[str, Any]:
    """Fields in which a checkpoint and the config next to it must agree, as JSON.

    They determine what the weights compute: with another activation or likelihood the
    result differs, even if all shapes fit.
    """
    found = {name: config[name] for name in _OF_WEIGHTS if name in config}
    network = json.loads(config.to_json())["network"]
    return found | {"network": {k: v for k, v in network.items() if k not in _FREE}}


def check_run(facts: Mapping[str, Any], config: Any, workdir: Path) -> None:
    """Raises ValueError if a config does not match the checkpoints next to it."""
    now = run_facts(config)
    then = {**now, **facts.get("run", {})}  # earlier versions store fewer fields
    if changed := differences(then, now):
        raise ValueError(
            f"{config_path(workdir)} does not match the checkpoints of its "
            f"run:\n{changes(changed)}\nRestore the config of this run. If "
            "--accept_changes changed it, only checkpoints from after that can be read: "
            f"use the last instead of the best, or train on. {way_out(workdir)}"
        )


def batch_facts(shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Shapes and types of a batch, as JSON."""
    return {name: [list(s.shape), str(s.dtype)] for name, s in shapes.items()}
