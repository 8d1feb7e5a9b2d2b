"""A study: several configs with several seeds, trained, scored, and put in one table."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import logging

from dis_jax import own_code, training
from dis_jax.files import file_name, write_whole
from dis_jax.methods import schedules
from dis_jax.provenance import provenance
from dis_jax.studies.study_table import (
    Scored,
    Study,
    Trained,
    check_names,
    tabulate,
)
from dis_jax.training.program import backend
from dis_jax.training.workdir import config_path, differences


class Job(NamedTuple):
    """One training of a study: a single model, or a population.

    Attributes:
      folder: of the run, below that of the study.
      config: of the run.
      members: (row, seed, which member or None) of each model in it.
    """

    folder: str
    config: Any
    members: tuple[tuple[str, int, int | None], ...]


def run_study(
    study: Study,
    workdir: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    on_model: Callable[[dict[str, Any]], None] = lambda result: None,
) -> dict[str, Any]:
    """Trains and scores every model of a study; resumes where it stopped.

    A model with scores in the folder is done; an interrupted run resumes from its last
    checkpoint. If the configs now have more steps, training continues. Several processes
    may work on one study, on one machine or on a shared drive: each takes a run that no
    other has.

    Args:
      study: what to do.
      workdir: gets a folder for each run, with its scores.
      data_dir: the folder of real data sets.
      on_model: called with the result so far after each run.

    Returns:
      The result, JSON: see `tabulate`.

    Raises:
      ValueError: if a folder holds a run with another config, if the names of two rows
        give the same folder, or if the study names a line or column that does not exist.
      NonFiniteError: if a run diverges; after all others have been made.

    Example:
      >>> from dis_jax import studies
      >>> nothing = studies.Study("none", "No rows", {}, (0,), score=lambda _: {})
      >>> studies.run_study(nothing, "runs/none")["lines"]
      {}
    """
    workdir = pathlib.Path(workdir)
    folders: dict[str, str] = {}
    for row in study.rows:
        if (other := folders.setdefault(file_name(row), row)) != row:
            raise ValueError(
                f"rows {other!r} and {row!r} would share the folder {file_name(row)!r}; "
                "give one of them another name."
            )
    check_names(study)  # before hours of training
    planned = jobs(study, workdir)

    def do(job: Job) -> None:
        if _waits(study, job, planned, workdir):
            raise training.BusyError
        if not _is_done(study, job, workdir):
            source = _source(job, planned, workdir)
            _train_and_score(study, job, source, workdir, data_dir)
        on_model(tabulate(study, read_scores(study, workdir)))

    do_each(planned, workdir / "scores", do)
    return tabulate(study, read_scores(study, workdir))


def do_each(
    planned: Sequence[Job], folder: pathlib.Path, do: Callable[[Job], None]
) -> None:
    """Does all jobs that no other process is doing, until only those are left.

    Args:
      planned: the jobs, in their order.
      folder: holds a lock for each.
      do: does a job, or raises `training.BusyError` if it cannot be done yet.

    Raises:
      NonFiniteError: if a run diverges, which it would do again; after all others.
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
            logging.info("left to other processes: %s", folders)
            break
        left = busy
    if diverged:
        raise training.NonFiniteError("; ".join(diverged))


def jobs(
    study: Study,
    workdir: pathlib.Path | None = None,
    *,
    vectorise: bool | None = None,
) -> list[Job]:
    """The trainings of a study, seed by seed where they are single models.

    Where the backend gains from models side by side, rows that differ in one
    hyperparameter at most are one population with all seeds. Runs in the folder, single
    models or populations, are continued as they are, also if another backend began
    them; new models are grouped as this backend prefers.

    Args:
      study: what to do.
      workdir: the study's folder.
      vectorise: whether to make populations; the default depends on the backend.

    Returns:
      The jobs, in their order.
    """
    vectorise = backend().vectorise if vectorise is None else vectorise
    every = [(row, seed) for seed in study.seeds for row in study.rows]
    if study.of_seed is not None:
        return [_single(study, *model) for model in every]
    made = _begun_populations(study, workdir) if workdir else []
    held = {(row, seed) for job in made for row, seed, _ in job.members}
    left = [_single(study, *model) for model in every if model not in held]
    if not vectorise:
        return made + left
    if workdir:
        begun = [job for job in left if config_path(workdir / job.folder).is_file()]
        left = [
            job
            for job in left
            if job not in begun and not _is_done(study, job, workdir)
        ]
        made += begun
    return made + _populations(study, [job.members[0][:2] for job in left])


