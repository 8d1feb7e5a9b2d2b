"""Model selection without labels: trained models ranked by UDR."""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from flax.traverse_util import flatten_dict
from jaxtyping import Array, Float

from dis_jax import data, losses, shipped, training
from dis_jax.evaluation import evaluate_codes
from dis_jax.evaluation.records import format_score
from dis_jax.markup import counted
from dis_jax.methods import Gaussian, Method, State, schedules
from dis_jax.methods.method import point
from dis_jax.metrics.udr import udr
from dis_jax.probing.encoding import encode_all
from dis_jax.provenance import provenance
from dis_jax.studies.jobs import jobs
from dis_jax.studies.study_table import Study
from dis_jax.studies.transfer_study import find_runs

_DATA = ("dataset", "split")  # settings that all models share
_OWN = ("seed", "population", "image_shape", "init_from")  # of a run, not of a setting


class Candidate(NamedTuple):
    """A trained model.

    Attributes:
      run: folder of its run.
      member: which member of a population, or None.
      seed: of its training.
      settings: its config without the seed: UDR compares models that share them.
    """

    run: pathlib.Path
    member: int | None
    seed: int
    settings: Mapping[str, Any]


class _Encoded(NamedTuple):
    codes: np.ndarray
    kl: np.ndarray | None  # nats of each dimension; None without a prior


def find_candidates(workdir: str | os.PathLike[str]) -> list[Candidate]:
    """All trained models in a folder, members of populations one by one.

    Args:
      workdir: of a run, a population, or a study, or any folder that contains these.

    Returns:
      The models, sorted by folder and member.

    Raises:
      FileNotFoundError: if there are none.
      ValueError: if they are trained on different data.

    Example:
      >>> from dis_jax import studies
      >>> def seeds(workdir):
      ...     return [model.seed for model in studies.find_candidates(workdir)]
    """
    found = []
    for run in find_runs(workdir):
        config = training.read_config(run)
        alone = not training.is_population(config)
        for index, member in enumerate(training.members(config)):
            settings = json.loads(config.to_json())
            settings["hparams"] |= {
                name: schedules.identity(value)
                for name, value in member.hparams.items()
            }
            settings["sampler"] |= json.loads(json.dumps(member.sampler))
            settings["dataset"] = member.dataset or config.dataset
            settings = {k: v for k, v in settings.items() if k not in _OWN}
            which = None if alone else index
            found.append(Candidate(run, which, member.seed, settings))
    for name in _DATA:
        values = {str(model.settings[name]) for model in found}
        if len(values) > 1:
            raise ValueError(
                f"the runs in {workdir} have {name} {', '.join(sorted(values))}; UDR "
                "compares codes of the same images: select one folder at a time."
            )
    return found


def rank_models(
    candidates: Sequence[Candidate],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    metrics: Sequence[str] = ("mig",),
    num_images: int = 10_000,
    seed: int = 0,
) -> dict[str, Any]:
    """UDR of each model among those with the same settings, next to label-based scores.

    Eq.: Duan et al. 2020, Section 4

    Args:
      candidates: of `find_candidates`.
      data_dir: the folder of real data sets.
      metrics: computed with the labels and compared with UDR, if the set has labels.
      num_images: how many images are encoded.
      seed: of the images.

    Returns:
      A dict ready for JSON: `models`, the best first, each with `run`, `member`, `seed`,
      `settings` (those that differ between models), `udr` and `scores`; `agreement`, the
      rank correlation of each score with UDR over all models; `left_out`, models and
      scores without a value, with the reason.

    Raises:
      ValueError: if no two models share their settings, or a metric is unknown.

    Example:
      >>> from dis_jax import studies
      >>> def best(workdir):
      ...     return studies.rank_models(studies.find_candidates(workdir))["models"][0]
    """
    first = candidates[0].settings
    images = data.load(first["dataset"], data_dir, first["split"])
    index = images.choose(
        np.random.default_rng(seed), min(num_images, images.num_images)
    )
    left_out: dict[str, str] = {}
    encoded = dict(_encode(candidates, images, index, left_out))
    scores = _udr_by_settings(candidates, encoded, left_out)
    ranked = sorted(scores, key=lambda i: -scores[i])
    of_labels = _by_labels(
        [encoded[i].codes for i in ranked], images, index, metrics, seed, left_out
    )
    differing = _differing(candidates)
    models = [
        {
            "run": str(candidates[i].run),
            "member": candidates[i].member,
            "seed": candidates[i].seed,
            "settings": differing[i],
            "udr": scores[i],
            "scores": own,
        }
        for i, own in zip(ranked, of_labels, strict=True)
    ]
    return {
        "dataset": images.name,
        "num_images": len(index),
        "models": models,
        "agreement": _agreement([scores[i] for i in ranked], of_labels),
        "left_out": left_out,
        **provenance(),
    }


