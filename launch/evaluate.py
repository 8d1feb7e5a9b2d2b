"""Computes metrics for a trained model or for your own codes.

    python -m launch.evaluate --workdir=runs/a --metrics=factor_vae_score,mig
    python -m launch.evaluate --codes=my.npz --metrics=all

Writes the scores of a run to <workdir>/evaluation/, and those of codes to the folder of
their file. Codes are an .npz (arrays `codes`, `factors`; also `test_codes`,
`test_factors`, `factor_names`); a .csv or .parquet, where z0, z1, ... are codes and all
other columns factors; or any two of .npy, .csv and .parquet:

    python -m launch.evaluate --codes=z.npy --factors=labels.csv

A run is scored on the images of its config, or on those of --dataset: the same images at
another path, or other images of the same shape.

Declare factors that are not categorical with --kinds=angle=circular:360,size=ordered.
The default of --metrics is "default" for a run and "all" (that apply) for codes.
For a population, all members are scored in one table; --member=3 selects one.
"""

import hashlib
import pathlib
import re
from typing import Any

import jax
from absl import flags

from dis_jax import data, evaluation, own_code, process, training
from dis_jax.data.factor_kinds import read_kinds
from dis_jax.files import write_json

from . import models, shared_flags, start

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run.")
_CODES = flags.DEFINE_string(
    "codes", None, "A file of codes (.npz, .npy, .csv, .parquet), instead of a run."
)
_FACTORS = flags.DEFINE_string(
    "factors",
    None,
    "File of the factors of --codes (.npy, .csv, .parquet), if separate.",
)
_DATASET = flags.DEFINE_string(
    "dataset", None, "Image set to score a run on, instead of that of its config."
)
_METRICS = flags.DEFINE_list(
    "metrics",
    None,
    f"Sets: {', '.join(evaluation.METRIC_SETS)}. "
    f"Metrics: {', '.join(evaluation.METRICS)}.",
)
_KINDS = flags.DEFINE_string(
    "kinds",
    None,
    "Kinds of factors: name=kind,..., JSON, or a .json file; a kind is categorical, "
    "ordered, continuous or circular:<period>. Replaces what an image set declares.",
)
_MEMBER = shared_flags.member("Which member of a population; by default all.")
_BEST = shared_flags.best()
_CODE = flags.DEFINE_string("code", None, "Which of the method's codes to score.")
_DATA_DIR = shared_flags.data_dir()
_SEED = shared_flags.seed("sampled images and splits")
_BASELINES = flags.DEFINE_enum(
    "baselines",
    "cheap",
    ["cheap", "all", "none"],
    "Baselines: scores of permuted rows and, for a run, of its untrained network.",
)
_RESAMPLES = shared_flags.count(
    "resamples",
    0,
    "Number of resamples for intervals and nulls of scores, for example 200.",
    at_least=0,
)
_RESAMPLE_LIMIT = shared_flags.number(
    "resample_limit",
    60,
    "Time limit in seconds for the resamples of each metric; inf for none.",
)
_OVERWRITE = shared_flags.overwrite()

_LONGEST = 100  # characters of metrics in a file name; a system allows 255 in all


def main(argv: list[str]) -> None:
    del argv
    process.set_up_jax()
    _check()
    metrics = _METRICS.value
    if metrics is None:
        metrics = ["all" if _CODES.value else "default"]
    evaluation.resolve_metrics(metrics)  # complain before anything is loaded
    path = pathlib.Path(_CODES.value or _WORKDIR.value or "")
    count = 0 if _CODES.value or _MEMBER.value is not None else models.count(path)
    if not count:
        score(path, metrics, _MEMBER.value)
        return
    if not _OVERWRITE.value:
        _check_members(path, metrics, count)
    results = [score(path, metrics, member) for member in range(count)]
    print(
        evaluation.member_table(
            results, models.what_members_are(path, best=_BEST.value)
        )
    )


def _check_members(path: pathlib.Path, metrics: list[str], count: int) -> None:
    """Raises FileExistsError before scoring if any member has a result already."""
    _, states, _ = training.restore(path, best=_BEST.value)
    names = [
        f"{_name(metrics, _source(training.member(states, member), member))}.json"
        for member in range(count)
    ]
    if there := [name for name in names if (path / "evaluation" / name).exists()]:
        raise FileExistsError(
            f"{path}/evaluation has {', '.join(there)} already. --overwrite scores all "
            "members again; --member=... scores one of the others."
        )


