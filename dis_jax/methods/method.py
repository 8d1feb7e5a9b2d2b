"""The interface of all methods: a `Method` of pure functions, and its `State`."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

Batch = Mapping[str, Array]
Metrics = Any  # a NamedTuple of scalars; its field names are the logged names


class State(NamedTuple):
    """The full state of a training run: a pytree to be saved, stacked and sharded.

    Attributes:
      step: number of updates so far.
      key: the source of all randomness, never advanced: step t uses `fold_in(key, t)`.
      params: parameters by network name.
      stats: batch statistics and moving averages by network name.
      opt_state: state of `optax.scale_by_adam` by optimiser name.
      hparams: scalar hyperparameters as arrays, so that members of a population that
        differ in them share one program. For a hyperparameter with a schedule, the
        index of the member's schedule among those of the population, from 0; see
        `methods.schedules`.
    """

    step: Int[Array, ""]
    key: Key[Array, ""]
    params: dict[str, Any]
    stats: dict[str, Any]
    opt_state: dict[str, Any]
    hparams: dict[str, Float[Array, ""]]


class Gaussian(NamedTuple):
    """A code that is a diagonal Gaussian: mean and log-variance, (batch, latent)."""

    mean: Float[Array, "batch latent"]
    logvar: Float[Array, "batch latent"]


class Categorical(NamedTuple):
    """A code that is a categorical distribution: logits, (batch, category)."""

    logits: Float[Array, "batch category"]


Code = Gaussian | Categorical | Array


class Method(NamedTuple):
    """A method that learns a representation, as pure functions.

    Attributes:
      batch: name of the sampler in `data.SAMPLERS` that makes the batches of a step.
      init: `(key, batch) -> state`.
      update: `(state, batch) -> (state, metrics)`: one training step, with all its
        optimisers; a function of its arguments alone.
      encode: `(state, batch) -> {name: code}`, in inference mode; reads
        `batch["image"]`.
      decode: `(state, {name: code}) -> images` in [0, 1] of vectors or of codes as
        `encode` returns them; None if a method has no decoder.
      code: name of the code that is scored by default.
      image_shape: (height, width, channels) of the images that `encode` takes; None
        if unknown. `training.make_method` sets it.
      by_parts: whether a CPU computes its networks for parts of a batch in parallel, see
        `compiler.parts`; possible if they process each example independently.
    """

    batch: str
    init: Callable[[Array, Batch], State]
    update: Callable[[State, Batch], tuple[State, Metrics]]
    encode: Callable[[State, Batch], dict[str, Code]]
    decode: Callable[[State, Mapping[str, Array]], Array] | None
    code: str
    image_shape: tuple[int, int, int] | None = None
    by_parts: bool = False


def check_choices(config: Any, **choices: Collection[str]) -> None:
    """Checks fields of a config that name one of several variants.

    Args:
      config: of a method.
      **choices: the allowed values by field.

    Raises:
      ValueError: if a field has an unknown value; names the allowed ones.
    """
    for field, known in choices.items():
        if config[field] not in known:
            raise ValueError(
                f"{field} is {config[field]!r}; expected one of {tuple(known)}."
            )


@functools.cache
def metrics_class(fields: tuple[str, ...]) -> Any:
    """A NamedTuple class with these fields, for the metrics of a step.

    The same fields give the same class: for JAX, two classes are two tree structures.
    """
    return collections.namedtuple("Metrics", fields)


def point(code: Code) -> Array:
    """The vector that represents a code: a mean, or category probabilities.

    Args:
      code: a `Gaussian`, a `Categorical` or an array.

    Returns:
      (batch, latent), or (batch, category).
    """
    if isinstance(code, Gaussian):
        return code.mean
    if isinstance(code, Categorical):
        return jax.nn.softmax(code.logits)
    return jnp.asarray(code)


def points(codes: Mapping[str, Code], *names: str) -> Array:
    """Concatenates the vectors of some codes, as input of a decoder.

    Args:
      codes: vectors by name; or codes as `Method.encode` returns them, which `point` turns
        into vectors.
      names: which codes.

    Returns:
      (batch, latent).

    Raises:
      ValueError: if a code is missing, or is not a matrix.

    Example:
      >>> from dis_jax.methods import method
      >>> method.points({"a": jnp.ones((1, 2)), "b": jnp.zeros((1, 1))}, "a", "b").shape
      (1, 3)
    """
    if not isinstance(codes, Mapping) or not {*names} <= {*codes}:
        wanted = ", ".join(f"{name!r}: ..." for name in names)
        kind = sorted(codes) if isinstance(codes, Mapping) else type(codes).__name__
        raise ValueError(
            f"codes are {kind}; expected a dict {{{wanted}}} of arrays (batch, latent), "
            "such as the result of `encode`."
        )
    vectors = [point(codes[name]) for name in names]
    for name, vector in zip(names, vectors, strict=True):
        if vector.ndim != 2:
            raise ValueError(
                f"the code {name!r} has the shape {vector.shape}; expected (batch, latent)."
            )
    return jnp.concatenate(vectors, axis=1)
