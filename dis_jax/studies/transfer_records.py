"""Where runs and the records of their transfers lie in a folder."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from dis_jax.studies.transfer_setup import FOLDER
from dis_jax.training.workdir import config_path

Path = str | os.PathLike[str]


def find_runs(folder: Path) -> list[pathlib.Path]:
    """The runs in a folder, itself perhaps one; not those of fine-tuning.

    Args:
      folder: the workdir of a run, or one that holds such, at any depth.

    Returns:
      Their workdirs.

    Raises:
      FileNotFoundError: if there are none.

    Example:
      >>> import pathlib, tempfile
      >>> from dis_jax import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     for run in ("a", "a/transfer/smallnorb"):
      ...         pathlib.Path(folder, run).mkdir(parents=True)
      ...         _ = pathlib.Path(folder, run, "config.json").write_text("{}")
      ...     [run.name for run in studies.find_runs(folder)]
      ['a']
    """
    found = [below for below in _folders(folder) if config_path(below).is_file()]
    found = [run for run in found if not _is_of_transfer(run)]
    if not found:
        raise FileNotFoundError(
            f"no run in {folder}, or of fine-tuning alone; make one with python -m "
            "launch.train --config=... --workdir=..., or several with launch.study."
        )
    return found


def read_transfers(folder: Path) -> list[dict[str, Any]]:
    """The records of all transfers of the runs in a folder that are complete.

    Args:
      folder: a run's, or one that holds runs, at any depth.

    Returns:
      The records that `transfer` wrote and that have been fine-tuned; `run` is where the
      run lies now.

    Example:
      >>> import tempfile
      >>> from dis_jax import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     studies.read_transfers(folder)
      []
    """
    found = _read(folder, "transfer.json", up=2)
    return [record for record in found if record["after"]]


def read_sources(folder: Path) -> list[dict[str, Any]]:
    """The records of all runs in a folder that were scored on their own set.

    Args:
      folder: a run's, or one that holds runs, at any depth.

    Returns:
      The records that `score_source` wrote; `run` is where the run lies now.

    Example:
      >>> import tempfile
      >>> from dis_jax import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     studies.read_sources(folder)
      []
    """
    return _read(folder, "source.json", up=1)


def _is_of_transfer(path: pathlib.Path) -> bool:
    """Whether it lies in the folder that a run's transfers lie in.

    Another folder may be called the same: that of a study of transfer.
    """
    return any(
        p.name == FOLDER and config_path(p.parent).is_file() for p in path.parents
    )


def _read(folder: Path, name: str, *, up: int) -> list[dict[str, Any]]:
    """What files so many folders below a run say, `run` being where it lies now."""
    found = []
    for path in (below / name for below in _folders(folder)):
        if not path.is_file() or len(path.parents) <= up:
            continue
        run = path.parents[up]
        if path.parents[up - 1].name == FOLDER and config_path(run).is_file():
            found += [r | {"run": str(run)} for r in json.loads(path.read_text())]
    return found


def _folders(folder: Path) -> list[pathlib.Path]:
    """A folder and those below it, without checkpoints: others make and delete them."""
    found = []
    for path, names, _ in os.walk(folder):
        names[:] = [name for name in names if name != "checkpoints"]
        found.append(pathlib.Path(path))
    return sorted(found)
