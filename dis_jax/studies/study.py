"""A study: several configs with several seeds, trained, scored, and put in one table."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import logging

from dis_jax import training
from dis_jax.files import file_name, write_whole
from dis_jax.provenance import provenance
from dis_jax.studies.jobs import Job, is_done, jobs
from dis_jax.studies.scored import is_scored, model_config, read_scores, score_path
from dis_jax.studies.study_table import Scored, Study, Trained, check_names, tabulate
from dis_jax.training.workdir import steps_made


def run_study(
    study: Study,
    workdir: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    on_model: Callable[[dict[str, Any]], None] = lambda result: None,
    command: str = "",
) -> dict[str, Any]:
    """Trains and scores every model of a study; resumes where it stopped.

    A model with scores in the folder is done; an interrupted run resumes from its last
    checkpoint. If the configs now have more steps, training continues. Several processes
    may work on one study, on one machine or on a shared drive: each takes a run that no
    other process has.

    Args:
      study: what to do.
      workdir: gets a folder for each run, with its scores.
      data_dir: the folder of real data sets.
      on_model: called with the result so far after each run.
      command: the command line that runs the study, if there is one; written to the
        `command.txt` of each run, for its model card.

    Returns:
      The result, JSON: see `tabulate`.

    Raises:
      ValueError: if seeds are not distinct integers, a folder contains a run with another
        config or of more steps, the names of two rows give the same folder, or the study
        names a line or column that does not exist.
      NonFiniteError: if a run diverges; raised after all other runs. The table names its
        models, and the same call tries it again.

    Example:
      >>> from dis_jax import studies
      >>> nothing = studies.Study("none", "No rows", {}, (0,), score=lambda _: {})
      >>> studies.run_study(nothing, "runs/none")["lines"]
      {}
    """
    workdir = pathlib.Path(workdir)
    numbers = [seed for seed in study.seeds if isinstance(seed, int)]
    if len({*numbers}) < len(study.seeds):
        raise ValueError(
            f"seeds of the study {study.name!r} are {study.seeds!r}; expected different "
            "integers."
        )
    folders: dict[str, str] = {}
    for row in study.rows:
        if (other := folders.setdefault(file_name(row), row)) != row:
            raise ValueError(
                f"rows {other!r} and {row!r} would share the folder {file_name(row)!r}; "
                "give one of them another name."
            )
    check_names(study)  # before hours of training
    planned = jobs(study, workdir)
    _check_lengths(planned, workdir)

    def do(job: Job) -> None:
        if _waits(study, job, planned, workdir):
            raise training.BusyError
        if not is_done(study, job, workdir):
            source = _source(job, planned, workdir)
            try:
                _train_and_score(study, job, source, workdir, data_dir, command)
            except training.NonFiniteError as error:
                _record_divergence(study, job, workdir, error)
                on_model(tabulate(study, read_scores(study, workdir)))
                raise
        on_model(tabulate(study, read_scores(study, workdir)))

    do_each(planned, workdir / "scores", do)
    return tabulate(study, read_scores(study, workdir))


def _check_lengths(planned: Sequence[Job], workdir: pathlib.Path) -> None:
    """Refuses runs that have made more steps than the study's."""
    for job in planned:
        if (made := steps_made(workdir / job.folder)) > job.config.steps:
            raise ValueError(
                f"{workdir / job.folder} has made {made:,} steps, more than the "
                f"{job.config.steps:,} of this study, whose table would show the scores of "
                "the longer run; use another workdir."
            )


def do_each(
    planned: Sequence[Job], folder: pathlib.Path, do: Callable[[Job], None]
) -> None:
    """Does all jobs that no other process is doing, until only those are left.

    Args:
      planned: the jobs, in their order.
      folder: contains a lock for each job.
      do: does a job, or raises `training.BusyError` if it cannot be done yet.

    Raises:
      NonFiniteError: if a run diverges; it is not repeated. Raised after all other runs.
    """
    left, diverged = list(planned), []
    while left:
        busy = []
        for job in left:
            try:
                with training.held(folder / f".{file_name(job.folder)}.lock"):
                    number = planned.index(job) + 1
                    logging.info("run %d of %d: %s", number, len(planned), job.folder)
                    do(job)
            except training.BusyError:
                busy.append(job)
            except training.NonFiniteError as error:
                logging.warning("%s: %s", job.folder, error)
                diverged.append(f"{job.folder}: {error}")
        if len(busy) == len(left):
            folders = ", ".join(job.folder for job in busy)
            logging.info("running in other processes: %s", folders)
            break
        left = busy
    if diverged:
        raise training.NonFiniteError("; ".join(diverged))


