"""Comparison of two codes of the same rows: score differences with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Key
from numpy.typing import ArrayLike

from dis_jax.evaluation.evaluate import evaluate_codes, sample_codes
from dis_jax.evaluation.one_metric import one_thread
from dis_jax.evaluation.registry import find_metric
from dis_jax.evaluation.resampling import (
    RESAMPLE_LIMIT,
    UNDEFINED,
    Plan,
    gather,
    interval,
    plan_of,
    too_long,
)
from dis_jax.probing.checks import random_key
from dis_jax.probing.factor_kinds import Kind

_NAMES = ("first", "second")


def compare_codes(
    codes: ArrayLike,
    other_codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""] | int,
    metrics: str | Sequence[str] = "all",
    *,
    factor_names: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | Sequence[Kind] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    resamples: int = 200,
    resample_limit: float = RESAMPLE_LIMIT,
) -> dict[str, Any]:
    """Differences of the scores of two codes on the same rows, with intervals.

    The interval is paired: each resample has the same rows of both codes, so difficult
    rows affect both. It is narrower than the intervals of the two scores suggest. An
    interval that excludes 0 shows a difference of these codes on such rows; it does not
    cover other seeds of the same models.

    Args:
      codes: (batch, latent).
      other_codes: (batch, other latent), of the same images in the same order.
      factors: (batch, factor), as in `evaluate_codes`.
      key: as in `evaluate_codes`.
      metrics: as in `evaluate_codes`.
      factor_names: of each factor.
      kinds: as in `evaluate_codes`.
      settings: keyword arguments by metric.
      resamples: number of resamples; 1 or more.
      resample_limit: as in `evaluate_codes`, of both codes together.

    Returns:
      As `evaluate_codes`, but each score is a difference, first minus second; the two
      scores are the `baselines` "first" and "second".

    Raises:
      ValueError: as `evaluate_codes`, or if the codes differ in their number of rows, or
        `resamples` is below 1.

    Example:
      >>> import jax, numpy as np
      >>> from dis_jax import evaluation
      >>> rng = np.random.default_rng(0)
      >>> factors = rng.normal(size=(300, 2))
      >>> noisy = factors + 0.3 * rng.normal(size=(300, 2))
      >>> found = evaluation.compare_codes(
      ...     factors, noisy, factors, 0, "mcc", resamples=50)
      >>> bool(found["metrics"]["mcc"]["resamples"]["scores"]["score"]["low"] > 0)
      True
    """
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, found {resamples}.")
    both = np.asarray(codes), np.asarray(other_codes)
    if len(both[0]) != len(both[1]):
        raise ValueError(
            "codes and other_codes must have the same rows, found the shapes "
            f"{both[0].shape} and {both[1].shape}."
        )
    key, settings = random_key(key), settings or {}
    common: dict[str, Any] = {"factor_names": factor_names, "kinds": kinds}
    results = [
        evaluate_codes(
            *(each, factors, key, metrics),
            settings=settings,
            baselines="none",
            **common,
        )
        for each in both
    ]
    samples = [sample_codes(each, factors, key, **common) for each in both]
    entries, left_out = {}, {}
    for name in results[0]["metrics"]:
        if name not in results[1]["metrics"]:
            continue  # named in left_out
        pair = [result["metrics"][name] for result in results]
        entries[name] = _difference(pair)
        with one_thread(find_metric(name)):
            plans = [
                plan_of(name, each, key, settings, of["seconds"])
                for each, of in zip(samples, pair, strict=True)
            ]
            found = _paired(
                *(name, entries[name]["result"], plans, resamples, resample_limit)
            )
        if isinstance(found, str):
            left_out[name] = found
        else:
            entries[name]["resamples"] = found
            left_out |= {
                f"{name} {field}": UNDEFINED
                for field in entries[name]["result"]
                if field not in found["scores"]
            }
    return {
        **results[0],
        "metrics": entries,
        "compared": list(_NAMES),
        "left_out": results[1]["left_out"] | results[0]["left_out"],
        "resamples_left_out": left_out,
    }


def _paired(
    name: str,
    differences: Mapping[str, float],
    plans: Sequence[Plan],
    count: int,
    limit: float,
) -> dict[str, Any] | str:
    """Intervals of the differences of a metric, or why there are none."""
    both = plans[0]._replace(seconds=sum(plan.seconds for plan in plans))
    if reason := too_long(name, both, count, limit):
        return reason
    try:
        first, second = (gather(map(plan.drawn, range(count))) for plan in plans)
    except ValueError as error:
        return f"a resample has no score: {error}"
    scores = {}
    for field, value in differences.items():
        if field in first and field in second:
            low, high = find_metric(name).limits_of(field)
            # A difference of two scores in [low, high] is in [low - high, high - low].
            ends = low - high, high - low
            scores[field] = interval(value, first[field] - second[field], *ends)
    return {"count": count, "how": both.how, "scores": scores}


def _difference(pair: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An entry of the differences of the scalars that both entries have."""
    first, second = (
        {k: v for k, v in entry["result"].items() if isinstance(v, float)}
        for entry in pair
    )
    return {
        "result": {k: v - second[k] for k, v in first.items() if k in second},
        "baselines": dict(zip(_NAMES, (first, second), strict=True)),
        "left_out": {
            f"{what} ({name})": reason
            for name, entry in zip(_NAMES, pair, strict=True)
            for what, reason in entry["left_out"].items()
        },
        "settings": pair[0]["settings"],
        "seconds": round(sum(entry["seconds"] for entry in pair), 4),
    }
