"""The training loop."""

from __future__ import annotations

import collections
import os
import pathlib
import time
from contextlib import nullcontext
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh

from dis_jax import data
from dis_jax.methods import Method, State
from dis_jax.provenance import provenance
from dis_jax.training import checkpoints as ckpt
from dis_jax.training import mesh as meshes
from dis_jax.training import program, workdir
from dis_jax.training.finite import NonFiniteError, Window, check_parameters
from dis_jax.training.log import Log, Silence
from dis_jax.training.population import is_population, members

# Dispatched and not yet finished calls: one runs while the next is waiting.
_IN_FLIGHT = 2


class Run(NamedTuple):
    """Everything that a config stands for, before the first step."""

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
) -> Run:
    """Loads the data, makes the method and the mesh that a config names.

    Args:
      config: an `ml_collections.ConfigDict`, as the files in `configs/` return it.
      data_dir: the folder of real data sets.
      resident: whether images are held on the device, see `data.load`.

    Returns:
      The run.

    Raises:
      ValueError: if a field does not fit; says which and what would.
      FileNotFoundError: if files of the data set are missing.
    """
    found = members(config)
    population = len(found) if is_population(config) else None
    image_set = data.load(config.dataset, data_dir, config.split, resident=resident)
    config = config.copy_and_resolve_references()
    with config.unlocked():
        config.image_shape = image_set.image_shape
    method = workdir.make_method(_with_form(config, population))
    sampler = _sampler(method, image_set, config, found, population)
    mesh = meshes.make_mesh(*config.mesh)
    _check_numbers(config, mesh, population)
    run = Run(config, method, image_set, sampler, found, mesh, population)
    _check_metric(run)
    return run


def _check_numbers(config: Any, mesh: Mesh, population: int | None) -> None:
    if config.keep_checkpoints < 1:
        raise ValueError(
            f"keep_checkpoints is {config.keep_checkpoints}; expected 1 or more: the last "
            "checkpoint is the trained model, and what a run goes on from."
        )
    shares = [("batch_size", config.batch_size, meshes.DATA)]
    if population and program.backend().vectorise:
        shares.append(("the number of members", population, meshes.POPULATION))
    for name, number, axis in shares:
        if number % mesh.shape[axis]:
            raise ValueError(
                f"{name} is {number}, which {mesh.shape[axis]} devices cannot share "
                "evenly; change it, or config.mesh."
            )


def _sampler(
    method: Method,
    image_set: data.ImageSet,
    config: Any,
    found: list[program.Member],
    population: int | None,
) -> data.Sampler:
    """The sampler, its arguments stacked over the members of a population."""

    def make(**own: Any) -> data.Sampler:
        options = {**config.sampler, **own}
        return data.SAMPLERS[method.batch](image_set, config.batch_size, **options)

    if population is None:
        return make()
    if not found[0].sampler:
        shared = make()
        return shared._replace(args=program.stack([shared.args] * population))
    samplers = [make(**member.sampler) for member in found]
    args = program.stack([sampler.args for sampler in samplers])
    return samplers[0]._replace(args=args)


def _with_form(config: Any, population: int | None) -> Any:
    """The config with the form of convolution that suits members side by side."""
    best = program.backend()
    if population is None or not best.vectorise or "form" not in config.network:
        return config
    config = config.copy_and_resolve_references()
    config.network.form = best.population_form
    return config


def train(
    config: Any,
    folder: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    resident: bool | None = None,
    accept_changes: bool = False,
) -> State:
    """Trains what the config says, going on from the workdir's last checkpoint.

    Args:
      config: an `ml_collections.ConfigDict`, as the files in `configs/` return it.
      folder: the workdir; gets config, log and checkpoints.
      data_dir: the folder of real data sets.
      resident: whether images are held on the device, or streamed to it; by default as
        their size and its memory allow. The run is the same.
      accept_changes: whether to go on in a workdir that has another config, or with
        other data; seeds and `init_from`, which only a first step reads, stay as they
        were.

    Returns:
      The state after the last step, stacked over members for a population.

    Raises:
      BusyError: if another process trains in the workdir.
      NonFiniteError: if a loss or a parameter is no longer finite; the last checkpoint,
        if there is one, is from before.
      OSError: if there are checkpoints and none can be read, or fits the config.
      ValueError: if the workdir has checkpoints of another config, or of other data, or
        if a field does not fit.
    """
    began = time.monotonic()
    run = set_up(config, data_dir, resident=resident)
    config = run.config
    folder = pathlib.Path(folder)
    with workdir.held(folder / ".lock") if _writes() else nullcontext():
        workdir.check_config(folder, config, accept_changes=accept_changes)
        return _train(run, folder, began, accept_changes)


def _writes() -> bool:
    """Whether this process, perhaps of several, writes what they share."""
    return jax.process_index() == 0


