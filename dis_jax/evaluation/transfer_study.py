"""A study of transfer: sources trained together, each carried to several targets."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from dis_jax import data, training
from dis_jax.evaluation.study import Job, do_each, jobs
from dis_jax.evaluation.study_table import Study
from dis_jax.evaluation.transfer import score_source, transfer
from dis_jax.evaluation.transfer_setup import (
    DEFAULTS,
    FOLDER,
    TransferSettings,
    check_shapes,
    load_target,
)

Path = str | os.PathLike[str]


class TransferStudy(NamedTuple):
    """Source models and the targets that they are carried to.

    Attributes:
      name: of the files that are written.
      title: above the tables.
      rows: config by name, an `ml_collections.ConfigDict` each, trained with every seed;
        rows that differ in beta alone are one population where the backend likes it.
      seeds: of the models.
      targets: of each row, names of sets, perhaps none.
      settings: of fine-tuning and scores.
      notes: what a reader of the tables should know.
      of_seed: as in `Study`.
    """

    name: str
    title: str
    rows: Mapping[str, Any]
    seeds: tuple[int, ...]
    targets: Mapping[str, tuple[str, ...]]
    settings: TransferSettings = DEFAULTS
    notes: str = ""
    of_seed: Callable[[Any, int], Any] | None = None


def run_transfer_study(
    study: TransferStudy,
    workdir: Path,
    data_dir: Path | None = None,
    *,
    on_run: Callable[[], object] = lambda: None,
) -> None:
    """Trains the sources, scores, transfers, fine-tunes, going on where it was stopped.

    Several processes may work on one study: each takes a source that no other has.

    Args:
      study: what to do.
      workdir: gets a folder a run; what is found out lies in the runs' own folders, see
        `read_sources` and `read_transfers`.
      data_dir: the folder of real data sets.
      on_run: called after each source and each transfer.

    Raises:
      ValueError: if a folder holds a run with another config, or a target is not known
        or does not fit its source; before anything is trained.

    Example:
      >>> from dis_jax import evaluation
      >>> nothing = evaluation.TransferStudy("none", "No rows", {}, (0,), {})
      >>> evaluation.run_transfer_study(nothing, "runs/none")
    """
    workdir = pathlib.Path(workdir)
    _check_targets(study, data_dir)

    def do(job: Job) -> None:
        folder = workdir / job.folder
        training.train(job.config, folder, data_dir=data_dir)
        score_source(folder, study.settings, data_dir=data_dir)
        on_run()
        rows = {row for row, _, _ in job.members}
        for target in dict.fromkeys(t for row in rows for t in study.targets[row]):
            transfer(folder, target, study.settings, data_dir=data_dir)
            on_run()

    do_each(jobs(_sources(study)), workdir, do)


def _check_targets(study: TransferStudy, data_dir: Path | None) -> None:
    """Before hours are spent: are the targets there, and of the shape of their source?"""
    pairs = {
        (config.dataset, config.split, target)
        for row, config in study.rows.items()
        for target in study.targets[row]
    }
    for dataset, split, target in sorted(pairs):
        home = data.load(dataset, data_dir, split).image_shape
        config = SimpleNamespace(dataset=dataset, image_shape=home)
        check_shapes(config, target, load_target(target, data_dir).image_shape)


def _sources(study: TransferStudy) -> Study:
    """The study that trains the sources; they are scored here."""
    return Study(
        *(study.name, study.title, study.rows, study.seeds),
        score=lambda trained: {},
        of_seed=study.of_seed,
    )


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
      >>> from dis_jax import evaluation
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     for run in ("a", "a/transfer/smallnorb"):
      ...         pathlib.Path(folder, run).mkdir(parents=True)
      ...         _ = pathlib.Path(folder, run, "config.json").write_text("{}")
      ...     [run.name for run in evaluation.find_runs(folder)]
      ['a']
    """
    folder = pathlib.Path(folder)
    found = sorted(path.parent for path in folder.rglob("config.json"))
    found = [run for run in found if FOLDER not in run.relative_to(folder).parts]
    if not found:
        raise FileNotFoundError(
            f"no run in {folder}; make one with python -m launch.train --config=... "
            "--workdir=..., or several with launch.study."
        )
    return found
