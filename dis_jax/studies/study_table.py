"""The description of a study, and the table of its scores."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dis_jax.methods import Method, State
from dis_jax.suggest import suggest
from dis_jax.training.workdir import strict_json

Columns = Mapping[str, float]

FEWEST_PAIRS = 3  # of an interval; that of two is 18 standard deviations wide


class Trained(NamedTuple):
    """A trained model, the argument of a study's `score`.

    Attributes:
      method: the system.
      state: its trained state.
      config: its config, an `ml_collections.ConfigDict`.
      seed: its seed.
      data_dir: the folder of real data sets.
    """

    method: Method
    state: State
    config: Any
    seed: int
    data_dir: str | os.PathLike[str] | None


class Scored(NamedTuple):
    """Scores of a model with their chance values.

    Attributes:
      lines: {line: {column: value}}.
      chance: the same for codes that contain no information about the factors, such as
        the baseline `chance` of `evaluation.evaluate`; columns without it are left out.
    """

    lines: Mapping[str, Columns]
    chance: Mapping[str, Columns] = {}


class Study(NamedTuple):
    """A table of models: what is trained, how it is scored and compared.

    Attributes:
      name: of the files that are written.
      title: above the table.
      rows: config by name, an `ml_collections.ConfigDict` each, trained with every seed.
      seeds: of the models.
      score: from a trained model to one or more lines of the table, {line: {column:
        value}}, or to `Scored`. A line is shown as "row, line", the line "" as "row". A
        score that is not finite is left out.
      published: numbers of a source, {row, line: {column: value}}.
      source: of the published numbers.
      compare: pairs of lines whose differences are given with their uncertainty.
      notes: what a reader of the table should know.
      shown: the columns of the table and of its chart, by default all; the result has
        all.
      of_seed: further effects of a seed, such as on the data: (a copy of the row's
        config, seed) -> config. Its models are trained one by one. `init_from.workdir`
        may be the folder of another run of the study, such as "SDIM/seed0".
      unit: seed -> its unit, such as a subset of the data: models of one unit are
        averaged before deviations and intervals are computed.
    """

    name: str
    title: str
    rows: Mapping[str, Any]
    seeds: tuple[int, ...]
    score: Callable[[Trained], Mapping[str, Columns] | Scored]
    published: Mapping[str, Columns] = {}
    source: str = ""
    compare: Sequence[tuple[str, str]] = ()
    notes: str = ""
    shown: Sequence[str] = ()
    of_seed: Callable[[Any, int], Any] | None = None
    unit: Callable[[int], int] | None = None


def tabulate(study: Study, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means and standard deviations over seeds, published numbers, and differences.

    Args:
      study: what was done.
      records: from `read_scores`.

    Returns:
      `{"study", "title", "source", "notes", "shown", "lines": {line: {column: {"mean",
      "std", "n", "published", "chance"}}}, "differences": [{"lines", "columns": {column:
      {"mean", "low", "high", "n", "each"}}}], "models", "missing", "configs": {row:
      config}}`, ready for JSON. `chance` is a mean over the models, None if it is not
      stored. A difference is the first line minus the second, for models with the same
      seed, with the 95 % interval `low` to `high` of `paired_interval` (None below three
      pairs, whose differences are in `each`). A model has its `unit` if the study names
      one; `n` counts units. Diverged models have no scores and are excluded from all
      means. A row's config is that of its first seed.

    Raises:
      ValueError: if the study names a line or a column that its models do not have.

    Example:
      >>> from dis_jax import studies
      >>> study = studies.Study("a", "A", {"vae": {}}, (0, 1), score=lambda _: {})
      >>> scores = {"": {"mig": 0.25}}
      >>> record = {"row": "vae", "seed": 0, "steps": 1, "scores": scores, "config": {}}
      >>> found = studies.tabulate(study, [record])
      >>> found["lines"]["vae"]["mig"]["mean"], found["missing"]
      (0.25, ['vae, seed 1'])
    """
    values, chance = (_by_line(records, name) for name in ("scores", "chance"))
    check_names(study, records)
    lines = {
        line: {
            column: {
                **_summary(_by_unit(study, by_seed)),
                "published": study.published.get(line, {}).get(column),
                "chance": _mean(chance.get(line, {}).get(column)),
            }
            for column, by_seed in columns.items()
        }
        for line, columns in values.items()
    }
    compared = [
        {"lines": [a, b], "columns": _differences(study, values[a], values[b])}
        for a, b in study.compare
        if a in values and b in values
    ]
    done = {(record["row"], record["seed"]) for record in records}
    planned = [(row, seed) for seed in study.seeds for row in study.rows]
    return {
        "study": study.name,
        "title": study.title,
        "source": study.source,
        "notes": study.notes,
        "shown": list(study.shown),
        "lines": lines,
        "differences": compared,
        "models": [
            strict_json(
                {k: v for k, v in record.items() if k != "config"}
                | ({"unit": study.unit(record["seed"])} if study.unit else {})
            )
            for record in records
        ],
        "missing": [f"{row}, seed {s}" for row, s in planned if (row, s) not in done],
        "configs": {r["row"]: strict_json(r["config"]) for r in reversed(records)},
    }


