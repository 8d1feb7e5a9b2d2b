"""Any number of metrics at once, with everything needed to make the numbers again."""

from __future__ import annotations

import inspect
import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Key
from numpy.typing import ArrayLike

from dis_jax.data.image_set import ImageSet
from dis_jax.evaluation.records import record
from dis_jax.metrics.beta_vae_score import beta_vae_score
from dis_jax.metrics.dci import dci
from dis_jax.metrics.downstream import downstream
from dis_jax.metrics.factor_vae_score import FACTOR_VAE_PAPER, factor_vae_score
from dis_jax.metrics.gaussian_correlation import gaussian_correlation
from dis_jax.metrics.infomec import infomec
from dis_jax.metrics.irs import irs
from dis_jax.metrics.mig import mig
from dis_jax.metrics.modularity_explicitness import modularity_explicitness
from dis_jax.metrics.omes import omes, omes_on_grid
from dis_jax.metrics.sap import sap
from dis_jax.probing.encoding import Encode, FactorGrid
from dis_jax.probing.labelled_codes import Samples, draw_samples, given_samples
from dis_jax.suggest import suggest

DEFAULT_METRICS = ("factor_vae_score", "mig")


class Metric(NamedTuple):
    """A metric under the name that tables and files give it.

    Attributes:
      fn: the function.
      takes: the fields of `Samples` that it is called with, or "key".
      settings: keyword arguments that this name stands for.
      best: what the best score is, where it is not 1.
    """

    fn: Callable[..., Any]
    takes: tuple[str, ...]
    settings: Mapping[str, Any] = {}
    best: str = ""


_ALL = ("codes", "factors")
_SPLIT = ("train_codes", "train_factors", "test_codes", "test_factors")
_GRID = ("encode", "data", "key")
_INDEPENDENT = (
    "0 is best: independent dimensions, whatever they stand for; in nats, Wasserstein in "
    "squared units of the code"
)
_OMES = (
    "The best score is below 1, by 1/(k - 1) in the correlation of a factor of k values: "
    "0.82 on dSprites"
)

METRICS: dict[str, Metric] = {
    "factor_vae_score": Metric(factor_vae_score, _GRID),
    "factor_vae_score_paper": Metric(factor_vae_score, _GRID, FACTOR_VAE_PAPER),
    "beta_vae_score": Metric(beta_vae_score, _GRID),
    "mig": Metric(mig, _ALL),
    "sap": Metric(sap, _SPLIT),
    "dci": Metric(dci, _SPLIT),
    "dci_lightgbm": Metric(dci, _SPLIT, {"trees": "lightgbm"}),
    "modularity_explicitness": Metric(modularity_explicitness, _SPLIT),
    "irs": Metric(irs, _ALL),
    "gaussian_correlation": Metric(gaussian_correlation, ("codes",), best=_INDEPENDENT),
    "omes": Metric(omes, (*_ALL, "key"), best=_OMES),
    "omes_on_grid": Metric(omes_on_grid, _GRID, best=_OMES),
    "infomec": Metric(infomec, _ALL),
    "downstream_gbt": Metric(downstream, _SPLIT, {"model": "gbt"}),
    "downstream_mlp": Metric(downstream, _SPLIT, {"model": "mlp"}),
    "downstream_logistic": Metric(downstream, _SPLIT, {"model": "logistic"}),
    "downstream_knn": Metric(downstream, _SPLIT, {"model": "knn"}),
}
_FAST = tuple(
    name
    for name, metric in METRICS.items()
    if metric.fn is not downstream and name not in ("dci", "factor_vae_score_paper")
)
METRIC_SETS: dict[str, tuple[str, ...]] = {
    "default": DEFAULT_METRICS,
    "all": _FAST,
    "official": tuple("dci" if name == "dci_lightgbm" else name for name in _FAST),
    "downstream": tuple(n for n, metric in METRICS.items() if metric.fn is downstream),
}


