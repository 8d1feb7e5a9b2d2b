"""Every metric by name, and sets of metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dis_jax import own_code
from dis_jax.metrics.beta_vae_score import beta_vae_score
from dis_jax.metrics.dci import dci
from dis_jax.metrics.dci_es import dci_es
from dis_jax.metrics.dcimig import dcimig, reweighted_dcimig
from dis_jax.metrics.downstream import downstream
from dis_jax.metrics.factor_vae_score import FACTOR_VAE_PAPER, factor_vae_score
from dis_jax.metrics.gaussian_correlation import gaussian_correlation
from dis_jax.metrics.grouped_scores import (
    grouped_beta_vae_score,
    grouped_factor_vae_score,
)
from dis_jax.metrics.hausdorff_support import hausdorff_support
from dis_jax.metrics.infomec import infomec
from dis_jax.metrics.irs import irs
from dis_jax.metrics.jemmig import jemmig, reweighted_jemmig
from dis_jax.metrics.mask_variance import mask_variance
from dis_jax.metrics.mcc import mcc, reweighted_mcc
from dis_jax.metrics.mig import mig, reweighted_mig
from dis_jax.metrics.modularity_explicitness import modularity_explicitness
from dis_jax.metrics.omes import omes, reweighted_omes
from dis_jax.metrics.omes_on_grid import omes_on_grid
from dis_jax.metrics.r2 import r2, reweighted_r2
from dis_jax.metrics.sap import sap
from dis_jax.probing.labelled_codes import Samples
from dis_jax.suggest import suggest

DEFAULT_METRICS = ("factor_vae_score", "mig")


class Metric(NamedTuple):
    """A metric under its name in tables and files.

    Attributes:
      fn: the function.
      takes: the fields of `Samples` that it is called with, or "key".
      settings: keyword arguments that this name stands for.
      best: a sentence on the best score, if that is not 1.
      slow: whether it takes seconds, so that its baselines are computed on request
        only.
      reweighted: the metric as a function of order and weights, from the same
        arguments, if it has that form; see `Reweighted`.
      limits: the smallest and the largest possible score.
      own_limits: by field of the result, for scores with other limits.
    """

    fn: Callable[..., Any]
    takes: tuple[str, ...]
    settings: Mapping[str, Any] = {}
    best: str = ""
    slow: bool = False
    reweighted: Callable[..., Any] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    own_limits: Mapping[str, tuple[float, float]] = {}

    def limits_of(self, field: str) -> tuple[float, float]:
        """The smallest and the largest possible value of a field of the result."""
        return self.own_limits.get(field, self.limits)


_ALL = ("codes", "factors")
_SPLIT = ("train_codes", "train_factors", "test_codes", "test_factors")
_REAL = ("codes", "values")  # the factors as numbers, not cut into bins
_KINDS = ("codes", "targets")  # each factor in the form of its kind
_SPLIT_KINDS = ("train_codes", "train_targets", "test_codes", "test_targets")
_GRID = ("encode", "data", "key")
_INDEPENDENT = (
    "0 is best: independent dimensions, whatever they encode; in nats, Wasserstein in "
    "squared units of the code"
)
_FACTORISED = (
    "0 is best: all combinations of values occur; compare it with factorised, the "
    "score of as many rows with independent dimensions"
)
_OMES = (
    "The best score is below 1, because a factor of k values leaves a correlation of "
    "1/(k - 1): 0.82 on dSprites"
)
_INF = float("inf")
_MCC = Metric(mcc, _REAL, reweighted=reweighted_mcc)
_R2_LIMITS = (-_INF, 1.0)
# For factors that are numbers, the informativeness of DCI is an R2.
_DCI_LIMITS = {f"informativeness_{part}": _R2_LIMITS for part in ("train", "test")}
_R2 = Metric(r2, _REAL, reweighted=reweighted_r2, limits=_R2_LIMITS)

METRICS: dict[str, Metric] = {
    "factor_vae_score": Metric(factor_vae_score, _GRID),
    "factor_vae_score_paper": Metric(factor_vae_score, _GRID, FACTOR_VAE_PAPER),
    "beta_vae_score": Metric(beta_vae_score, _GRID),
    "grouped_factor_vae_score": Metric(grouped_factor_vae_score, (*_SPLIT, "key")),
    "grouped_beta_vae_score": Metric(grouped_beta_vae_score, (*_SPLIT, "key")),
    "mig": Metric(mig, _ALL, reweighted=reweighted_mig),
    "mig_ksg": Metric(mig, _KINDS, {"information": "ksg"}),
    "jemmig": Metric(jemmig, _ALL, reweighted=reweighted_jemmig),
    "dcimig": Metric(dcimig, _ALL, reweighted=reweighted_dcimig),
    "dcimig_ksg": Metric(dcimig, _KINDS, {"information": "ksg"}),
    "sap": Metric(sap, _SPLIT_KINDS),
    "dci": Metric(dci, _SPLIT_KINDS, slow=True, own_limits=_DCI_LIMITS),
    "dci_lightgbm": Metric(
        dci, _SPLIT_KINDS, {"trees": "lightgbm"}, slow=True, own_limits=_DCI_LIMITS
    ),
    "dci_es": Metric(dci_es, _SPLIT_KINDS, slow=True, limits=(-_INF, _INF)),
    "dci_es_mlp": Metric(
        dci_es, _SPLIT_KINDS, {"probes": "mlp"}, slow=True, limits=(-_INF, _INF)
    ),
    "modularity_explicitness": Metric(modularity_explicitness, _SPLIT),
    "modularity_ksg": Metric(
        modularity_explicitness, _SPLIT_KINDS, {"information": "ksg"}
    ),
    "irs": Metric(irs, _ALL, limits=(-_INF, 1.0)),
    "gaussian_correlation": Metric(
        gaussian_correlation, ("codes",), best=_INDEPENDENT, limits=(0.0, _INF)
    ),
    "hausdorff_support": Metric(hausdorff_support, ("codes",), best=_FACTORISED),
    "omes": Metric(omes, (*_ALL, "key"), best=_OMES, reweighted=reweighted_omes),
    "omes_on_grid": Metric(omes_on_grid, _GRID, best=_OMES),
    "mask_variance": Metric(mask_variance, _GRID, slow=True),
    "infomec": Metric(infomec, _KINDS),
    "mcc": _MCC,
    "mcc_spearman": _MCC._replace(settings={"correlation": "spearman"}),
    "mcc_linear": _MCC._replace(settings={"transform": "linear"}),
    "r2": _R2,
    "r2_mlp": _R2._replace(settings={"model": "mlp"}, slow=True),
    "r2_gbt": _R2._replace(settings={"model": "gbt"}, slow=True),
    "r2_kernel": _R2._replace(settings={"model": "kernel"}, slow=True),
    "downstream_gbt": Metric(downstream, _SPLIT, {"model": "gbt"}, slow=True),
    "downstream_mlp": Metric(downstream, _SPLIT, {"model": "mlp"}, slow=True),
    "downstream_logistic": Metric(downstream, _SPLIT, {"model": "logistic"}),
    "downstream_knn": Metric(downstream, _SPLIT, {"model": "knn"}),
}
LABEL_FREE = tuple(n for n, metric in METRICS.items() if metric.takes == ("codes",))
_FAST = tuple(
    name
    for name, metric in METRICS.items()
    if metric.fn is not downstream
    and name != "factor_vae_score_paper"
    and (not metric.slow or name in ("dci_lightgbm", "mask_variance"))
    and not name.startswith("grouped_")  # stand-ins where there is no grid
)
METRIC_SETS: dict[str, tuple[str, ...]] = {
    "default": DEFAULT_METRICS,
    "all": _FAST,
    "official": tuple("dci" if name == "dci_lightgbm" else name for name in _FAST),
    "downstream": tuple(n for n, metric in METRICS.items() if metric.fn is downstream),
}


def resolve_metrics(
    metrics: str | Callable[..., Any] | Sequence[str | Callable[..., Any]],
) -> tuple[str, ...]:
    """Names of metrics, from names of metrics and of sets.

    Args:
      metrics: one name or several, of metrics or of sets of metrics, in any case; or
        your own metrics, by name or as functions; see `find_metric`.

    Returns:
      Names of metrics, each once, in the given order.

    Raises:
      ValueError: if a name is unknown (the message suggests the nearest names), or if
        your own metric cannot be imported or is not a metric.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.resolve_metrics(["mig", "sap", "mig"])
      ('mig', 'sap')
      >>> evaluation.resolve_metrics("MIG")
      ('mig',)
    """
    names: dict[str, None] = {}
    exact = {name.lower(): name for name in (*METRICS, *METRIC_SETS)}
    each = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    for given in each:
        name = given if isinstance(given, str) else own_code.name_of(given)
        if own_code.is_own(name):
            own_code.permit(name)  # requesting a metric permits it
            find_metric(name)
        else:
            name = exact.get(name.lower(), name)  # MIG is mig
            if name not in METRIC_SETS:
                check_name(name, METRICS, "metric", f" Sets: {', '.join(METRIC_SETS)}.")
        names |= dict.fromkeys(METRIC_SETS.get(name, (name,)))
    return tuple(names)


def find_metric(name: str) -> Metric:
    """A metric by name: one of the package, or your own as `my_module:my_metric`.

    Your own metric is a function whose arguments are named after fields of `Samples`,
    or "key", such as `my_metric(codes, factors, *, bins=20)`. Keyword-only arguments
    are its settings. It returns a number, or a mapping or NamedTuple of results.

    Args:
      name: one of `METRICS`, or `my_module:my_metric`.

    Returns:
      The metric.

    Raises:
      ValueError: if it is not a function of such arguments.

    Example:
      >>> from dis_jax.evaluation.registry import find_metric
      >>> find_metric("mig").takes
      ('codes', 'factors')
    """
    if name in METRICS:
        return METRICS[name]
    fn = own_code.resolve(name, "the metric")
    if isinstance(fn, Metric):
        return fn
    known = (*Samples._fields, "key")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(fn).parameters.values() if callable(fn) else ()
    takes = tuple(p.name for p in parameters if p.kind in kinds)
    unknown = [word for word in takes if word not in known]
    if unknown or not takes:
        found = f"takes {unknown[0]!r}; " if unknown else "takes nothing; "
        words = suggest(unknown[0], known) if unknown else f"known: {', '.join(known)}."
        raise ValueError(
            f"the metric {name!r} {found}{words} Make its settings "
            "keyword-only: def my_metric(codes, factors, *, bins=20)."
        )
    return Metric(fn, takes, limits=(-_INF, _INF))


def check_name(name: str, known: Mapping[str, Any], what: str, more: str = "") -> None:
    """Refuses an unknown name, and suggests the nearest ones."""
    if name in known:
        return
    raise ValueError(f"unknown {what} {name!r}; {suggest(name, known)}{more}")
