"""Uncertainty of scores: intervals by resampling, null scores by permuted rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging
from jaxtyping import Array, Float

from dis_jax.evaluation.one_metric import Settings, arguments, as_fields, one_thread
from dis_jax.evaluation.registry import find_metric
from dis_jax.probing.labelled_codes import Samples, permuted

RESAMPLE_LIMIT = 60.0  # seconds
UNDEFINED = "undefined in every resample"
_WORTH_A_WORD = 10.0  # seconds, from which the log announces the resampling
_LEVEL = 0.95
_Scores = dict[str, float]


class Plan(NamedTuple):
    """How the scores of a metric are resampled.

    Attributes:
      how: description of a resample.
      drawn: scores of the i-th resample.
      null: scores of the i-th permutation; None where the order of rows has no effect.
      seconds: estimated time of both.
    """

    how: str
    drawn: Callable[[int], _Scores]
    null: Callable[[int], _Scores] | None
    seconds: float


def add_resamples(
    result: Mapping[str, Any],
    samples: Samples,
    key: Array,
    settings: Settings,
    count: int,
    limit: float,
) -> dict[str, Any]:
    """Adds an interval and a null to each scalar score of a result.

    Args:
      result: of `evaluate` or `evaluate_codes`.
      samples: the scored samples.
      key: of the same call.
      settings: of the same call.
      count: number of resamples and of permutations; 0 for none.
      limit: seconds that they may take for a metric.

    Returns:
      The result; `resamples_left_out` names what was not computed, with the reason.

    Raises:
      ValueError: if `count` is negative.
    """
    if count < 0:
        raise ValueError(f"resamples must be 0 or more, found {count}.")
    if count == 0:
        return dict(result)
    entries, left_out = {}, {}
    for name, entry in result["metrics"].items():
        entries[name] = dict(entry)
        with one_thread(find_metric(name)):
            plan = plan_of(name, samples, key, settings, entry["seconds"])
            if reason := too_long(name, plan, count, limit):
                left_out[name] = reason
                continue
            start = time.perf_counter()
            try:
                drawn = gather(map(plan.drawn, range(count)))
                null = gather(map(plan.null, range(count))) if plan.null else {}
            except ValueError as error:
                left_out[name] = f"a resample has no score: {error}"
                continue
        metric, scores = find_metric(name), {}
        for field, value in scalars_of(entry["result"]).items():
            if field not in drawn:
                left_out[f"{name} {field}"] = UNDEFINED
                continue
            scores[field] = interval(value, drawn[field], *metric.limits_of(field))
            if field in null:
                scores[field] |= _against(value, null[field])
        entries[name]["resamples"] = {
            "count": count,
            "how": plan.how,
            "scores": scores,
            "seconds": round(time.perf_counter() - start, 4),
        }
    return {**result, "metrics": entries, "resamples_left_out": left_out}


def plan_of(
    name: str, samples: Samples, key: Array, settings: Settings, seconds: float
) -> Plan:
    """How a metric is resampled, which depends on its inputs.

    A metric with sufficient statistics gets a bootstrap of the rows. Others are recomputed
    on random halves of the rows, drawn without replacement: their scores spread about as
    much as those of new samples of all rows, and no row occurs twice, which would distort
    nearest-neighbour estimates. A metric that draws images from a grid draws new ones. All
    metrics, and both codes of a comparison, get the same rows in their i-th resample.

    Args:
      name: of the metric.
      samples: the scored samples.
      key: of the same call.
      settings: of the same call.
      seconds: time of its score.
    """
    metric, rows = find_metric(name), len(samples.codes)
    seed = np.asarray(jax.random.key_data(key)).ravel().tolist()
    rng = lambda i: np.random.default_rng([*seed, i])

    def again(other: Samples, i: int = 0) -> _Scores:
        own = key if i == 0 else jax.random.fold_in(key, i)
        args, options = arguments(name, other, own, settings)
        return scalars_of(as_fields(metric.fn(*args, **options)))

    def by_chance(i: int) -> _Scores:
        grid = "data" in metric.takes
        own = jax.random.fold_in(key, i + 1)
        return again(permuted(samples, own, everything=grid), i + 1 if grid else 0)

    if "data" in metric.takes:
        return Plan(
            "other draws from the grid",
            lambda i: again(samples, i + 1),
            by_chance,
            2 * seconds,
        )
    if metric.reweighted is None:
        return Plan(
            "random halves of the rows",
            lambda i: again(_half(samples, rng(i))),
            None if metric.takes == ("codes",) else by_chance,
            1.5 * seconds,
        )
    args, options = arguments(name, samples, key, settings)
    score = metric.reweighted(*args, **options)

    def drawn(i: int) -> _Scores:
        often = np.bincount(rng(i).integers(0, rows, rows), minlength=rows)
        return scalars_of(score(None, often.astype(float))._asdict())

    def shuffled(i: int) -> _Scores:
        order = rng(i).permutation(rows)
        return scalars_of(score(order, np.ones(rows))._asdict())

    # A fast metric is timed again: a reweighted score is much cheaper than the first
    # one.
    if not metric.slow:
        drawn(0)  # loads and compiles, outside of the measurement
        start = time.perf_counter()
        drawn(0)
        seconds = time.perf_counter() - start
    return Plan("rows, with replacement", drawn, shuffled, 2 * seconds)


def too_long(name: str, plan: Plan, count: int, limit: float) -> str | None:
    """Why a metric is not resampled, or None; logs a long resampling beforehand."""
    seconds = math.ceil(plan.seconds * count)
    if seconds > limit:
        return (
            f"{count} resamples take about {seconds:,} s; a resample_limit of more "
            "seconds computes them"
        )
    if seconds > _WORTH_A_WORD:
        logging.info("%s: %d resamples take about %d s", name, count, seconds)
    return None


def gather(scores: Iterable[_Scores]) -> dict[str, Float[np.ndarray, " resample"]]:
    """The scores of many resamples by field; NaN where a resample has none."""
    found = list(scores)
    fields = dict.fromkeys(field for each in found for field in each)
    return {
        field: np.array([each.get(field, np.nan) for each in found]) for field in fields
    }


def interval(
    value: float, drawn: Float[np.ndarray, " resample"], low: float, high: float
) -> dict[str, float]:
    """Quantiles of the resamples, shifted so that their mean is the score.

    Resampling repeats rows or omits some, which biases many scores by as much as it
    spreads them; the bias does not occur in new samples.

    Args:
      value: the score.
      drawn: of the resamples.
      low: the smallest possible score.
      high: the largest possible score.
    """
    drawn = drawn[np.isfinite(drawn)]
    tail = (1 - _LEVEL) / 2
    ends = value + _quantiles(drawn, [tail, 1 - tail]) - drawn.mean()
    return dict(zip(("low", "high"), np.clip(ends, low, high).tolist(), strict=True))


def _quantiles(
    drawn: Float[np.ndarray, " resample"], shares: Sequence[float]
) -> Float[np.ndarray, " share"]:
    """Values below which another draw lies with these probabilities.

    Of n draws, the k-th smallest has the probability k / (n + 1). NumPy's default takes
    (k - 1) / (n - 1), which makes intervals too narrow: with 20 resamples they cover 88 %.
    """
    return np.quantile(drawn, shares, method="weibull")


def scalars_of(fields: Mapping[str, Any]) -> _Scores:
    """The finite scalar scores of a result."""
    return {
        field: value
        for field, value in fields.items()
        if isinstance(value, float) and math.isfinite(value)
    }


def _against(value: float, null: Float[np.ndarray, " resample"]) -> dict[str, float]:
    """The 95 % quantile of the null scores, and the permutation p-value."""
    null = null[np.isfinite(null)]
    # The score itself counts as one permutation, so p is never 0.
    reached = 1 + int(np.sum(null >= value))
    return {
        "null": float(_quantiles(null, [_LEVEL])[0]),
        "p": round(reached / (1 + len(null)), 6),
    }


def _half(samples: Samples, rng: np.random.Generator) -> Samples:
    """A random half of the rows of each part."""
    pick = {}
    for part in ("", "train_", "test_"):
        total = len(getattr(samples, f"{part}codes"))
        rows = np.sort(rng.permutation(total)[: math.ceil(total / 2)])
        for what in ("codes", "factors", "values", "targets"):
            pick[part + what] = getattr(samples, part + what)[rows]
    return samples._replace(**pick)
