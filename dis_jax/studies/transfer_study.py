"""Runs many transfers, of a study or of all runs in a folder; reads their records."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import logging

from dis_jax import data, shipped, training
from dis_jax.studies.fine_tuning import (
    DEFAULTS,
    FOLDER,
    TransferSettings,
    check_shapes,
    check_source,
    load_target,
    source_name,
)
from dis_jax.studies.jobs import Job, jobs
from dis_jax.studies.study import do_each
from dis_jax.studies.study_table import Study
from dis_jax.studies.transfer import read_records, score_source, transfer
from dis_jax.training.workdir import config_path

Path = str | os.PathLike[str]
Shape = tuple[int, ...]


class TransferStudy(NamedTuple):
    """Source models and the targets that they are transferred to.

    Attributes:
      name: of the files that are written.
      title: above the tables.
      rows: config by name, an `ml_collections.ConfigDict` each, trained with every seed;
        rows that differ only in beta form one population if that is faster.
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
    """Trains the sources, scores, transfers and fine-tunes; resumes where it stopped.

    Several processes may work on one study: each takes a source that no other has.

    Args:
      study: what to do.
      workdir: gets a folder for each run; results are in the runs' own folders, see
        `read_sources` and `read_transfers`.
      data_dir: the folder of real data sets.
      on_run: called after each source and each transfer, also one that diverged.

    Raises:
      ValueError: if a folder contains a run with another config. Before any training: if
        a target is not known, has no labels or does not fit its source.
      NonFiniteError: if a training run diverges; raised after all other runs.

    Example:
      >>> from dis_jax import studies
      >>> nothing = studies.TransferStudy("none", "No rows", {}, (0,), {})
      >>> studies.run_transfer_study(nothing, "runs/none")
    """
    workdir = pathlib.Path(workdir)
    rows = ((config, study.targets[row]) for row, config in study.rows.items())
    _check_targets(rows, data_dir)

    def do(job: Job) -> None:
        folder = workdir / job.folder
        try:
            training.train(job.config, folder, data_dir=data_dir)
        except training.NonFiniteError:
            on_run()  # it reports the divergence
            raise
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
    """Transfers all runs in a folder to all targets, see `transfer`.

    Several processes may work on one folder: each takes a transfer that no other has.

    Args:
      folder: a run's workdir, or a folder that contains runs, at any depth.
      targets: names of sets; empty to use existing transfers only.
      settings: see `TransferSettings`.
      data_dir: the folder of real data sets.
      on_run: called after each transfer, also one that diverged.

    Raises:
      FileNotFoundError: if there are no runs.
      ValueError: before any transfer, if a run has not made all its steps or is of
        another kind, a target is not known, has no labels or does not fit a run, or there
        are neither targets nor existing transfers.
      NonFiniteError: if a fine-tuning diverges; raised after all others.

    Example:
      >>> from dis_jax import studies
      >>> def photographs(folder):
      ...     studies.run_transfers(folder, ["coil100_augmented"])
      ...     return studies.tabulate_transfers(studies.read_transfers(folder))
    """
    runs = find_runs(folder)
    made = read_transfers, read_sources, read_divergences
    if not targets and not any(read(folder) for read in made):
        raise ValueError(
            f"no target given, and {folder} has no transfers yet: name the target sets, "
            "for example --target=smallnorb,..."
        )
    if targets:
        configs = {run: training.read_config(run) for run in runs}
        for run, config in configs.items():
            check_source(run, config)
        _check_targets([(config, targets) for config in configs.values()], data_dir)
    pairs = [(run, target) for run in runs for target in targets]
    _transfer_each(pairs, settings, data_dir, on_run)


def _transfer_each(
    pairs: Iterable[tuple[pathlib.Path, str]],
    settings: TransferSettings,
    data_dir: Path | None,
    on_run: Callable[[], object],
) -> None:
    """Makes all transfers that no other process makes; continues if one diverges."""
    diverged = []
    for run, target in pairs:
        try:
            transfer(run, target, settings, data_dir=data_dir)
            on_run()
        except training.BusyError:
            logging.info("running in another process: %s to %s", run, target)
        except training.NonFiniteError as error:
            logging.warning("%s to %s: %s", run, target, error)
            diverged.append(f"{run} to {target}: {error}")
            on_run()  # it reports the divergence
    if diverged:
        raise training.NonFiniteError("; ".join(diverged))