def _source(job: Job, planned: Sequence[Job], workdir: pathlib.Path) -> str:
    """The folder that a run starts from, in the study or elsewhere; or ""."""
    given = job.config.init_from.workdir
    return str(workdir / given) if given in {j.folder for j in planned} else given


def _waits(
    study: Study, job: Job, planned: Sequence[Job], workdir: pathlib.Path
) -> bool:
    """Whether the run starts from a run of the study that is not done yet."""
    source = _source(job, planned, workdir)
    return bool(source) and any(
        (workdir / other.folder).resolve() == pathlib.Path(source).resolve()
        and not is_done(study, other, workdir)
        for other in planned
    )


def checked_scores(scores: Any) -> Scored:
    """Checks the result of a study's `score`: lines of columns; drops non-finite values."""
    found = scores if isinstance(scores, Scored) else Scored(scores)
    return Scored(*map(_checked_lines, found))


def _checked_lines(scores: Any) -> dict[str, dict[str, Any]]:
    lines = scores.values() if isinstance(scores, Mapping) else [scores]
    if not all(isinstance(columns, Mapping) for columns in lines):
        raise ValueError(
            f"the score of a study returned {scores!r}; expected a dict of lines, each a "
            'dict of columns: {"": {"MIG": 0.2}}.'
        )
    # An undefined score, such as that of a collapsed code, is excluded from all means.
    for name, columns in scores.items():
        for column, v in columns.items():
            if not math.isfinite(v):
                what = f"{name}, {column}" if name else column
                logging.warning("%s is %s; excluded from all means", what, v)
    return {
        name: {column: v for column, v in columns.items() if math.isfinite(v)}
        for name, columns in scores.items()
    }


def _train_and_score(
    study: Study,
    job: Job,
    source: str,
    workdir: pathlib.Path,
    data_dir: str | os.PathLike[str] | None,
    command: str,
) -> None:
    config = job.config.copy_and_resolve_references()
    config.init_from.workdir = source
    states = training.train(config, workdir / job.folder, data_dir=data_dir)
    if command:
        write_whole(workdir / job.folder / "command.txt", f"{command}\n")
    of_run = training.read_config(workdir / job.folder)
    method = training.make_method(of_run)
    for row, seed, index in job.members:
        if is_scored(study, row, seed, workdir):
            continue  # scored before an interruption between members
        state = states if index is None else training.member(states, index)
        # The config of this member alone, with its own seed and hyperparameters.
        config = model_config(study, row, seed)
        config.image_shape = tuple(of_run.image_shape)
        config.init_from.workdir = source
        stopped = index in training.diverged(states)
        model = Trained(method, state, config, seed, data_dir)
        found = checked_scores({} if stopped else study.score(model))
        _write_record(
            *(workdir, job, row, seed, config),
            steps=int(state.step),
            scores=found.lines,
            **({"chance": found.chance} if found.chance else {}),
            **({"diverged": int(state.step)} if stopped else {}),
        )
        logging.info("%s, seed %d: %s", row, seed, found.lines)


def _record_divergence(
    study: Study, job: Job, workdir: pathlib.Path, error: training.NonFiniteError
) -> None:
    """Writes a record of the divergence for each model of a run."""
    shape = training.read_config(workdir / job.folder).image_shape
    for row, seed, index in job.members:
        config = model_config(study, row, seed)
        config.image_shape = tuple(shape)
        step = error.steps[index or 0]
        _write_record(
            *(workdir, job, row, seed, config),
            steps=step,
            scores={},
            diverged=step,
            error=str(error),
        )


def _write_record(
    workdir: pathlib.Path, job: Job, row: str, seed: int, config: Any, **found: Any
) -> None:
    made_with = json.loads(config.to_json())
    # As the study names it, because the study's folder may be moved.
    made_with["init_from"]["workdir"] = job.config.init_from.workdir
    record = {"row": row, "seed": seed, **found, "config": made_with, **provenance()}
    text = json.dumps(record, indent=1) + "\n"
    write_whole(score_path(workdir, row, seed), text)