def _train(run: Run, folder: pathlib.Path, began: float, accept_changes: bool) -> State:
    config = run.config
    compiled = program.compile_program(
        *(run.method, run.sampler, run.image_set, run.mesh),
        population=run.population,
        steps_per_call=config.steps_per_call,
        # only convolutions suffer in a loop, see `program.Backend`
        unroll=False if config.network.get("name") == "mlp" else None,
    )
    checkpoints = ckpt.Checkpoints(folder / "checkpoints", keep=config.keep_checkpoints)
    try:
        state, step = _start(run, checkpoints, accept_changes)
        if _writes():  # only now is it known that the checkpoints fit the config
            workdir.write_config(folder, config)
        if step >= config.steps:
            logging.info("%s has made its %d steps already", folder, step)
            return state
        options = {"first_step": step, "last_step": config.steps}
        log = (
            Log(folder, tensorboard=config.tensorboard, **options)
            if _writes()
            else Silence()
        )
        try:
            state = _loop(run, compiled, state, step, checkpoints, log, began)
        finally:
            log.close()
    except NonFiniteError as error:
        checkpoints.wait()
        raise NonFiniteError(f"{error} {_way_out(checkpoints.steps())}") from error
    finally:
        checkpoints.close()
    return state


def _way_out(saved: list[int]) -> str:
    """What to do when numbers are no longer finite."""
    advice = "try a smaller learning rate, or hparams.clip_norm"
    if not saved:
        return f"There is no checkpoint yet, so --workdir may stay: {advice}."
    return f"The last checkpoint, of step {saved[-1]}, is from before; {advice}."


def _start(
    run: Run, checkpoints: ckpt.Checkpoints, accept_changes: bool
) -> tuple[State, int]:
    """The state of the last good checkpoint, or a new one."""
    config = run.config
    facts = workdir.batch_facts(_batch_shapes(run))
    shapes = workdir.state_shapes(run.method, config, facts)
    template = ckpt.placed(shapes, meshes.replicated(run.mesh))
    found = checkpoints.newest(
        lambda step: checkpoints.read(step, template), set_aside=True
    )
    if found is not None:
        step, state = found
        if not accept_changes:
            workdir.check_data(checkpoints.facts(step), config, run.image_set)
        # hyperparameters are the config's: they may have been changed and accepted
        hparams = [program.scalars(m.hparams) for m in run.members]
        stacked = hparams[0] if run.population is None else program.stack(hparams)
        logging.info("going on from step %d", step)
        return state._replace(hparams=stacked), step
    state = program.init(
        run.method,
        run.sampler,
        run.image_set,
        run.members,
        population=run.population is not None,
    )
    if config.init_from.workdir:
        _, source, _ = workdir.restore(config.init_from.workdir)
        wanted, made = config.init_from.get("step", 0), int(np.ravel(source.step)[0])
        if wanted and made != wanted:
            raise ValueError(
                f"{config.init_from.workdir} has made {made} steps, not the {wanted} of "
                "init_from.step."
            )
        state = workdir.graft(
            *(state, source, tuple(config.init_from.networks)),
            optimisers=tuple(config.init_from.get("optimisers", ())),
        )
    return state, 0


def _loop(
    run: Run,
    compiled: program.Program,
    state: State,
    step: int,
    checkpoints: ckpt.Checkpoints,
    log: Log | Silence,
    began: float,
) -> State:
    config = run.config
    stride = config.steps_per_call or program.backend().steps_per_call
    checkpoint_every = _round_up(config.checkpoint_every, stride)
    log_every = _round_up(config.log_every, stride)
    facts = _facts(run)
    window = Window(step)
    since_checkpoint = []
    in_flight = collections.deque()
    first = step
    carry = compiled.load(state)
    while step < config.steps:
        # calls start at multiples of the stride, whatever step a run goes on from
        count = min(stride - step % stride, config.steps - step)
        carry, metrics = compiled.run(carry, count)
        window.add(metrics)
        in_flight.append((step + count, metrics))
        step += count
        if len(in_flight) > _IN_FLIGHT:
            done, waited = in_flight.popleft()
            jax.block_until_ready(waited)
            log.progress(done)
        if step == first + count:
            jax.block_until_ready(metrics)
            logging.info("first call done after %.1f s", time.monotonic() - began)

        last = step == config.steps
        checkpoint = last or step % checkpoint_every == 0
        if checkpoint or step % log_every == 0:
            means = window.close(step)
            log.write(step, means)
            if config.best_metric:
                since_checkpoint.append(means[config.best_metric])
        if checkpoint:
            state = compiled.dump(carry)
            check_parameters(state, step, run.mesh)
            score = float(np.mean(since_checkpoint)) if since_checkpoint else None
            checkpoints.save(step, state, facts, score)
            since_checkpoint = []
        if last:
            log.progress(step)
    return compiled.dump(carry)


def _check_metric(run: Run) -> None:
    """Raises if no step gives such a metric; traces one, which costs half a second."""
    batch = _batch_shapes(run)
    state = jax.eval_shape(run.method.init, jax.random.key(0), batch)
    _, metrics = jax.eval_shape(run.method.update, state, batch)
    name = run.config.best_metric
    if name and name not in metrics._fields:
        raise ValueError(
            f"best_metric is {name!r}; expected one of {', '.join(metrics._fields)}."
        )


def _round_up(every: int, stride: int) -> int:
    return -(-max(every, 1) // stride) * stride


def _facts(run: Run) -> dict[str, Any]:
    return {
        "batch": workdir.batch_facts(_batch_shapes(run)),
        "data": workdir.data_facts(run.image_set),
        **provenance(),
    }


def _batch_shapes(run: Run) -> Any:
    return program.batch_shapes(
        run.sampler, run.image_set, population=run.population is not None
    )
