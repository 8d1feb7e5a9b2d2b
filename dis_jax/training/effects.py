"""Checks for config fields that a run would not use, or that its method lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from dis_jax import own_code
from dis_jax.suggest import suggest
from dis_jax.training import base_config, fields
from dis_jax.training.config_files import load_config
from dis_jax.training.population import members

_GROUPS = ("hparams", "network", "optimiser", "sampler")
_TRAINED = ("params", "stats", "opt_state")


def check(config: Any) -> None:
    """Refuses fields of a new run that would have no effect.

    Not part of `fields.check`, because existing runs with such fields must stay readable.

    Args:
      config: as `fields.check` takes it.

    Raises:
      ValueError: if `init_from` names a run but none of its networks, or if a field is
        outside its group, such as `beta` instead of `hparams.beta`.

    Example:
      >>> from dis_jax import training
      >>> from dis_jax.training import effects
      >>> config = training.load_config("beta_vae")
      >>> config.beta = 8.0
      >>> effects.check(config)
      Traceback (most recent call last):
      ...
      ValueError: nothing reads config.beta; did you mean config.hparams.beta?
    """
    start = config.get("init_from") or {}
    if start.get("workdir") and not start.get("networks"):
        raise ValueError(
            f"config.init_from.networks is {start.get('networks')!r}; expected the "
            "networks to take from init_from.workdir, such as ('encoder', 'decoder')."
        )
    if _has_own_code(config):
        return  # own code may read any field
    ruled = {*fields.RULES, *fields.OF_METHODS}
    for group in _GROUPS:
        for name in config:
            if name in config[group] and name not in ruled:
                raise ValueError(
                    f"nothing reads config.{name}; did you mean config.{group}.{name}?"
                )


def check_hparams(config: Any, update: Any, state: Any, batch: Any) -> None:
    """Refuses hyperparameters on which no parameter depends after a step.

    Args:
      config: of a run.
      update: the jitted step of its method.
      state: the state that `update` takes, or its shapes.
      batch: the batch that `update` takes, or its shapes.

    Raises:
      ValueError: if members of a population differ in such a hyperparameter, or if the
        method has no hyperparameter of this name.
    """
    found = members(config)
    if not state.hparams:  # a run adds them, see `program.init`
        scalar = jax.ShapeDtypeStruct((), jnp.float32)
        state = state._replace(hparams=dict.fromkeys(config.hparams, scalar))
    if not isinstance(state.hparams, dict) or {*config.hparams} - {*state.hparams}:
        return  # an own method may store hparams in another form
    unused = {*config.hparams} - _used(update, state, batch)
    for name in sorted(unused):
        if any(one.hparams[name] != found[0].hparams[name] for one in found):
            raise ValueError(
                f"config.population.{name} has no effect: a step of {config.method} does "
                f"not depend on state.hparams[{name!r}]{_instead(config)}"
            )
    if _has_own_code(config):
        return  # own code may read config.hparams, which works for a single model
    known = list(_default(config).hparams)
    for name in sorted(unused.difference(known)):
        raise ValueError(
            f"config.hparams.{name} has no effect: {config.method} has no such "
            f"hyperparameter; {suggest(name, known)}"
        )


def _instead(config: Any) -> str:
    if own_code.is_own(config.method):
        return (
            ", so all members would be equal. Read it from `state.hparams` in `update`: "
            "`config.hparams` is the same for all members."
        )
    return " with the other fields of this config, so all members would be equal."


def _used(update: Any, state: Any, batch: Any) -> set[str]:
    """The hyperparameters on which trained arrays depend."""
    traced = update.trace(state, batch)
    after, _ = traced.out_info
    wanted = [
        leaf
        for field, value in zip(after._fields, after, strict=True)
        for leaf in [field in _TRAINED] * len(jax.tree.leaves(value))
    ]
    program = traced.jaxpr.jaxpr
    wanted += [False] * (len(program.outvars) - len(wanted))  # metrics
    _, used = partial_eval.dce_jaxpr(program, wanted)
    paths, _ = jax.tree_util.tree_flatten_with_path((state, batch))
    names = zip([path for path, _ in paths], used, strict=True)
    return {
        path[2].key  # of a dict
        for path, is_used in names
        if is_used and jax.tree_util.keystr(path[:2]) == "[0].hparams"
    }


@contextlib.contextmanager
def fields_of_another(config: Any) -> Iterator[None]:
    """Explains an error of a method whose config was made for another method.

    Args:
      config: of a run.

    Raises:
      ValueError: instead of an AttributeError, KeyError or TypeError, if the config lacks
        fields of the method's shipped config, or has network fields that it lacks.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        if _has_own_code(config):
            raise
        default = _default(config)
        lacks = _names(default) - _names(config)
        foreign = {n for n in config.network if n not in default.network}
        if not (lacks or foreign):
            raise
        if lacks:
            word = ":mlp" if config.network.get("name") == "mlp" else ""
            raise ValueError(
                f"config.method is {config.method!r}, and this config lacks "
                f"{', '.join(sorted(lacks))}. Use --config={config.method}{word}, which "
                f"has the fields of that method and its networks. ({_words(error)})"
            ) from error
        raise ValueError(
            f"config.network.{min(foreign)}: the networks of {config.method} take no such "
            f"field; {suggest(min(foreign), default.network)} ({_words(error)})"
        ) from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _has_own_code(config: Any) -> bool:
    """Whether user code reads the fields: a method or its networks."""
    network = config["network"].get("name")
    return own_code.is_own(config["method"]) or own_code.is_own(network)


def _default(config: Any) -> Any:
    """The shipped config of a method with its kind of networks."""
    kind = ":mlp" if config.network.get("name") == "mlp" else ""
    kind = "" if config.method in base_config.OWN_NETWORKS else kind
    return load_config(f"{config.method}{kind}")


def _names(config: Any) -> set[str]:
    """Names of the fields that a method may read, without those that every config has."""
    inside = {
        f"{group}.{name}" for group in ("hparams", "network") for name in config[group]
    }
    return inside | ({*config} - {*base_config.get_config("vae")})
