"""A study of transfer: sources trained together, each carried to several targets."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from dis_jax import data, training
from dis_jax.evaluation.study import Job, do_each, jobs
from dis_jax.evaluation.study_table import Study
from dis_jax.evaluation.transfer import score_source, transfer
from dis_jax.evaluation.transfer_records import (
    find_runs,
    read_sources,
    read_transfers,
)
from dis_jax.evaluation.transfer_setup import (
    DEFAULTS,
    TransferSettings,
    check_targets,
    check_trained,
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

    do_each(jobs(_sources(study), workdir), workdir, do)


def run_transfers(
    folder: Path,
    targets: Sequence[str],
    settings: TransferSettings = DEFAULTS,
    *,
    data_dir: Path | None = None,
    on_run: Callable[[], object] = lambda: None,
) -> None:
    """Carries all runs in a folder to all targets, see `transfer`.

    Args:
      folder: a run's workdir, or one that holds runs, at any depth.
      targets: names of sets; none if transfers that are there are all that is wanted.
      settings: see `TransferSettings`.
      data_dir: the folder of real data sets.
      on_run: called after each transfer.

    Raises:
      FileNotFoundError: if there are no runs.
      ValueError: if a run has not made all its steps, or a target is not known or does
        not fit a run, or neither targets nor transfers are there; before anything is
        done.

    Example:
      >>> from dis_jax import evaluation
      >>> def photographs(folder):
      ...     evaluation.run_transfers(folder, ["coil100_augmented"])
      ...     return evaluation.tabulate_transfers(evaluation.read_transfers(folder))
    """
    runs = find_runs(folder)
    if not targets and not read_transfers(folder) and not read_sources(folder):
        raise ValueError(
            f"no target is given, and nothing in {folder} was transferred yet: name the "
            "sets to carry its runs to, in launch.transfer by --target=smallnorb,..."
        )
    if targets:
        configs = {run: training.read_config(run) for run in runs}
        for run, config in configs.items():
            check_trained(run, config)
        pairs = [(config, target) for config in configs.values() for target in targets]
        check_targets(pairs, data_dir)
    for run in runs:
        for target in targets:
            transfer(run, target, settings, data_dir=data_dir)
            on_run()


def _check_targets(study: TransferStudy, data_dir: Path | None) -> None:
    """Before hours are spent: are the targets there, and of the shape of their source?"""
    pairs = sorted(
        {
            (config.dataset, config.split, target)
            for row, config in study.rows.items()
            for target in study.targets[row]
        }
    )
    shapes = {
        home: data.load(home[0], data_dir, home[1]).image_shape
        for home in {pair[:2] for pair in pairs}
    }
    check_targets(
        [
            (SimpleNamespace(dataset=name, image_shape=shapes[name, split]), target)
            for name, split, target in pairs
        ],
        data_dir,
    )


def _sources(study: TransferStudy) -> Study:
    """The study that trains the sources; they are scored here."""
    return Study(
        *(study.name, study.title, study.rows, study.seeds),
        score=lambda trained: {},
        of_seed=study.of_seed,
    )