def _single(study: Study, row: str, seed: int) -> Job:
    config = _model(study, row, seed)
    return Job(f"{file_name(row)}/seed{seed}", config, ((row, seed, None),))


def _model(study: Study, row: str, seed: int) -> Any:
    """The config of one model."""
    config = own_code.named(study.rows[row]).copy_and_resolve_references()
    config.seed = seed
    return config if study.of_seed is None else study.of_seed(config, seed)


def _begun_populations(study: Study, workdir: pathlib.Path) -> list[Job]:
    """Populations in the folder that have models of the study."""
    left = {(row, seed) for row in study.rows for seed in study.seeds}
    made = []
    for rows, seeds in _begun(study, workdir):
        job = _population(study, rows, seeds)
        held = {(row, seed) for row, seed, _ in job.members}
        if held & left:
            made.append(job)
            left -= held
    return made


def _populations(study: Study, left: Sequence[tuple[str, int]]) -> list[Job]:
    """Groups models into populations, as large as possible."""
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for row in study.rows:
        seeds = tuple(seed for seed in study.seeds if (row, seed) in left)
        by_seeds.setdefault(seeds, []).append(row)
    by_seeds.pop((), None)
    return [
        _population(study, together, seeds)
        for seeds, rows in by_seeds.items()
        for together in _side_by_side(study, rows)
    ]


def _begun(
    study: Study, workdir: pathlib.Path
) -> list[tuple[list[str], tuple[int, ...]]]:
    """Rows and seeds of populations in a folder whose rows still form a population."""
    row_of = {file_name(row): row for row in study.rows}
    found = []
    for path in sorted(workdir.glob("*/seeds*/config.json")):
        names = path.parent.parent.name.split("+")
        if not row_of.keys() >= {*names}:
            continue
        rows = [row_of[name] for name in names]
        if _side_by_side(study, rows) == [rows]:
            config = training.read_config(path.parent)
            found.append((rows, tuple(config.population.seed)))
    return found


def _side_by_side(study: Study, rows: Sequence[str]) -> list[list[str]]:
    """Groups rows with one static config that differ in at most one hyperparameter."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        static = json.loads(study.rows[row].to_json())
        static.pop("hparams")
        groups.setdefault(json.dumps(static, sort_keys=True), []).append(row)
    made = []
    for left in groups.values():
        # Greedy: the largest group first, then the rows that remain.
        while left:
            together = max(_one_apart(study, left), key=len)
            made.append(together)
            left = [row for row in left if row not in together]
    return made


def _one_apart(study: Study, rows: Sequence[str]) -> list[list[str]]:
    """For each hyperparameter, the rows that differ from the first in it alone."""
    first, *others = rows
    found = []
    for name in study.rows[first].hparams:
        own = schedules.identity(study.rows[first].hparams[name])
        together = {own: first}
        for row in others:
            varying = _varying(study, [first, row])
            if set(varying) == {name}:
                together.setdefault(schedules.identity(varying[name][1]), row)
        found.append(list(together.values()))
    return found


def _varying(study: Study, rows: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    hparams = [dict(study.rows[row].hparams) for row in rows]
    values = {name: tuple(h[name] for h in hparams) for name in hparams[0]}
    return {
        name: found
        for name, found in values.items()
        if len({*map(schedules.identity, found)}) > 1
    }


def _population(study: Study, rows: Sequence[str], seeds: tuple[int, ...]) -> Job:
    config = study.rows[rows[0]].copy_and_resolve_references()
    with config.unlocked():
        config.population.seed = seeds
        for name, values in _varying(study, rows).items():
            plain = [v.to_dict() if hasattr(v, "to_dict") else v for v in values]
            config.population[name] = tuple(plain)
    # Members are identified by their hyperparameters, whatever their order.
    members = []
    for index, member in enumerate(training.members(config)):
        row = next(
            r
            for r in rows
            if _hparams(study.rows[r].hparams) == _hparams(member.hparams)
        )
        members.append((row, member.seed, index))
    folder = f"{'+'.join(file_name(row) for row in rows)}/seeds{_span(seeds)}"
    return Job(folder, config, tuple(members))


def _hparams(hparams: Any) -> dict[str, str]:
    """What equal hyperparameters have in common, also where they are schedules."""
    return {name: schedules.identity(value) for name, value in dict(hparams).items()}


def _span(seeds: tuple[int, ...]) -> str:
    """Short folder name for a list of seeds."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 1 and seeds == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    return "_".join(map(str, seeds))


def score_path(workdir: pathlib.Path, row: str, seed: int) -> pathlib.Path:
    """Path of the scores of a model."""
    return workdir / "scores" / f"{file_name(row)}_seed{seed}.json"


