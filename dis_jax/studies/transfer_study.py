"""A study of transfer: sources trained together, each carried to several targets."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import logging

from dis_jax import data, training
from dis_jax.studies.study import Job, do_each, jobs
from dis_jax.studies.study_table import Study
from dis_jax.studies.transfer import score_source, transfer
from dis_jax.studies.transfer_records import (
    find_runs,
    read_sources,
    read_transfers,
)
from dis_jax.studies.transfer_setup import (
    DEFAULTS,
    TransferSettings,
    check_source,
    check_targets,
    source_name,
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
      ValueError: if a folder holds a run with another config, or a target is not known,
        has no labels or does not fit its source; before anything is trained.
      NonFiniteError: if a training diverges; after all others have been made.

    Example:
      >>> from dis_jax import studies
      >>> nothing = studies.TransferStudy("none", "No rows", {}, (0,), {})
      >>> studies.run_transfer_study(nothing, "runs/none")
    """
    workdir = pathlib.Path(workdir)
    _check_targets(study, data_dir)

    def do(job: Job) -> None:
        folder = workdir / job.folder
        training.train(job.config, folder, data_dir=data_dir)
        score_source(folder, study.settings, data_dir=data_dir)
        on_run()
        rows = {row for row, _, _ in job.members}
        targets = dict.fromkeys(t for row in rows for t in study.targets[row])
        pairs = [(folder, target) for target in targets]
        _transfer_each(pairs, study.settings, data_dir, on_run)

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

    Several processes may work on one folder: each takes a pair that no other has.

    Args:
      folder: a run's workdir, or one that holds runs, at any depth.
      targets: names of sets; none if transfers that are there are all that is wanted.
      settings: see `TransferSettings`.
      data_dir: the folder of real data sets.
      on_run: called after each transfer.

    Raises:
      FileNotFoundError: if there are no runs.
      ValueError: if a run has not made all its steps or is of another kind, or a target
        is not known, has no labels or does not fit a run, or neither targets nor
        transfers are there; before anything is done.
      NonFiniteError: if a fine-tuning diverges; after all others have been made.

    Example:
      >>> from dis_jax import studies
      >>> def photographs(folder):
      ...     studies.run_transfers(folder, ["coil100_augmented"])
      ...     return studies.tabulate_transfers(studies.read_transfers(folder))
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
            check_source(run, config)
        homes = {(source_name(c), tuple(c.image_shape)) for c in configs.values()}
        check_targets(
            [(*h, target) for h in sorted(homes) for target in targets], data_dir
        )
    pairs = [(run, target) for run in runs for target in targets]
    _transfer_each(pairs, settings, data_dir, on_run)


def _transfer_each(
    pairs: Iterable[tuple[pathlib.Path, str]],
    settings: TransferSettings,
    data_dir: Path | None,
    on_run: Callable[[], object],
) -> None:
    """All transfers that no other process makes; one that diverges stops no other."""
    diverged = []
    for run, target in pairs:
        try:
            transfer(run, target, settings, data_dir=data_dir)
            on_run()
        except training.BusyError:
            logging.info("left to another process: %s to %s", run, target)
        except training.NonFiniteError as error:
            logging.warning("%s to %s: %s", run, target, error)
            diverged.append(f"{run} to {target}: {error}")
    if diverged:
        raise training.NonFiniteError("; ".join(diverged))


def _check_targets(study: TransferStudy, data_dir: Path | None) -> None:
    """Before hours are spent: are the targets there, and of the shape of their source?"""
    shapes: dict[str, tuple[int, ...]] = {}
    pairs = []
    for row, config in study.rows.items():
        name = source_name(config)
        for target in study.targets[row]:
            if name not in shapes:
                home = data.load(config.dataset, data_dir, config.split)
                shapes[name] = home.image_shape
            pairs.append((name, shapes[name], target))
    check_targets(dict.fromkeys(pairs), data_dir)


def _sources(study: TransferStudy) -> Study:
    """The study that trains the sources; they are scored here."""
    return Study(
        *(study.name, study.title, study.rows, study.seeds),
        score=lambda trained: {},
        of_seed=study.of_seed,
    )
