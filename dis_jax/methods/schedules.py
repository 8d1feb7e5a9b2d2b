"""Hyperparameters that change during training: schedules of optax in a config.

  config.hparams.beta = {"schedule": "linear", "init_value": 0.0, "end_value": 4.0,
                         "transition_steps": 10_000}

A step uses the value at `state.step`, so a resumed run uses the same values. Members of a
population may have different schedules: `config.population.beta` is a tuple of numbers and
schedules, and `state.hparams["beta"]` is the index of the member's schedule among the
different ones.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from dis_jax import own_code
from dis_jax.methods.method import Batch, Method, Metrics, State, metrics_class
from dis_jax.suggest import suggest

Schedule = Callable[[Any], Any]

SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": optax.constant_schedule,
    "linear": optax.linear_schedule,
    "polynomial": optax.polynomial_schedule,
    "cosine": optax.cosine_decay_schedule,
    "exponential": optax.exponential_decay,
    "warmup_constant": optax.warmup_constant_schedule,
    "warmup_cosine": optax.warmup_cosine_decay_schedule,
    "warmup_exponential": optax.warmup_exponential_decay_schedule,
    "linear_onecycle": optax.linear_onecycle_schedule,
    "cosine_onecycle": optax.cosine_onecycle_schedule,
}
_NAME = "schedule"


def is_schedule(value: Any) -> bool:
    """Whether a hyperparameter is a schedule, not a number.

    Args:
      value: of a field of `config.hparams`.

    Returns:
      Whether it is a mapping with the field `schedule`.
    """
    return hasattr(value, "items") and _NAME in value


def make(value: Any, field: str = "hparams") -> Schedule:
    """Makes the function `step -> value` that a hyperparameter describes.

    Args:
      value: a number; or a mapping whose `schedule` is one of `SCHEDULES`, or
        `my_module:my_schedule`, and whose other fields are that function's arguments, as
        in optax.
      field: its name, for messages.

    Returns:
      `step -> value`.

    Raises:
      ValueError: if there is no such schedule, or arguments do not fit it.

    Example:
      >>> from dis_jax.methods import schedules
      >>> warm = schedules.make({"schedule": "linear", "init_value": 0.0,
      ...                        "end_value": 4.0, "transition_steps": 100})
      >>> [float(warm(step)) for step in (0, 50, 1000)]
      [0.0, 2.0, 4.0]
    """
    if not hasattr(value, "items"):
        return optax.constant_schedule(value)
    options = dict(value)
    name = options.pop(_NAME, None)
    if own_code.is_own(name):
        factory = own_code.resolve(name, f"config.{field}.schedule")
    elif name in SCHEDULES:
        factory = SCHEDULES[name]
    else:
        raise ValueError(
            f"config.{field}.schedule is {name!r}; {suggest(str(name), SCHEDULES)}"
        )
    known = inspect.signature(factory).parameters
    if unknown := [option for option in options if option not in known]:
        raise ValueError(
            f"config.{field}: the schedule {name!r} has no {unknown[0]!r}; "
            f"{suggest(unknown[0], known)}"
        )
    needed = [n for n, p in known.items() if p.default is inspect.Parameter.empty]
    if missing := [option for option in needed if option not in options]:
        raise ValueError(
            f"config.{field}: the schedule {name!r} needs {', '.join(missing)}."
        )
    # Called once, because some schedules check their arguments only then.
    try:
        made = factory(**options)
        float(made(0))
    except Exception as error:  # optax has checks of its own
        raise ValueError(f"config.{field}: the schedule {name!r}: {error}") from error
    return made


def at(value: Any, step: int) -> float:
    """A hyperparameter at a step, whether it is a number or has a schedule.

    Args:
      value: of a field of `config.hparams`.
      step: number of updates so far.

    Returns:
      The number.

    Example:
      >>> from dis_jax.methods import schedules
      >>> schedules.at(4.0, 10)
      4.0
    """
    return float(make(value)(step))


def of(config: Any) -> dict[str, list[Any]]:
    """The schedules of a config by hyperparameter, over all members.

    Args:
      config: `hparams`, and `population` where there are members.

    Returns:
      Each hyperparameter for which at least one member has a schedule, with the different
      schedules and numbers of all members.
    """
    found = {}
    population = dict(config.get("population", {}))
    for name, value in config.hparams.items():
        values = list(population.get(name, ())) or [value]
        if any(map(is_schedule, values)):
            found[name] = list({identity(v): v for v in values}.values())
    return found


def identity(value: Any) -> str:
    """A text that is equal for equal schedules or numbers, for comparisons."""
    plain = value.to_dict() if hasattr(value, "to_dict") else value
    plain = dict(plain) if isinstance(plain, Mapping) else float(plain)
    return json.dumps(plain, sort_keys=True)


def numbered(config: Any, hparams: Mapping[str, Any]) -> dict[str, float]:
    """A member's hyperparameters as numbers: the index of its schedule, if it has one.

    Args:
      config: of the run.
      hparams: of the member.

    Returns:
      The content of its `state.hparams`.
    """
    places = {
        name: [identity(value) for value in values]
        for name, values in of(config).items()
    }
    return {
        name: places[name].index(identity(value)) if name in places else value
        for name, value in hparams.items()
    }


def before_first_step(config: Any) -> Any:
    """A config whose hyperparameters are numbers: the first values of its schedules.

    Args:
      config: of the run.

    Returns:
      The config itself where it has no schedule, else a copy.
    """
    found = of(config)
    if not found:
        return config
    config = config.copy_and_resolve_references()
    with config.ignore_type(), config.unlocked():
        for name, values in found.items():
            config.hparams[name] = float(make(values[0], f"hparams.{name}")(0))
    return config


def scheduled(method: Method, config: Any) -> Method:
    """A method whose steps take hyperparameters from the schedules of a config.

    The metrics of a step include these values.

    Args:
      method: made from `before_first_step(config)`.
      config: of the run.

    Returns:
      The method itself where the config has no schedule.
    """
    found = {
        name: [make(value, f"hparams.{name}") for value in values]
        for name, values in of(config).items()
    }
    if not found:
        return method

    def value(name: str, state: State) -> Array:
        branches = [lambda step, f=f: jnp.float32(f(step)) for f in found[name]]
        if len(branches) == 1:
            return branches[0](state.step)
        # One program for all members: the index in the state selects the schedule.
        place = state.hparams[name].astype(jnp.int32)
        return jax.lax.switch(place, branches, state.step)

    def init(key: Array, batch: Batch) -> State:
        state = method.init(key, batch)
        # Index 0; a run replaces it by the member's index, see `numbered`.
        places = dict.fromkeys(found, jnp.zeros((), jnp.float32))
        return state._replace(hparams=state.hparams | places)

    def update(state: State, batch: Batch) -> tuple[State, Metrics]:
        now = {name: value(name, state) for name in found}
        after, metrics = method.update(
            state._replace(hparams=state.hparams | now), batch
        )
        own = {name: v for name, v in now.items() if name not in metrics._fields}
        reported = metrics_class((*metrics._fields, *own))(*metrics, *own.values())
        # The state keeps the indices; the values belong to this step alone.
        return after._replace(hparams=state.hparams), reported

    return method._replace(init=init, update=update)