def check_names(study: Study, records: Sequence[Mapping[str, Any]] = ()) -> None:
    """Refuses lines and columns in `compare`, `published` and `shown` that do not exist.

    Lines begin with the name of a row, which is known before training. The rest is known
    once a model of the row is scored.

    Args:
      study: the study.
      records: from `read_scores`.

    Raises:
      ValueError: names the field, its value and the nearest name.

    Example:
      >>> from dis_jax import studies
      >>> from dis_jax.studies.study_table import check_names
      >>> rows = {"VAE": {}, "HFS": {}}
      >>> check_names(studies.Study("a", "A", rows, (0,), score=lambda _: {},
      ...                           compare=[("HFS", "VEA")]))
      Traceback (most recent call last):
      ...
      ValueError: compare of the study 'a' names 'VEA'; did you mean 'VAE'? Known: VAE, HFS.
    """
    lines = _by_line(records, "scores")
    scored = {record["row"] for record in records if record["scores"]}
    for field, named in (
        ("compare", [line for pair in study.compare for line in pair]),
        ("published", study.published),
    ):
        where = f"{field} of the study {study.name!r}"
        for line in named:
            rows = {r for r in study.rows if line == r or line.startswith(f"{r}, ")}
            if not rows or (rows <= scored and line not in lines):
                known = list(lines if rows else study.rows)
                raise ValueError(f"{where} names {line!r}; {suggest(line, known)}")
    columns = {line: [*found] for line, found in lines.items()}
    for line, found in columns.items():
        for column in study.published.get(line, {}):
            if column not in found:
                raise ValueError(
                    f"published of the study {study.name!r} names the column {column!r} "
                    f"of {line!r}; {suggest(column, found)}"
                )
    every = [*dict.fromkeys(column for found in columns.values() for column in found)]
    for column in study.shown:
        if scored >= study.rows.keys() and every and column not in every:
            raise ValueError(
                f"shown of the study {study.name!r} names the column {column!r}; "
                f"{suggest(column, every)}"
            )


def paired_interval(
    first: Float[Any, " pairs"],
    second: Float[Any, " pairs"],
    *,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Mean of `first - second` over pairs, with its interval by Student's t.

        mean(d) -+ t_{n-1} s(d) / sqrt(n),  d_i = first_i - second_i

    `s` is the standard deviation with divisor n - 1, `t` the quantile (1 + level) / 2 with
    n - 1 degrees of freedom. If the differences are normal, a share `level` of such
    intervals covers the expected difference, for any n. The interval
    of two pairs is 18 standard deviations wide, that of equal differences has no width.

    Eq.: Student 1908, interval of a mean difference

    Args:
      first: (pairs,).
      second: (pairs,), the partners.
      level: share of intervals that cover the expected difference.

    Returns:
      Mean, lower and upper end.

    Raises:
      ValueError: if the two are not vectors of one length, at least 2.

    Example:
      >>> from dis_jax import studies
      >>> ends = studies.paired_interval([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
      >>> [round(end, 2) for end in ends]
      [2.0, -0.48, 4.48]
    """
    from scipy.stats import t

    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"first has shape {a.shape} and second {b.shape}; expected (pairs,) twice, "
            "with at least two pairs."
        )
    # The deviation of differences: a seed affects both sides of a pair alike.
    difference, count = a - b, len(a)
    mean = float(difference.mean())
    quantile = float(t.ppf((1 + level) / 2, count - 1))
    half = quantile * float(difference.std(ddof=1)) / math.sqrt(count)
    return mean, mean - half, mean + half


def ends_of(first: np.ndarray, second: np.ndarray) -> tuple[float, float] | None:
    """The interval of the mean difference of pairs; None for fewer than three."""
    if len(first) < FEWEST_PAIRS:
        return None
    _, low, high = paired_interval(first, second)
    return low, high


def _by_unit(study: Study, by_seed: Mapping[int, float]) -> np.ndarray:
    """Mean value of each unit; without `study.unit` each seed is its own unit."""
    units: dict[int, list[float]] = {}
    for seed, value in by_seed.items():
        units.setdefault(study.unit(seed) if study.unit else seed, []).append(value)
    return np.array([np.mean(values) for values in units.values()])


def _by_line(
    records: Sequence[Mapping[str, Any]], field: str
) -> dict[str, dict[str, dict[int, float]]]:
    """{line: {column: {seed: value}}} of the scores, or of their chance values."""
    values: dict[str, dict[str, dict[int, float]]] = {}
    for record in records:
        for name, columns in record.get(field, {}).items():
            line = values.setdefault(_line(record["row"], name), {})
            for column, value in columns.items():
                line.setdefault(column, {})[record["seed"]] = float(value)
    return values


def _mean(by_seed: Mapping[int, float] | None) -> float | None:
    return float(np.mean([*by_seed.values()])) if by_seed else None


def _summary(values: np.ndarray) -> dict[str, Any]:
    return {
        "mean": float(values.mean()),
        "std": float(values.std(ddof=1)) if len(values) > 1 else None,
        "n": len(values),
    }


def _differences(
    study: Study,
    a: Mapping[str, Mapping[int, float]],
    b: Mapping[str, Mapping[int, float]],
) -> dict[str, dict[str, Any]]:
    found = {}
    for column in a:
        seeds = sorted({*a[column]} & {*b.get(column, {})})
        if not seeds:
            continue
        first, second = (
            _by_unit(study, {s: side[column][s] for s in seeds}) for side in (a, b)
        )
        each = first - second
        ends = ends_of(first, second) or (None, None)
        found[column] = {
            "mean": float(each.mean()),
            **dict(zip(("low", "high"), ends, strict=True)),
            "n": len(each),
            "each": each.tolist(),
        }
    return found


def _line(row: str, name: str) -> str:
    return f"{row}, {name}" if name else row
