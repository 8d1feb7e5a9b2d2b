"""Restores a trained model from its folder, and copies networks from another run."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging

from dis_jax import own_code
from dis_jax.markup import counted
from dis_jax.methods import METHODS, Method, State, schedules
from dis_jax.methods.contract import check_fields
from dis_jax.suggest import suggest
from dis_jax.training import exported
from dis_jax.training.checkpoints import Checkpoints, placed
from dis_jax.training.population import is_population, members, set_member
from dis_jax.training.program import copied, stack
from dis_jax.training.program import member as member_of
from dis_jax.training.workdir import (
    Path,
    check_run,
    config_path,
    differences,
    divergence,
    read_config,
    way_out,
)


def make_method(config: Any, axis_name: str | None = None) -> Method:
    """The method that a config names.

    Args:
      config: `method`, a name in `METHODS` or `my_module:my_method`, and the fields that
        it reads; hyperparameters may be schedules, see `methods.schedules`.
      axis_name: see `Method`.

    Returns:
      The method.

    Raises:
      ValueError: if there is no such method; the message suggests the nearest. Also if
        your own code is not permitted (see `dis_jax.own_code`), fails, or returns no
        `Method`.
    """
    name, plain = config.method, schedules.before_first_step(config)
    if name in METHODS:
        return _completed(METHODS[name](plain, axis_name), config)
    if not own_code.is_own(name):
        raise ValueError(f"unknown method {name!r}; {suggest(name, METHODS)}")
    make = own_code.resolve(name, "config.method")
    return _completed(_made_by(make, name, plain, axis_name), config)


def _completed(method: Method, config: Any) -> Method:
    """Adds a config's image shape and schedules to a method."""
    if config.image_shape:
        method = method._replace(image_shape=tuple(config.image_shape))
    return schedules.scheduled(method, config)


def _made_by(
    make: Callable[..., Method], name: str, config: Any, axis_name: str | None
) -> Method:
    """The method that the user's function returns."""
    try:
        method = make(config, axis_name)
    except Exception as error:  # anything may be raised
        raise ValueError(
            f"{name}(config, axis_name) fails: {own_code.origin(name, error)}"
        ) from error
    check_fields(method, name)
    return method


def state_shapes(method: Method, config: Any, batch: Mapping[str, Any]) -> State:
    """Shapes and types of a run's state, from `batch_facts`; no data are needed."""
    shapes = {
        k: jax.ShapeDtypeStruct(shape, dtype) for k, (shape, dtype) in batch.items()
    }

    def init(batch: Mapping[str, Any]) -> State:
        state = method.init(jax.random.key(0), batch)
        count = len(members(config))
        return stack([state] * count) if is_population(config) else state

    # Traced, not run: neither parameters nor images are allocated.
    return jax.eval_shape(init, shapes)


def restore(
    workdir: Path,
    member: int | None = None,
    best: bool = False,
    *,
    method: Callable[..., Method] | None = None,
    allow_code: bool = False,
) -> tuple[Method, State, Any]:
    """Loads a trained model from its workdir alone, on the default device.

    Args:
      workdir: the run's folder; or that of an exported model, or its name on the Hugging
        Face Hub: "hf://owner/name".
      member: which member of a population; None for a single model, or for the state of
        a whole population, stacked.
      best: whether to take the checkpoint with the best score, not the last one. The
        score of a population is the mean over its members, so this need not be the best
        step of any member.
      method: if the run uses your own method: its function, so that nothing is imported
        for it.
      allow_code: whether to import and run code from outside this package that the config
        names: a method, networks, a data set. A stranger's folder may name any code.

    Returns:
      The method, the state and the config, with the seed, the hyperparameters and the
      data of the member.

    Raises:
      FileNotFoundError: if the folder contains no run, or no checkpoint.
      ValueError: if there is no such member, or if `best` is set but the run keeps no
        best checkpoint. Also if the config names code from outside this package that is
        neither permitted nor passed as `method`.
    """
    workdir = exported.local(workdir)
    config = read_config(workdir)
    if allow_code:
        own_code.permit(*own_code.names_in(config))
    made = method_of(workdir, config, method)
    state, _ = read_state(workdir, made, config, member, best)
    if member is not None:
        set_member(config, member)
    return made, state, config


