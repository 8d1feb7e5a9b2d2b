"""Runs any number of metrics, and records all that is needed to reproduce them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from jaxtyping import Array, Key
from numpy.typing import ArrayLike

from dis_jax.data.image_set import ImageSet
from dis_jax.evaluation.baselines import add_baselines
from dis_jax.evaluation.one_metric import defaults, run_metric
from dis_jax.evaluation.records import record
from dis_jax.evaluation.registry import (
    LABEL_FREE,
    METRIC_SETS,
    METRICS,
    Metric,
    check_name,
    find_metric,
    resolve_metrics,
)
from dis_jax.evaluation.resampling import RESAMPLE_LIMIT, add_resamples
from dis_jax.probing.checks import random_key
from dis_jax.probing.encoding import Encode, FactorGrid
from dis_jax.probing.factor_kinds import Kind
from dis_jax.probing.labelled_codes import (
    Samples,
    draw_samples,
    given_samples,
    permuted,
)

# names of metrics and of sets of metrics, and your own metrics
Asked = str | Callable[..., Any] | Sequence[str | Callable[..., Any]]


def evaluate(
    encode: Encode,
    data: ImageSet | FactorGrid,
    key: Key[Array, ""] | int,
    metrics: Asked = "default",
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: str = "cheap",
    untrained: Encode | None = None,
    resamples: int = 0,
    resample_limit: float = RESAMPLE_LIMIT,
) -> dict[str, Any]:
    """Scores an encoder on an image set, with labels or, by some metrics, without.

    A metric's score depends on the key and on its own settings, not on which other
    metrics run. Everything skipped is named with the reason: factors that are constant,
    unknown or have nearly as many values as rows in `factors_left_out`, metrics that
    these images do not support in `left_out`, and the dimensions, factors and undefined
    scores of one metric in its own `left_out`.

    Each score has baselines: `chance`, the score of the same codes with permuted rows,
    which contain no information about the factors; and `untrained`, the score of
    another encoder, for example the same network before training.

    With `resamples`, each score has an interval, which in 95 of 100 cases covers the
    mean score of other samples of as many rows, and a null: the score that permuted
    rows exceed in 5 of 100 cases.

    Args:
      encode: any function from a batch of images to codes (batch, latent).
      data: an image set, or anything with `sizes` and `images(factors)`.
      key: source of the sampled images; or a seed.
      metrics: names in `METRICS`, or of sets in `METRIC_SETS`: "all" (DCI by LightGBM,
        under its own name), "official" (DCI by the original trees), "downstream",
        "default" (`DEFAULT_METRICS`). Or your own metric, as `my_module:my_metric` or
        the function itself; its argument names, such as `codes` and `factors`, select
        what it receives.
      num_train: codes that metrics are fitted on.
      num_test: codes that they are tested on, of other images. A set of fewer images
        than `num_train + num_test` is divided in this proportion, and metrics without a
        held-out part use all of it. In a grid of at least 20 times as many images, as in
        dSprites and Shapes3D, at most 1 of 30 test images is a training image too.
      settings: keyword arguments by metric, for example `{"mig": {"bins": 30}}`.
      baselines: "cheap" (without slow metrics, and without encoding a grid again),
        "all" or "none"; baselines that were skipped are named in `baselines_left_out`.
      untrained: a second encoder, scored by the same metrics on the same images.
      resamples: how often scores are computed again for their intervals and nulls, for
        example 200; 0 leaves both out.
      resample_limit: most seconds for one metric; a metric that would take longer is
        named in `resamples_left_out` with the time. `float("inf")` computes all.

    Returns:
      A dict ready for JSON: `metrics[name]` contains `result`, `settings`, `seconds`,
      `left_out`, `baselines` and `resamples`; the rest describes the codes, the
      versions and the hardware. Values that are not finite are None, and named in
      `left_out`.

    Raises:
      ValueError: if a metric or setting is unknown (the message suggests the nearest
        names), or if a metric given by name, or every metric of a set, is not available
        for these images.

    Example:
      >>> import types
      >>> import jax
      >>> from dis_jax import evaluation
      >>> grid = types.SimpleNamespace(sizes=(4, 5), images=lambda factors: factors)
      >>> result = evaluation.evaluate(
      ...     lambda images: 2.0 * images, grid, jax.random.key(0), ["irs"])
      >>> result["metrics"]["irs"]["settings"]
      {'quantile': 0.99, 'bins': 20}
    """
    key = random_key(key)
    names = resolve_metrics(metrics)
    samples = draw_samples(
        encode, data, jax.random.fold_in(key, 0), num_train, num_test
    )
    about = {"data": getattr(data, "name", type(data).__name__)}
    result = about | _score(samples, key, names, settings or {}, metrics)
    others = {"chance": lambda: permuted(samples, key, everything=baselines == "all")}
    if untrained is not None:
        others["untrained"] = lambda: draw_samples(
            untrained, data, jax.random.fold_in(key, 0), num_train, num_test
        )
    run = functools.partial(run_metric, key=key, settings=settings or {})
    result = add_baselines(result, find_metric, others, run, baselines)
    return add_resamples(
        result, samples, key, settings or {}, resamples, resample_limit
    )


def evaluate_codes(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""] | int,
    metrics: Asked = "all",
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    factor_names: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | Sequence[Kind] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: str = "cheap",
    resamples: int = 0,
    resample_limit: float = RESAMPLE_LIMIT,
) -> dict[str, Any]:
    """Scores codes from anywhere, without a model.

    Metrics that fit on one part and test on another hold out a random third, unless a
    test part is given; the others use all of `codes`.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), numbers or words. -1 = unknown, if the others are
        whole numbers or words; all other negative numbers are values.
      key: source of the split, and of metrics that sample; or a seed.
      metrics: as in `evaluate`; a set skips the metrics that need images.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      factor_names: a name for each factor.
      kinds: of factors, by name or one each: "categorical", "ordered", "continuous" or
        ("circular", period). Columns with fractions are continuous, all others
        categorical, unless declared. A metric of labels cuts real numbers into quantile
        bins, and says so.
      settings: keyword arguments by metric.
      baselines: "cheap" (`chance` of all but slow metrics), "all" or "none".
      resamples: as in `evaluate`.
      resample_limit: as in `evaluate`.

    Returns:
      As `evaluate`.

    Raises:
      ValueError: as `evaluate`, or if a shape or a value is wrong.

    Example:
      >>> import jax, numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((4, 5)).reshape(2, -1).T
      >>> result = evaluation.evaluate_codes(
      ...     factors, factors, jax.random.key(0), ["mig"])
      >>> round(result["metrics"]["mig"]["result"]["score"], 6)
      1.0
    """
    key = random_key(key)
    names = resolve_metrics(metrics)
    samples = sample_codes(
        *(codes, factors, key),
        test_codes=test_codes,
        test_factors=test_factors,
        factor_names=factor_names,
        kinds=kinds,
    )
    result = {"data": None} | _score(samples, key, names, settings or {}, metrics)
    others = {"chance": lambda: permuted(samples, key)}
    run = functools.partial(run_metric, key=key, settings=settings or {})
    result = add_baselines(result, find_metric, others, run, baselines)
    return add_resamples(
        result, samples, key, settings or {}, resamples, resample_limit
    )


def sample_codes(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Array,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    factor_names: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | Sequence[Kind] | None = None,
) -> Samples:
    """The samples that `evaluate_codes` scores, given the same arguments."""
    return given_samples(
        codes,
        factors,
        jax.random.fold_in(key, 0),
        test_codes,
        test_factors,
        # NumPy strings have their own type, which messages would show
        tuple(map(str, factor_names)) if factor_names is not None else None,
        kinds,
    )


def _score(
    samples: Samples,
    key: Array,
    names: tuple[str, ...],
    settings: Mapping[str, Mapping[str, Any]],
    asked: Asked,
) -> dict[str, Any]:
    """Runs the metrics; returns their results with everything that determines them."""
    by_name = _asked_by_name(asked)
    for name, options in settings.items():
        if name not in names:
            check_name(name, METRICS, "metric")
        for option in options:
            check_name(option, defaults(find_metric(name)), f"setting of {name}")
    left_out = {}
    entries = {}
    for name in names:
        if reason := _without_factors(find_metric(name), samples):
            left_out[name] = reason
            continue
        if "encode" in find_metric(name).takes:  # seconds on a GPU, minutes on a CPU
            logging.info("%s encodes images of its own", name)
        try:
            entries[name] = run_metric(name, samples, key, settings)
        except ValueError as error:
            # Named metrics must run; those of a set are skipped with the reason.
            if name in by_name:
                raise ValueError(f"{name}: {error}") from error
            left_out[name] = str(error)
    if left_out and not entries and not samples.left_out:
        raise ValueError(
            " ".join(f"{name}: {reason}." for name, reason in left_out.items())
        )
    return record(
        entries,
        left_out=left_out,
        factor_names=list(samples.factor_names),
        factor_kinds=dict(zip(samples.factor_names, samples.kinds, strict=True)),
        factors_as_labels=samples.label_forms,
        words=samples.words,
        factors_left_out=samples.left_out,
        num_latents=samples.codes.shape[1],
        num_codes=len(samples.codes),
        num_train=len(samples.train_codes),
        num_test=len(samples.test_codes),
        key=np.asarray(jax.random.key_data(key)).tolist(),
    )


def _asked_by_name(asked: Asked) -> set[str]:
    """The metrics that were requested by name, not in a set."""
    each = [asked] if isinstance(asked, str) or callable(asked) else asked
    words = [w for w in each if not isinstance(w, str) or w.lower() not in METRIC_SETS]
    return {*resolve_metrics(words)}


def _without_factors(metric: Metric, samples: Samples) -> str | None:
    """Why a metric of sampled labels has no factors to score, or None."""
    if samples.factor_names or metric.takes == ("codes",) or "data" in metric.takes:
        return None
    left_out = samples.left_out.items()
    found = ", ".join(f"{name} ({reason})" for name, reason in left_out) or "none"
    return (
        f"needs labels that vary, found {found}; {' and '.join(LABEL_FREE)} need none"
    )
