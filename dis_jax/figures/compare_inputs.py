"""Inputs of a comparison: runs, populations and studies as a list of models."""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from dis_jax import data, training
from dis_jax.figures.report_inputs import Subject, make_subject
from dis_jax.methods import State
from dis_jax.training.population import set_member
from dis_jax.training.run_data import warn_of_changes
from dis_jax.training.workdir import config_path

MOST = 12  # models with curves and pictures on a page


class Place(NamedTuple):
    """Where a model is.

    Attributes:
      name: on the page.
      folder: of its run.
      member: of a population, or None.
      group: equal for models that differ only in the seed, such as the row of a study.
    """

    name: str
    folder: pathlib.Path
    member: int | None
    group: str


class Comparison(NamedTuple):
    """What a page compares.

    Attributes:
      models: by name, at most `MOST`.
      studies: results of `studies.tabulate`.
      skipped: names of further models, with the reason.
    """

    models: dict[str, Subject]
    studies: list[dict[str, Any]]
    skipped: dict[str, str]


def find_models(
    folders: Sequence[str | os.PathLike[str]],
) -> tuple[list[Place], list[dict[str, Any]]]:
    """The models in folders, and the results of those that are studies.

    Args:
      folders: of runs, populations or studies.

    Returns:
      All models in their order, and the results.

    Raises:
      ValueError: if a folder is none of these, or is named twice.
    """
    paths = [pathlib.Path(folder) for folder in folders]
    if twice := {
        str(p) for p in paths if [q.resolve() for q in paths].count(p.resolve()) > 1
    }:
        raise ValueError(f"{', '.join(sorted(twice))}: named more than once.")
    places, results = [], []
    for path, name in zip(paths, _names(paths), strict=True):
        if config_path(path).is_file():
            places += _run(path, name, group=name)
            continue
        runs = sorted(path.glob("*/seed*/config.json"))
        tables = _tables(path)
        if not runs and not tables:
            raise ValueError(
                f"{path} is neither a run nor a study: it has no config.json and no "
                "*/seed*/config.json."
                if path.is_dir()
                else f"there is no folder {path}."
            )
        results += [(name, table) for table in tables]
        for file in runs:
            row, seed = file.parent.parent.name, file.parent.name
            places += _run(file.parent, f"{name}/{row}/{seed}", group=f"{name}/{row}")
    return places, _told_apart(results)


def _told_apart(results: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Results; if titles are equal, folder and study name are added to them."""
    titles = [result["title"] for _, result in results]
    return [
        result | {"title": f"{result['title']}: {name}/{result['study']}"}
        if titles.count(result["title"]) > 1
        else result
        for name, result in results
    ]


def read_comparison(
    folders: Sequence[str | os.PathLike[str]],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    best: bool = False,
    num_examples: int = 512,
) -> Comparison:
    """Restores the models in folders and encodes images with each.

    If there are more than `MOST` models, the first seeds of each group are used.

    Args:
      folders: of runs, populations or studies.
      data_dir: the folder of real data sets.
      best: whether the best checkpoint is used instead of the last.
      num_examples: images that each model encodes; the same ones for the same set.

    Returns:
      Models and results.

    Raises:
      ValueError: if a folder contains nothing to compare, or a run cannot be read.
      FileNotFoundError: if a run that was named has no checkpoint.
    """
    places, results = find_models(folders)
    chosen = _chosen(places)
    skipped = {
        place.name: f"a page has at most {MOST} models with curves and pictures"
        for place in places
        if place not in chosen
    }
    named = {pathlib.Path(folder) for folder in folders}
    restore = functools.cache(functools.partial(training.restore, best=best))
    load = functools.cache(lambda dataset, split: data.load(dataset, data_dir, split))
    models = {}
    for place in chosen:
        try:
            method, state, config = restore(place.folder)
        except FileNotFoundError as error:  # a study may still be training
            if place.folder in named:
                raise
            skipped[place.name] = str(error)
            continue
        if (why := _diverged(place, state)) and not (
            place.folder in named and place.member is None
        ):
            skipped[place.name] = why
            continue
        own = config.copy_and_resolve_references()
        if place.member is not None:
            set_member(own, place.member)
        image_set = load(own.dataset, own.split)
        warn_of_changes(place.folder, image_set, own.dataset, own.split)
        subject = make_subject(
            *(place.folder, method, state, config, image_set),
            member=place.member or 0,
            num_examples=num_examples,
        )
        models[place.name] = subject._replace(config=own)
    return Comparison(models, results, skipped)


def _diverged(place: Place, state: State) -> str:
    """The reason or the step of a model's divergence; empty if it did not diverge."""
    step = training.stopped_at(place.folder, state, place.member)
    if step is None:
        return ""
    return training.divergence(place.folder) or f"diverged after step {step}"


def _names(paths: Sequence[pathlib.Path]) -> list[str]:
    """The last parts of each path, as many as make it unique."""
    whole = [path.resolve().parts for path in paths]
    found = []
    for parts in whole:
        count = 1
        while (
            count < len(parts) and [p[-count:] for p in whole].count(parts[-count:]) > 1
        ):
            count += 1
        found.append("/".join(parts[-count:]))
    return found


def _run(folder: pathlib.Path, name: str, group: str) -> list[Place]:
    config = training.read_config(folder)
    if not training.is_population(config):
        return [Place(name, folder, None, group)]
    found = training.members(config)
    return [
        Place(
            *(f"{name}, member {i}", folder, i),
            f"{group} {member.hparams} {member.dataset}",
        )
        for i, member in enumerate(found)
    ]


def _tables(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The results in a study's folder."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}.") from None
        if isinstance(result, dict) and {"study", "lines", "models"} <= result.keys():
            found.append(result)
    return found


def _chosen(places: Sequence[Place]) -> list[Place]:
    """The first model of each group, then the second ones, up to `MOST`."""
    seen: dict[str, int] = {}
    rank = {}
    for place in places:
        rank[place] = seen[place.group] = seen.get(place.group, -1) + 1
    first = sorted(places, key=rank.__getitem__)[:MOST]
    return [place for place in places if place in first]
