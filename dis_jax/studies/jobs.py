"""The runs of a study: which models train alone, and which as a population."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from dis_jax import training
from dis_jax.files import file_name
from dis_jax.methods import schedules
from dis_jax.studies.scored import is_scored, model_config
from dis_jax.studies.study_table import Study
from dis_jax.training.program import backend
from dis_jax.training.workdir import config_path


class Job(NamedTuple):
    """One training run of a study: a single model, or a population.

    Attributes:
      folder: of the run, below that of the study.
      config: of the run.
      members: (row, seed, which member or None) of each model in it.
    """

    folder: str
    config: Any
    members: tuple[tuple[str, int, int | None], ...]


def jobs(
    study: Study,
    workdir: pathlib.Path | None = None,
    *,
    vectorise: bool | None = None,
) -> list[Job]:
    """The training runs of a study; single models are ordered by seed.

    If the backend trains populations faster, rows that differ in at most one
    hyperparameter form one population with all seeds. Existing runs in the folder,
    single models or populations, continue as they are, even if another backend began
    them; new models are grouped for this backend.

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
            job for job in left if job not in begun and not is_done(study, job, workdir)
        ]
        made += begun
    return made + _populations(study, [job.members[0][:2] for job in left])


def _single(study: Study, row: str, seed: int) -> Job:
    config = model_config(study, row, seed)
    return Job(f"{file_name(row)}/seed{seed}", config, ((row, seed, None),))


def _begun_populations(study: Study, workdir: pathlib.Path) -> list[Job]:
    """Populations in the folder that contain models of the study."""
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
    """Groups rows with equal static configs that differ in at most one hyperparameter."""
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
    """For each hyperparameter, the rows that differ from the first only in it."""
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
    """Hyperparameters in a form that can be compared, including schedules."""
    return {name: schedules.identity(value) for name, value in dict(hparams).items()}


def _span(seeds: tuple[int, ...]) -> str:
    """Short folder name for a list of seeds."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 1 and seeds == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    return "_".join(map(str, seeds))


def is_done(study: Study, job: Job, workdir: pathlib.Path) -> bool:
    return all(is_scored(study, row, seed, workdir) for row, seed, _ in job.members)