def evaluate(
    encode: Encode,
    data: ImageSet | FactorGrid,
    key: Key[Array, ""],
    metrics: str | Sequence[str] = "default",
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Scores an encoder on an image set, with labels or, by some metrics, without.

    A metric's score depends on the key and on its own settings, not on which other
    metrics are asked for. Factors that are constant or unknown are left out, and said
    so in the result; so are metrics that need a full grid of factors where the set is
    none.

    Args:
      encode: any function from a batch of images to codes (batch, latent).
      data: an image set, or anything with `sizes` and `images(factors)`.
      key: source of the sampled images.
      metrics: names in `METRICS`, or of sets in `METRIC_SETS`: "all" (DCI by LightGBM,
        under its own name), "official" (DCI by the original trees), "downstream",
        "default" (`DEFAULT_METRICS`).
      num_train: codes that metrics learn from.
      num_test: codes that they are tested on.
      settings: keyword arguments by metric, for example `{"mig": {"bins": 30}}`.

    Returns:
      A dict ready for JSON: `metrics[name]` holds `result`, `settings` and `seconds`;
      the rest says what the codes were and what the numbers were made with. Values that
      are not finite are None.

    Raises:
      ValueError: if a metric or setting is unknown (says the nearest names), or if a
        metric that was asked for by name, or every metric of a set, cannot be had on
        these images.

    Example:
      >>> import types
      >>> import jax
      >>> from dis_jax import evaluation
      >>> grid = types.SimpleNamespace(sizes=(4, 5), images=lambda factors: factors)
      >>> result = evaluation.evaluate(
      ...     lambda images: 2.0 * images, grid, jax.random.key(0), ["mig"])
      >>> result["metrics"]["mig"]["settings"]
      {'bins': 20}
    """
    asked = [metrics] if isinstance(metrics, str) else metrics
    names = resolve_metrics(asked)
    samples = draw_samples(
        encode, data, jax.random.fold_in(key, 0), num_train, num_test
    )
    about = {"data": getattr(data, "name", type(data).__name__)}
    return about | _score(samples, key, names, settings or {}, asked)


def evaluate_codes(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""],
    metrics: str | Sequence[str] = "all",
    *,
    test_codes: ArrayLike | None = None,
    test_factors: ArrayLike | None = None,
    factor_names: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Scores codes from anywhere, without a model.

    Metrics that learn from one part and test on another hold out a random third, unless
    a test part is given; the others read `codes` whole.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers; -1 = unknown.
      key: source of the split, and of metrics that sample.
      metrics: as in `evaluate`; those that need images are left out of a set.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      factor_names: one name a factor.
      settings: keyword arguments by metric.

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
    asked = [metrics] if isinstance(metrics, str) else metrics
    names = resolve_metrics(asked)
    samples = given_samples(
        codes,
        factors,
        jax.random.fold_in(key, 0),
        test_codes,
        test_factors,
        tuple(factor_names) if factor_names is not None else None,
    )
    return {"data": None} | _score(samples, key, names, settings or {}, asked)


def resolve_metrics(metrics: str | Sequence[str]) -> tuple[str, ...]:
    """Names of metrics, from names of metrics and of sets.

    Args:
      metrics: one name or several, of metrics or of sets of metrics.

    Returns:
      Names of metrics, each once, in the order in which they were asked for.

    Raises:
      ValueError: if one is unknown; says the nearest names.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.resolve_metrics(["mig", "sap", "mig"])
      ('mig', 'sap')
    """
    names: dict[str, None] = {}
    for name in [metrics] if isinstance(metrics, str) else metrics:
        if name not in METRIC_SETS:
            _known(name, METRICS, "metric", f" Sets: {', '.join(METRIC_SETS)}.")
        names |= dict.fromkeys(METRIC_SETS.get(name, (name,)))
    return tuple(names)


def _score(
    samples: Samples,
    key: Array,
    names: tuple[str, ...],
    settings: Mapping[str, Mapping[str, Any]],
    asked: Sequence[str],
) -> dict[str, Any]:
    """Runs the metrics and puts their results beside what they were made with."""
    for name, options in settings.items():
        _known(name, METRICS, "metric")
        for option in options:
            _known(option, _defaults(METRICS[name]), f"setting of {name}")
    left_out = {}
    entries = {}
    for name in names:
        try:
            entries[name] = _run(name, samples, key, settings.get(name, {}))
        except ValueError as error:
            if name in asked:
                raise
            left_out[name] = str(error)
    if left_out and not entries:
        raise ValueError(" ".join(left_out.values()))
    return record(
        entries,
        left_out=left_out,
        factor_names=list(samples.factor_names),
        factors_left_out=samples.left_out,
        num_latents=samples.codes.shape[1],
        num_codes=len(samples.codes),
        num_train=len(samples.train_codes),
        num_test=len(samples.test_codes),
        key=np.asarray(jax.random.key_data(key)).tolist(),
    )


def _run(
    name: str, samples: Samples, key: Array, options: Mapping[str, Any]
) -> dict[str, Any]:
    metric = METRICS[name]
    missing = _missing(metric, samples)
    if missing:
        raise ValueError(f"{name} cannot be had here: it {missing}.")
    # A number of the metric's own, so that its draws do not depend on other metrics.
    values = samples._asdict() | {
        "key": jax.random.fold_in(key, zlib.crc32(metric.fn.__name__.encode()))
    }
    options = {**metric.settings, **options}
    start = time.perf_counter()
    result = metric.fn(*(values[field] for field in metric.takes), **options)
    seconds = time.perf_counter() - start
    return {
        "result": {k: _jsonable(v) for k, v in result._asdict().items()},
        "settings": {k: _jsonable(v) for k, v in (_defaults(metric) | options).items()},
        "seconds": round(seconds, 4),
    }


def _defaults(metric: Metric) -> dict[str, Any]:
    """The keyword-only arguments of a metric with their values under its name."""
    parameters = inspect.signature(metric.fn).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}
    return defaults | dict(metric.settings)


def _missing(metric: Metric, samples: Samples) -> str | None:
    if metric.takes != ("codes",) and not samples.factor_names:
        found = samples.left_out or "none"
        return f"needs labels that vary, found {found}; gaussian_correlation needs none"
    if "encode" in metric.takes and samples.encode is None:
        return "needs an encoder and images, and codes alone are given"
    if "data" in metric.takes and samples.data is None:
        return "needs a full grid of factors"
    if "data" in metric.takes and samples.left_out:
        return f"needs factors that vary, found {samples.left_out}"
    return None


def _known(name: str, known: Mapping[str, Any], what: str, more: str = "") -> None:
    if name in known:
        return
    raise ValueError(f"unknown {what} {name!r}; {suggest(name, known)}{more}")


def _jsonable(value: Any) -> Any:
    """Arrays as lists, numbers as Python's own, what is not finite as None."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        value = np.asarray(value).tolist()
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
