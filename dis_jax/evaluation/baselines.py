"""Baselines of a score: chance, and an untrained encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from dis_jax import data
from dis_jax.probing.encoding import Encode, code_fn
from dis_jax.probing.labelled_codes import Samples

if TYPE_CHECKING:
    from dis_jax.methods.method import Method

_WHICH = ("cheap", "all", "none")


def untrained_encoder(
    method: Method, config: Any, image_set: data.ImageSet, code: str | None = None
) -> Encode:
    """The encoder of a run with the random weights of its seed.

    Args:
      method: of the run.
      config: of the run; its seed sets the weights, also of networks that the run copies
        from another run (`init_from`).
      image_set: what the run trains on.
      code: see `code_fn`.

    Returns:
      `encode(images) -> (batch, latent)`.

    Example:
      >>> from dis_jax import data, evaluation, training
      >>> def scores(workdir, key):
      ...     method, state, config = training.restore(workdir)
      ...     images = data.load(config.dataset)
      ...     before = evaluation.untrained_encoder(method, config, images)
      ...     encode = evaluation.code_fn(method, state)
      ...     return evaluation.evaluate(encode, images, key, "mig", untrained=before)
    """
    from dis_jax.training.program import batch_shapes

    make: Callable[..., data.Sampler] = data.SAMPLERS[method.batch]
    sampler = make(image_set, config.batch_size, **config.sampler)
    shapes = batch_shapes(sampler, image_set)
    # The same initialisation as in training, which depends only on the seed.
    blank = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    state = jax.jit(method.init)(jax.random.key(config.seed), blank)
    return code_fn(method, state, code)


def add_baselines(
    result: Mapping[str, Any],
    metric: Callable[[str], Any],
    others: Mapping[str, Callable[[], Samples]],
    run: Callable[[str, Samples], dict[str, Any]],
    which: str,
) -> dict[str, Any]:
    """Adds the scalar scores of baselines to a result, metric by metric.

    Args:
      result: of `evaluate` or `evaluate_codes`.
      metric: the `Metric` of a name.
      others: functions that make the samples of each baseline, by its name.
      run: scores samples by a metric.
      which: "cheap", "all" or "none".

    Returns:
      The result; `baselines_left_out` names what was not computed, with the reason.

    Raises:
      ValueError: if `which` is unknown.
    """
    if which not in _WHICH:
        raise ValueError(f"baselines must be one of {_WHICH}, found {which!r}.")
    entries = {name: dict(entry) for name, entry in result["metrics"].items()}
    left_out: dict[str, str] = {}
    for label, make in others.items() if which != "none" and entries else ():
        samples = make()
        for name, entry in entries.items():
            reason = _reason_against(metric(name), samples, label, which)
            if reason is None:
                try:
                    found = run(name, samples)["result"]
                except ValueError as error:
                    reason = str(error)
                else:
                    scores = {k: v for k, v in found.items() if isinstance(v, float)}
                    entry["baselines"] = entry.get("baselines", {}) | {label: scores}
            if reason:
                left_out[f"{label} of {name}"] = reason
    return {**result, "metrics": entries, "baselines_left_out": left_out}


def _reason_against(
    metric: Any, samples: Samples, label: str, which: str
) -> str | None:
    if metric.takes == ("codes",) and label == "chance":
        return "uses no factors, so the order of rows does not matter"
    if which == "all":
        return None
    if metric.slow:
        return 'takes seconds; baselines="all" computes it'
    if "data" in metric.takes and (samples.data is None or samples.data.codes is None):
        return 'encodes the grid again; baselines="all" computes it'
    return None