def _is_scored(study: Study, row: str, seed: int, workdir: pathlib.Path) -> bool:
    """Whether scores exist for the current config of a model."""
    record = _read_score(study, row, seed, workdir)
    return record is not None and "differs" not in record


def _is_done(study: Study, job: Job, workdir: pathlib.Path) -> bool:
    return all(_is_scored(study, row, seed, workdir) for row, seed, _ in job.members)


def _source(job: Job, planned: Sequence[Job], workdir: pathlib.Path) -> str:
    """The folder that a run starts from, in the study or elsewhere; or an empty text."""
    given = job.config.init_from.workdir
    return str(workdir / given) if given in {j.folder for j in planned} else given


def _waits(
    study: Study, job: Job, planned: Sequence[Job], workdir: pathlib.Path
) -> bool:
    """Whether the run starts from a run of the study that is not done yet."""
    source = _source(job, planned, workdir)
    return bool(source) and any(
        (workdir / other.folder).resolve() == pathlib.Path(source).resolve()
        and not _is_done(study, other, workdir)
        for other in planned
    )


def checked_scores(scores: Any) -> Scored:
    """What a study's `score` returned, or a ValueError where it is not lines of columns."""
    found = scores if isinstance(scores, Scored) else Scored(scores)
    return Scored(*map(_checked_lines, found))


def _checked_lines(scores: Any) -> dict[str, dict[str, Any]]:
    lines = scores.values() if isinstance(scores, Mapping) else [scores]
    if not all(isinstance(columns, Mapping) for columns in lines):
        raise ValueError(
            f"the score of a study returned {scores!r}; expected a dict of lines, each a "
            'dict of columns: {"": {"MIG": 0.2}}.'
        )
    # A score that is undefined, such as one of a collapsed code, is in no mean.
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
) -> None:
    config = job.config.copy_and_resolve_references()
    config.init_from.workdir = source
    states = training.train(config, workdir / job.folder, data_dir=data_dir)
    of_run = training.read_config(workdir / job.folder)
    method = training.make_method(of_run)
    for row, seed, index in job.members:
        if _is_scored(study, row, seed, workdir):
            continue  # scored before an interruption between members
        state = states if index is None else training.member(states, index)
        # The config of this member alone, with its own seed and hyperparameters.
        config = _model(study, row, seed)
        config.image_shape = tuple(of_run.image_shape)
        config.init_from.workdir = source
        stopped = index in training.diverged(states)
        model = Trained(method, state, config, seed, data_dir)
        found = checked_scores({} if stopped else study.score(model))
        made_with = json.loads(config.to_json())
        # As the study names it, because the study's folder may be moved.
        made_with["init_from"]["workdir"] = job.config.init_from.workdir
        record = {
            "row": row,
            "seed": seed,
            "steps": int(state.step),
            "scores": found.lines,
            **({"chance": found.chance} if found.chance else {}),
            "config": made_with,
            **({"diverged": int(state.step)} if stopped else {}),
            **provenance(),
        }
        text = json.dumps(record, indent=1) + "\n"
        write_whole(score_path(workdir, row, seed), text)
        logging.info("%s, seed %d: %s", row, seed, record["scores"])


def read_scores(study: Study, workdir: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of all models of a study that have been scored.

    Args:
      study: what was done.
      workdir: its folder.

    Returns:
      One record per model: `row`, `seed`, `steps`, `scores`, `config`, versions, hardware;
      and `differs`, {field: [of the model, of the study]}, where its config is not that
      of the study.

    Example:
      >>> from dis_jax import studies
      >>> study = studies.Study("a", "A", {"vae": {}}, (0, 1), score=lambda _: {})
      >>> studies.read_scores(study, "runs/none")
      []
    """
    found = [
        _read_score(study, row, seed, pathlib.Path(workdir))
        for row in study.rows
        for seed in study.seeds
    ]
    return [record for record in found if record is not None]


def _read_score(
    study: Study, row: str, seed: int, workdir: pathlib.Path
) -> dict[str, Any] | None:
    """The record of a model that has been scored."""
    path = score_path(workdir, row, seed)
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        config = record["config"]
        _ = [record[name] for name in ("row", "seed", "steps")]
        _ = config["image_shape"], record["scores"].items()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}: {error}): delete it, and the same "
            "command scores the model again."
        ) from None
    ours = json.loads(_model(study, row, seed).to_json())
    # The shape comes from the data, so only the record has it.
    ours["image_shape"] = config["image_shape"]
    found = differences(config, ours)
    differs = {name: list(pair) for name, pair in found.items()}
    return record | ({"differs": differs} if differs else {})