def method_of(
    workdir: Path, config: Any, method: Callable[..., Method] | None = None
) -> Method:
    """The method of a run, by name or by your own function; see `restore`."""
    try:
        if method is None:
            return make_method(config)
        plain = schedules.before_first_step(config)
        made = _made_by(method, config.method, plain, None)
        return _completed(made, config)
    except (AttributeError, KeyError, TypeError) as error:  # a missing field
        raise ValueError(
            f"{config_path(workdir)} is not a config of {config.method!r}: {error}. "
            f"{way_out(workdir)}"
        ) from error


def read_state(
    workdir: Path, method: Method, config: Any, member: int | None, best: bool
) -> tuple[State, Mapping[str, Any]]:
    """A trained state and the facts of its checkpoint; {} for an exported model."""
    if best and not config.best_metric:
        raise ValueError(
            f"{workdir} keeps no best checkpoint, since its best_metric is ''; use the "
            "last one."
        )
    count = len(members(config)) if is_population(config) else None
    if member is not None and (count is None or not 0 <= member < count):
        found = (
            "a single model" if count is None else f"{counted(count, 'member')}, from 0"
        )
        raise ValueError(f"member is {member}, but {workdir} contains {found}.")
    if exported.is_exported(workdir):
        check_run(exported.facts(workdir), config, workdir)
        shapes = lambda batch: state_shapes(method, config, batch)
        return exported.read(workdir, shapes), {}
    checkpoints = Checkpoints(pathlib.Path(workdir) / "checkpoints")
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])

    def read(step: int) -> State:
        shapes = state_shapes(method, config, checkpoints.facts(step)["batch"])
        return checkpoints.read(step, placed(shapes, sharding))

    try:
        best_step = checkpoints.best_step() if best else None
        if best_step is not None:
            state = read(best_step)
        else:
            found = checkpoints.newest(read)
            if found is None:
                first = min(config.checkpoint_every, config.steps)
                reason = (
                    f"the first is written after {counted(first, 'step')}"
                    if first
                    else "its config.steps is 0, so it makes none"
                )
                raise FileNotFoundError(
                    f"{workdir} has no checkpoint yet; "
                    + (divergence(workdir) or f"{reason}.")
                )
            best_step, state = found
        facts = checkpoints.facts(best_step)
        check_run(facts, config, workdir)
        if why := divergence(workdir):
            logging.warning("%s: using step %d; %s", workdir, best_step, why)
    finally:
        checkpoints.close()
    return state if member is None else member_of(state, member), facts


def graft(
    state: State,
    source: State,
    names: tuple[str, ...],
    optimisers: tuple[str, ...] = (),
) -> State:
    """Copies the named networks of another run into a state.

    Args:
      state: the state that receives them.
      source: the state that they are taken from.
      names: names of networks in `params` (and `stats`, where they have any); "shared"
        stands for `shared_x` and `shared_y` as well.
      optimisers: names in `opt_state` of optimisers whose state is taken as well.

    Returns:
      The new state; everything else in it is unchanged.

    Raises:
      ValueError: if a name is missing on either side, or shapes differ.
    """
    params, stats = dict(state.params), dict(state.stats)
    for name in names:
        found = [sorted(_meant(name, tree)) for tree in (source.params, params)]
        if not found[0] or found[0] != found[1]:
            raise ValueError(
                f"cannot copy network {name!r}: the source has {sorted(source.params)}, "
                f"the target {sorted(params)}."
            )
    for name in [each for role in names for each in _meant(role, params)]:
        shapes = jax.tree.map(np.shape, (params[name], source.params[name]))
        if shapes[0] != shapes[1]:
            changed = differences(*shapes)
            raise ValueError(
                f"network {name!r} differs in shape between target and source: {changed}."
            )
        # Copies, because a training step donates the buffers of its state: the source
        # must stay usable.
        params[name] = copied(source.params[name])
        if name in source.stats:
            stats[name] = copied(source.stats[name])
    opt_state = dict(state.opt_state)
    for name in optimisers:
        shapes = [
            jax.tree.map(np.shape, each.opt_state.get(name)) for each in (state, source)
        ]
        if name not in opt_state or shapes[0] != shapes[1]:
            raise ValueError(
                f"cannot copy optimiser {name!r}: the source has "
                f"{sorted(source.opt_state)}, the target {sorted(state.opt_state)}, but "
                "both must have the same networks."
            )
        opt_state[name] = copied(source.opt_state[name])
    return state._replace(params=params, stats=stats, opt_state=opt_state)


def _meant(name: str, networks: Iterable[str]) -> list[str]:
    """Networks of a role: `shared` stands for `shared_x` and `shared_y` too."""
    return [each for each in networks if each in (name, f"{name}_x", f"{name}_y")]
