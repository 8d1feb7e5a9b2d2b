"""Sets up a run from its config: data, method, sampler, mesh."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from dis_jax import data, own_code
from dis_jax.data.samplers import index_draw, with_own_weights
from dis_jax.methods import Method, State, schedules
from dis_jax.methods.contract import check_step
from dis_jax.suggest import suggest
from dis_jax.training import effects, fields, program, restoring
from dis_jax.training import mesh as meshes
from dis_jax.training.checkpoints import placed
from dis_jax.training.population import is_population, members


class Run(NamedTuple):
    """Everything that a run needs before its first step."""

    config: Any
    method: Method
    image_set: data.ImageSet
    sampler: data.Sampler
    members: list[program.Member]
    mesh: Mesh
    population: int | None


def set_up(
    config: Any,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    resident: bool | None = None,
    new: bool = True,
) -> Run:
    """Loads the data, makes the method and the mesh that a config names.

    Args:
      config: an `ml_collections.ConfigDict`, as the files in `configs/` return it.
      data_dir: the folder of real data sets.
      resident: whether images are stored on the device, see `data.load`.
      new: whether the run has made no step. A run that has made steps may keep fields
        without effect, because it can no longer drop them.

    Returns:
      The run.

    Raises:
      ValueError: if a field does not fit; the message names it and what is allowed.
      FileNotFoundError: if files of the data set are missing.
    """
    config = own_code.named(config)  # a run permits the code that its config names
    fields.check(config)
    if new:
        effects.check(config)
    found = members(config)
    population = len(found) if is_population(config) else None
    load = functools.cache(
        lambda name: data.load(name, data_dir, config.split, resident=resident)
    )
    sets = [load(member.dataset or config.dataset) for member in found]
    image_set = sets[0]
    # A copy: the caller's config must not change. Networks need the shape of the
    # images.
    config = config.copy_and_resolve_references()
    with config.unlocked():
        config.image_shape = image_set.image_shape
    with effects.fields_of_another(config):
        method = restoring.make_method(config)
    # Traced once for the checks, the template of checkpoints and programs of any length.
    method = method._replace(init=jax.jit(method.init), update=jax.jit(method.update))
    found = [m._replace(hparams=schedules.numbered(config, m.hparams)) for m in found]
    sampler = _sampler(method, sets, config, found, population)
    mesh = meshes.make_mesh(*config.mesh)
    _check_shares(config, mesh, population)
    run = Run(config, method, image_set, sampler, found, mesh, population)
    _check_step(run, new)
    return run


def _check_shares(config: Any, mesh: Mesh, population: int | None) -> None:
    shares = [("batch_size", config.batch_size, meshes.DATA)]
    if population and program.backend().vectorise:
        shares.append(("the number of members", population, meshes.POPULATION))
    for name, number, axis in shares:
        if number % mesh.shape[axis]:
            raise ValueError(
                f"{name} is {number}, which {mesh.shape[axis]} devices cannot share "
                "evenly; change it or config.mesh."
            )


def _sampler(
    method: Method,
    sets: list[data.ImageSet],
    config: Any,
    found: list[program.Member],
    population: int | None,
) -> data.Sampler:
    """The sampler, its arguments stacked over the members of a population."""

    def make(image_set: data.ImageSet, **own: Any) -> data.Sampler:
        options = {**config.sampler, **own}
        known = _arguments(data.SAMPLERS[method.batch])
        if unknown := [name for name in options if name not in known]:
            raise ValueError(
                f"config.sampler.{unknown[0]}: {config.method} uses the sampler "
                f"{method.batch}, which has no such argument; {suggest(unknown[0], known)}"
            )
        return data.SAMPLERS[method.batch](image_set, config.batch_size, **options)

    if population is None:
        return make(sets[0])
    if not (found[0].sampler or found[0].dataset):
        # Repeated, because the program maps over the arguments of every member.
        shared = make(sets[0])
        return shared._replace(args=program.stack([shared.args] * population))
    samplers = [
        make(images, **member.sampler)
        for images, member in zip(sets, found, strict=True)
    ]
    if found[0].dataset:
        samplers = with_own_weights(samplers, sets)
    args = program.stack([sampler.args for sampler in samplers])
    return samplers[0]._replace(args=args)


def _arguments(sampler: Callable[..., Any]) -> list[str]:
    """Arguments of a sampler besides the image set and the batch size."""
    own = inspect.signature(sampler).parameters.values()
    found = [p.name for p in own if p.kind is p.KEYWORD_ONLY]
    # Samplers pass their **kwargs on to `index_draw`.
    if any(p.kind is p.VAR_KEYWORD for p in own):
        found += _arguments(index_draw)
    return found


def _check_step(run: Run, new: bool) -> None:
    """Raises if a step does not fit the config; traces one step (half a second)."""
    batch = batch_shapes(run)
    if own_code.is_own(run.config.method):
        state, metrics = _step_of_own(run, batch)
    else:
        with effects.fields_of_another(run.config):
            state = jax.eval_shape(run.method.init, jax.random.key(0), batch)
            # Placed as in the run, so that its programs need not trace the step again.
            state = placed(state, meshes.replicated(run.mesh))
            batch = placed(batch, meshes.over_data(run.mesh))
            _, metrics = jax.eval_shape(run.method.update, state, batch)
    if new:
        effects.check_hparams(run.config, run.method.update, state, batch)
    name = run.config.best_metric
    if name and name not in metrics._fields:
        raise ValueError(
            f"best_metric is {name!r}; expected one of {', '.join(metrics._fields)}."
        )


def _step_of_own(run: Run, batch: Any) -> tuple[State, Any]:
    """State and metrics of a step of the user's method; an error says what is wrong."""
    name = run.config.method
    doing = "init(key, batch)"
    try:
        state = jax.eval_shape(run.method.init, jax.random.key(0), batch)
        if not isinstance(state, State):
            raise TypeError(f"returned a {type(state).__name__}; expected a State")
        doing = "update(state, batch)"
        made = jax.eval_shape(run.method.update, state, batch)
        check_step(state, made)
    except Exception as error:  # anything may be raised
        shapes = {field: leaf.shape for field, leaf in batch.items()}
        raise ValueError(
            f"{name} fails in {doing} on a batch of {shapes}: "
            f"{own_code.origin(name, error)}. methods.check says what else it must do."
        ) from error
    return state, made[1]


def batch_shapes(run: Run) -> Any:
    """Shapes and types of a batch of one model."""
    return program.batch_shapes(
        run.sampler, run.image_set, population=run.population is not None
    )