def ranking_table(result: Mapping[str, Any]) -> str:
    """A line for each model, the best first.

    Args:
      result: of `rank_models`.

    Returns:
      The table; below it the rank correlations, and what was skipped.

    Example:
      >>> from dis_jax import studies
      >>> model = {"run": "runs/a", "member": 1, "seed": 7, "settings": {"beta": 4},
      ...          "udr": 0.5, "scores": {"mig score": 0.25}}
      >>> print(studies.ranking_table(
      ...     {"models": [model], "num_images": 100, "agreement": {}, "left_out": {}}))
      rank  run     member  seed  beta     UDR  mig score
         1  runs/a       1     7     4  0.5000     0.2500
      scores of 100 images drawn for this ranking; python -m launch.evaluate draws others
    """
    models = result["models"]
    settings = list(
        dict.fromkeys(name for model in models for name in model["settings"])
    )
    scores = list(dict.fromkeys(name for model in models for name in model["scores"]))
    rows = [["rank", "run", "member", "seed", *settings, "UDR", *scores]]
    for rank, model in enumerate(models, 1):
        rows.append(
            [
                str(rank),
                model["run"],
                "-" if model["member"] is None else str(model["member"]),
                str(model["seed"]),
                *(str(model["settings"].get(name, "-")) for name in settings),
                format_score(model["udr"]),
                *(format_score(model["scores"].get(name)) or "-" for name in scores),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            f"{word:<{w}}" if k == 1 else f"{word:>{w}}"
            for k, (word, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines += [
        f"rank correlation of UDR and {name}: {value:.3f}"
        for name, value in result["agreement"].items()
    ]
    if scores:
        lines.append(
            f"scores of {counted(result['num_images'], 'image')} drawn for this ranking; "
            f"{shipped.command('evaluate')} draws others"
        )
    lines += [f"skipped {what}: {why}" for what, why in result["left_out"].items()]
    return "\n".join(line.rstrip() for line in lines)


def with_udr(
    study: Study,
    records: Sequence[Mapping[str, Any]],
    workdir: str | os.PathLike[str],
    result: Mapping[str, Any],
) -> tuple[Study, list[dict[str, Any]]]:
    """A study and the records of its models with a column UDR, for `tabulate`.

    Args:
      study: what was done.
      records: of `read_scores`.
      workdir: of the study.
      result: of `rank_models` for this folder.

    Returns:
      The study, which shows the column, and new records, which have it in their first
      line.

    Example:
      >>> from dis_jax import studies
      >>> study = studies.Study("a", "A", {}, (), score=lambda _: {}, shown=["mig"])
      >>> studies.with_udr(study, [], "runs/a", {"models": []})[0].shown
      ('mig', 'UDR')
    """
    folder = pathlib.Path(workdir)
    ranked = {(m["run"], m["member"]): m["udr"] for m in result["models"]}
    of_model = {
        (row, seed): ranked.get((str(folder / job.folder), index))
        for job in jobs(study, folder)
        for row, seed, index in job.members
    }
    found = []
    for record in map(dict, records):
        value = of_model.get((record["row"], record["seed"]))
        if value is not None and record["scores"]:
            lines = record["scores"]
            first = next(iter(lines))
            record["scores"] = lines | {first: lines[first] | {"UDR": value}}
        found.append(record)
    shown = (*study.shown, "UDR") if study.shown else ()
    return study._replace(shown=shown), found


def _encode(
    candidates: Sequence[Candidate],
    images: data.ImageSet,
    index: np.ndarray,
    left_out: dict[str, str],
) -> Iterator[tuple[int, _Encoded]]:
    """Codes of the same images by each model; a run is restored once."""
    names = _names(candidates)
    restored = functools.lru_cache(1)(training.restore)
    for i, model in enumerate(candidates):
        try:
            method, state, _ = restored(model.run)
        except FileNotFoundError as error:  # a study may still be training
            if len(left_out) == len(candidates) - 1:
                raise
            left_out[names[i]] = str(error)
            continue
        if (step := training.stopped_at(model.run, state, model.member)) is not None:
            left_out[names[i]] = f"diverged after step {step}"
            continue
        if model.member is not None:
            state = training.member(state, model.member)
        logging.info("encoding %d images by %s", len(index), names[i])
        posterior = functools.partial(_posterior, method.encode, method.code, state)
        both = encode_all(posterior, index, lambda rows: images.take(rows)[0])
        yield i, _split(np.asarray(both), method, state, images)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _posterior(
    encode: Callable[..., Any], name: str, state: State, images: Array
) -> Float[Array, "batch column"]:
    """The codes; for a Gaussian, its means followed by the KL of each dimension."""
    code = encode(state, {"image": images})[name]
    if not isinstance(code, Gaussian):
        return point(code)
    mean, logvar = code
    kl = losses.gaussian_kl(mean.reshape(-1, 1), logvar.reshape(-1, 1))
    return jnp.concatenate([mean, kl.reshape(mean.shape)], axis=1)


def _split(
    both: np.ndarray, method: Method, state: State, images: data.ImageSet
) -> _Encoded:
    one = images.take(jnp.arange(1))[0]
    codes = jax.eval_shape(method.encode, state, {"image": one})[method.code]
    if not isinstance(codes, Gaussian):
        return _Encoded(both, None)
    latent = codes.mean.shape[1]
    return _Encoded(both[:, :latent], both[:, latent:].mean(axis=0))


def _udr_by_settings(
    candidates: Sequence[Candidate],
    encoded: Mapping[int, _Encoded],
    left_out: dict[str, str],
) -> dict[int, float]:
    """UDR of each model among those that differ from it only in the seed."""
    names, scores = _names(candidates), {}
    groups: dict[str, list[int]] = {}
    for i in encoded:
        key = json.dumps(candidates[i].settings, sort_keys=True)
        groups.setdefault(key, []).append(i)
    for group in groups.values():
        if len(group) == 1:
            left_out[names[group[0]]] = "the only model with its settings"
            continue
        kl = [k for i in group if (k := encoded[i].kl) is not None]
        found = udr(
            [encoded[i].codes for i in group], kl=kl if len(kl) == len(group) else None
        )
        scores |= zip(group, map(float, found.scores), strict=True)
    if not scores:
        raise ValueError(
            "no two models share their settings, and UDR compares models of several "
            'seeds: train more seeds, for example --config.population.seed="(0, 1, 2)". '
            f"Left out: {'; '.join(f'{n}: {why}' for n, why in left_out.items())}."
        )
    return scores


def _by_labels(
    codes: Sequence[np.ndarray],
    images: data.ImageSet,
    index: np.ndarray,
    metrics: Sequence[str],
    seed: int,
    left_out: dict[str, str],
) -> list[dict[str, float]]:
    """The first score of each metric, for each model; empty without labels."""
    if not metrics or not images.factor_names:
        return [{} for _ in codes]
    factors = np.asarray(images.factors(jnp.asarray(index)))
    found = []
    for z in codes:
        result = evaluate_codes(
            *(z, factors, seed, metrics),
            factor_names=images.factor_names,
            kinds=images.kinds or None,
            baselines="none",
        )
        left_out |= result["left_out"]
        scores = {}
        for name, entry in result["metrics"].items():
            field, value = next(iter(entry["result"].items()))
            if isinstance(value, float):
                scores[f"{name} {field}"] = value
        found.append(scores)
    return found


def _agreement(
    ranked: Sequence[float], of_labels: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Spearman's rank correlation of UDR with each score that all models have."""
    from scipy.stats import spearmanr

    found = {}
    for name in of_labels[0]:
        values = [scores.get(name, np.nan) for scores in of_labels]
        if len(values) > 2 and np.isfinite(values).all() and np.ptp(values) > 0:
            found[name] = float(spearmanr(ranked, values).statistic)  # pyright: ignore[reportAttributeAccessIssue]
    return found


def _names(candidates: Sequence[Candidate]) -> list[str]:
    return [
        str(model.run)
        if model.member is None
        else f"{model.run}, member {model.member}"
        for model in candidates
    ]


def _differing(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """The settings of each model that differ between models."""
    flat = [
        {
            name.removeprefix("hparams."): value
            for name, value in flatten_dict(dict(model.settings), sep=".").items()
        }
        for model in candidates
    ]
    keys = [
        key
        for key in dict.fromkeys(key for each in flat for key in each)
        if len({str(each.get(key)) for each in flat}) > 1
    ]
    return [{key: each[key] for key in keys if key in each} for each in flat]