def _check_targets(
    sources: Iterable[tuple[Any, Sequence[str]]], data_dir: Path | None
) -> None:
    """Refuses, before any training, targets that do not fit the config of a source."""

    @functools.cache
    def shape_of_source(name: str, split: str) -> Shape:
        return data.load(name, data_dir, split).image_shape

    @functools.cache
    def shape_of(target: str) -> Shape:
        return load_target(target, data_dir).image_shape

    for config, targets in sources:
        for target in targets:
            # a run's config has the shape of its images; a study row's config has none
            # before training
            wanted = config.image_shape or shape_of_source(config.dataset, config.split)
            check_shapes(source_name(config), wanted, target, shape_of(target))


def _sources(study: TransferStudy) -> Study:
    """The study that trains the sources, without scores."""
    return Study(
        *(study.name, study.title, study.rows, study.seeds),
        score=lambda trained: {},
        of_seed=study.of_seed,
    )


def find_runs(folder: Path) -> list[pathlib.Path]:
    """The runs in a folder, itself included, except fine-tuning runs.

    Args:
      folder: the workdir of a run, or a folder that contains runs, at any depth.

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
    found = _runs(folder)
    if not found:
        raise FileNotFoundError(
            f"no run in {folder} except fine-tuning runs; create one with "
            f"{shipped.command('train')} --config=... --workdir=..., or several with "
            f"{shipped.command('study')}."
        )
    return found


def read_transfers(folder: Path) -> list[dict[str, Any]]:
    """The records of all complete transfers of the runs in a folder.

    Args:
      folder: a run's workdir, or a folder that contains runs, at any depth.

    Returns:
      The records that `transfer` wrote after fine-tuning; `run` is the current folder of
      the run.

    Example:
      >>> import tempfile
      >>> from dis_jax import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     studies.read_transfers(folder)
      []
    """
    found = _records(folder, "*/transfer.json")
    return [record for record in found if record["after"]]


def read_sources(folder: Path) -> list[dict[str, Any]]:
    """The records of all runs in a folder that were scored on their own set.

    Args:
      folder: a run's workdir, or a folder that contains runs, at any depth.

    Returns:
      The records that `score_source` wrote; `run` is the current folder of the run.

    Example:
      >>> import tempfile
      >>> from dis_jax import studies
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     studies.read_sources(folder)
      []
    """
    return _records(folder, "source.json")


def read_divergences(folder: Path) -> dict[str, str]:
    """The runs in a folder, and their fine-tunings, that diverged.

    Args:
      folder: a run's workdir, or a folder that contains runs, at any depth.

    Returns:
      {folder: message}.

    Example:
      >>> from dis_jax import studies
      >>> studies.read_divergences("runs/none")
      {}
    """
    found = {}
    for run in _runs(folder):
        for path in (run, *sorted((run / FOLDER).glob("*"))):
            if why := training.divergence(path):
                found[str(path)] = why
    return found


def _records(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """The records in all files of a name; `run` is the current folder of the run."""
    return [
        record | {"run": str(run)}
        for run in _runs(folder)
        for path in sorted((run / FOLDER).glob(pattern))
        for record in read_records(path)
    ]


def _runs(folder: Path) -> list[pathlib.Path]:
    """A folder and the folders below it that contain a run, except fine-tuning runs."""
    found = []
    for path, names, _ in os.walk(folder):
        # Other processes may delete checkpoints while this one lists them.
        names[:] = [name for name in names if name != "checkpoints"]
        found.append(pathlib.Path(path))
    return sorted(p for p in found if config_path(p).is_file() and not _is_tuned(p))


def _is_tuned(path: pathlib.Path) -> bool:
    """Whether a path is in the transfer folder of a run, not of a study."""
    return any(
        p.name == FOLDER and config_path(p.parent).is_file() for p in path.parents
    )