def _check() -> None:
    """Raises ValueError if flags conflict or a given flag would have no effect."""
    if bool(_WORKDIR.value) == bool(_CODES.value):
        raise ValueError("give either --workdir=... or --codes=...")
    if _FACTORS.value and not _CODES.value:
        raise ValueError("--factors is for --codes; an image set has its own.")
    of_runs = (_MEMBER, _BEST, _CODE, _DATASET, _DATA_DIR)
    given = [f"--{flag.name}" for flag in of_runs if flag.present]
    if _CODES.value and given:
        raise ValueError(f"{', '.join(given)}: no effect with --codes, only on a run.")
    if _METRICS.value is not None and not any(_METRICS.value):
        raise ValueError(
            "--metrics is empty; omit it for the default, or name some, such as mig."
        )


def _named_by(metrics: list[str]) -> str:
    """Metrics for a file name; a long list becomes the first metric and a digest of all."""
    name = "+".join(metrics).lower().replace(":", ".")
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.partition('+')[0][:_LONGEST]}+{len(metrics) - 1}_more_{digest}"


def _short(value: Any) -> str:
    """A value for a file name; a path becomes its end and a digest."""
    text = str(value)
    plain = re.sub(r"[^\w.+-]", "_", text)[-_LONGEST // 2 :]
    if plain == text:
        return text
    return f"_{plain}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _source(state: Any, member: int | None) -> dict[str, Any]:
    """What is scored: step, member and code of a run, and --dataset if given."""
    found = {"step": int(state.step), "member": member, "code": _CODE.value}
    return found if _DATASET.value is None else found | {"dataset": _DATASET.value}


def _name(metrics: list[str], source: dict[str, Any]) -> str:
    """The name of the file of a run's scores, without its suffix."""
    parts = "".join(f"_{k}{_short(v)}" for k, v in source.items() if v is not None)
    return f"{_named_by(metrics)}_seed{_SEED.value}{parts}"


def score(path: pathlib.Path, metrics: list[str], member: int | None) -> dict[str, Any]:
    kinds = read_kinds(_KINDS.value) if _KINDS.value else None
    chance = {
        "baselines": _BASELINES.value,
        "resamples": _RESAMPLES.value,
        "resample_limit": _RESAMPLE_LIMIT.value,
    }
    key = jax.random.key(_SEED.value)
    if _CODES.value:
        source = {"codes": str(path), "factors": _FACTORS.value}
        source = {what: file for what, file in source.items() if file}
        arrays = data.read_code_file(path, _FACTORS.value)
        files = "_".join(pathlib.Path(file).name for file in source.values())
        name = f"{files}_{_name(metrics, {})}"
        out = evaluation.new_file(path.parent, name, _OVERWRITE.value)
        result = evaluation.evaluate_codes(
            **arrays,
            key=key,
            metrics=metrics,
            kinds=kinds,
            **chance,
        )
    else:
        method, state, config, diverged = models.restore(path, member, best=_BEST.value)
        source = _source(state, member)
        dataset, split = config.dataset, config.split
        if _DATASET.value is not None:
            own_code.permit(*own_code.names_in({"dataset": _DATASET.value}))
            dataset, split = _DATASET.value, "all"
        name = _name(metrics, source)
        out = evaluation.new_file(path / "evaluation", name, _OVERWRITE.value)
        encode = evaluation.code_fn(method, state, _CODE.value)
        images = training.load_data(path, dataset, _DATA_DIR.value, split)
        if kinds:
            images = data.declared(images, kinds)
        before = evaluation.untrained_encoder(method, config, images, _CODE.value)
        result = evaluation.evaluate(
            *(encode, images, key, metrics), untrained=before, **chance
        )
        result |= diverged
    result |= {"source": source, "seed": _SEED.value}
    print(evaluation.format_table(result))  # first: the folder may be read-only
    write_json(out, result)
    print(f"written to {out}")
    return result


if __name__ == "__main__":
    start.run(main)
