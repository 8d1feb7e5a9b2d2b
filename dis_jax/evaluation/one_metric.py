"""Runs one metric on samples: its arguments, and its result ready for JSON."""

from __future__ import annotations

import contextlib
import inspect
import math
import time
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from dis_jax import own_code
from dis_jax.evaluation.registry import METRICS, Metric, find_metric
from dis_jax.probing.labelled_codes import Samples

Settings = Mapping[str, Mapping[str, Any]]


def run_metric(
    name: str, samples: Samples, key: Array, settings: Settings
) -> dict[str, Any]:
    """The entry of a metric: result, what was skipped, settings and seconds.

    Raises:
      ValueError: as the metric, if the samples lack an input of the metric, or if your
        own metric fails or returns no number.
    """
    metric = find_metric(name)
    args, options = arguments(name, samples, key, settings)
    start = time.perf_counter()
    try:
        with one_thread(metric):
            result = metric.fn(*args, **options)
    except Exception as error:
        if isinstance(error, ValueError) or not own_code.is_own(name):
            raise
        raise ValueError(own_code.origin(name, error)) from error
    seconds = time.perf_counter() - start
    fields = as_fields(result)
    single = list(fields) == ["score"]  # a table shows it, so it must be one number
    if own_code.is_own(name) and not any(
        _is_number(v, single) for v in fields.values()
    ):
        raise ValueError(
            f"returned {str(result)[:80]!r}; expected a number, or a dict or NamedTuple "
            "of numbers."
        )
    own = _with_names(fields.pop("left_out", {}), metric, samples)
    for field, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value) and field not in own:
            own[field] = "inf" if math.isinf(value) else "undefined"
    return {
        "result": {k: _jsonable(v) for k, v in fields.items()},
        "left_out": own,
        "settings": {k: _jsonable(v) for k, v in (defaults(metric) | options).items()},
        "seconds": round(seconds, 4),
    }


def one_thread(metric: Metric) -> contextlib.AbstractContextManager[Any]:
    """Limits linear algebra to one thread, for metrics of codes.

    Their matrices are small: on a busy machine several threads wait for each other, and
    take twenty times the CPU time of one. An encoder keeps its threads.
    """
    from threadpoolctl import threadpool_limits

    return (
        contextlib.nullcontext() if "encode" in metric.takes else threadpool_limits(1)
    )


def as_fields(result: Any) -> dict[str, Any]:
    """The fields of a metric's result by name; a single number is named "score".

    Numbers of NumPy and JAX become Python numbers. A single number becomes a float, since
    integer fields are counts, not scores.
    """
    if hasattr(result, "_asdict"):
        result = result._asdict()
    if not isinstance(result, Mapping):
        is_score = _is_number(result, single=True)
        return {"score": float(result) if is_score else result}
    return {
        name: np.asarray(value).item() if _is_number(value, single=True) else value
        for name, value in result.items()
    }


def _is_number(value: Any, single: bool) -> bool:
    """Whether a value is a number, or an array of numbers unless `single`."""
    if isinstance(value, int | float):
        return not isinstance(value, bool)
    ndim = getattr(value, "ndim", None)
    numbers = ndim is not None and np.asarray(value).dtype.kind in "iuf"
    return numbers and (ndim == 0 or not single)


def arguments(
    name: str, samples: Samples, key: Array, settings: Settings
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of a metric.

    Raises:
      ValueError: if the samples lack an input of the metric.
    """
    metric = find_metric(name)
    if missing := _missing(metric, samples):
        raise ValueError(missing)
    # A fixed number for each metric, so that its draws do not depend on other metrics.
    # CRC-32, because Python's own hash of a string differs between processes.
    values = samples._asdict() | {
        "key": jax.random.fold_in(key, zlib.crc32(metric.fn.__name__.encode()))
    }
    options = {**metric.settings, **settings.get(name, {})}
    if {"values", "targets", "train_targets"} & {*metric.takes}:
        options["kinds"] = samples.kinds
    given = [values[field] for field in metric.takes]
    # Your own metric could change arrays in place, and so the scores of other metrics.
    return (list(map(_read_only, given)) if own_code.is_own(name) else given), options


def _read_only(value: Any) -> Any:
    """A view of an array that cannot be written to; other values as they are."""
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def defaults(metric: Metric) -> dict[str, Any]:
    """The keyword-only arguments of a metric, with the default values for its name."""
    parameters = inspect.signature(metric.fn).parameters.values()
    found = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}
    return found | dict(metric.settings)


def _missing(metric: Metric, samples: Samples) -> str | None:
    if "encode" in metric.takes and samples.encode is None:
        lacking = "needs an encoder and a full factor grid (got codes only)"
    elif "data" in metric.takes and samples.data is None:
        lacking = "needs a full factor grid"
    else:
        return None
    grouped = f"grouped_{metric.fn.__name__}"
    return f"{lacking}; for labelled rows: {grouped}" if grouped in METRICS else lacking


def _with_names(
    left_out: Mapping[str, str], metric: Metric, samples: Samples
) -> dict[str, str]:
    """Replaces the numbers of factors by their names."""
    grid = samples.data if "data" in metric.takes else None
    names = samples.factor_names if grid is None else grid.factor_names
    numbers = {f"factor {k}": f"factor {name}" for k, name in enumerate(names)}
    return {numbers.get(what, what): reason for what, reason in left_out.items()}


def _jsonable(value: Any) -> Any:
    """Arrays as lists, NumPy numbers as Python numbers, non-finite ones as None."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        value = np.asarray(value).tolist()
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
