"""The training loop."""

from __future__ import annotations

import collections
import os
import pathlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from dis_jax import own_code
from dis_jax.methods import State, own_networks
from dis_jax.training import checkpoints as ckpt
from dis_jax.training import interrupt, program, restoring, run_data, workdir
from dis_jax.training import mesh as meshes
from dis_jax.training.diverged import Watch
from dis_jax.training.finite import NonFiniteError
from dis_jax.training.log import Log, Silence
from dis_jax.training.pictures import Pictures, painter
from dis_jax.training.recorder import Recorder, Start
from dis_jax.training.setup import Run, batch_shapes, set_up
from dis_jax.training.trackers import Callback

# Number of calls that are dispatched but not finished: the device always has a next call,
# and the host does not run far ahead.
_IN_FLIGHT = 2


def train(
    config: Any,
    folder: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    resident: bool | None = None,
    accept_changes: bool = False,
    log: Callback | None = None,
) -> State:
    """Trains the model of a config, from the last checkpoint in the workdir.

    Args:
      config: an `ml_collections.ConfigDict`, as the files in `configs/` return it.
      folder: the workdir; gets config, log and checkpoints.
      data_dir: the folder of real data sets.
      resident: whether images are stored on the device or streamed to it; the default
        depends on their size and the device's memory. The results are the same.
      accept_changes: whether to continue in a workdir that has another config, or with
        other data. Seeds and `init_from`, which only the first step reads, must stay as
        they were.
      log: called with each log line, as `(step, means by name)`, for experiment
        trackers, see `to_wandb` and `to_mlflow`; in a population each mean is a list.
        A resumed run logs repeated steps again.

    Returns:
      The state after the last step, stacked over members for a population.

    Raises:
      BusyError: if another process trains in the workdir.
      Interrupted: on SIGTERM or Ctrl-C, after a checkpoint of the current step; a
        `SystemExit`. The same call continues from there.
      NonFiniteError: if a loss or a parameter is no longer finite; the last checkpoint,
        if there is one, is from before. Diverged members of a population stay at their
        last finite state, see `diverged`; the error is raised only if all members have
        diverged. `divergence` returns the message until the run continues.
      OSError: if there are checkpoints but none can be read or fits the config.
      ValueError: if the workdir has checkpoints of another config, or of other data, or
        if a field does not fit.
    """
    began = time.monotonic()
    new = not workdir.steps_made(folder)
    run = set_up(config, data_dir, resident=resident, new=new)
    config = run.config
    folder = pathlib.Path(folder)
    with workdir.held(folder / ".lock") if _writes() else nullcontext():
        workdir.check_config(folder, config, accept_changes=accept_changes)
        return _train(run, folder, began, accept_changes, log)


def _writes() -> bool:
    """Whether this process writes the shared files; one of several does."""
    return jax.process_index() == 0


def _train(
    run: Run,
    folder: pathlib.Path,
    began: float,
    accept_changes: bool,
    tell: Callback | None,
) -> State:
    config = run.config
    compiled = program.compile_program(
        *(run.method, run.sampler, run.image_set, run.mesh),
        population=run.population,
        steps_per_call=config.steps_per_call,
        # Only convolutions are slow inside a loop, see `program.Backend`.
        unroll=False if config.network.get("name") == "mlp" else None,
    )
    checkpoints = ckpt.Checkpoints(folder / "checkpoints", keep=config.keep_checkpoints)
    start, before = Start(0), None  # step and config of the checkpoints
    try:
        state, start = _start(run, checkpoints, accept_changes)
        finished = start.step >= config.steps
        if start.step and workdir.config_path(folder).exists():
            before = workdir.read_config(folder)
        # Only after `_start`, which raises if the checkpoints do not fit this config. The
        # config of a finished run stays: it made no step with the new one.
        kept = finished and before is not None
        if _writes() and not kept:
            workdir.write_config(folder, config)
            workdir.clear_divergence(folder)
        if finished:
            logging.info(
                "%s has already finished its %d steps; its config stays as it was",
                *(folder, start.step),
            )
            if _writes() and kept:
                workdir.shorten(folder, start.step)
            return state
        log = _log(run, folder, start.step, tell)
        try:
            stride = config.steps_per_call or program.backend().steps_per_call
            watch = Watch(compiled, state, start.step, mesh=run.mesh, stride=stride)
            recorder = Recorder(run, start, watch, checkpoints, log, stride=stride)
            carry = compiled.load(state)
            del state  # `load` copies, and both would stay in device memory
            carry = _loop(compiled, carry, recorder, began)
            return watch.state(carry)
        finally:
            log.close()
    except NonFiniteError as error:
        checkpoints.wait()
        message = f"{error} {_way_out(checkpoints.steps())}"
        if _writes():
            workdir.write_divergence(folder, message)
            # No checkpoint has the new config yet, so the old one is restored.
            if before is not None and workdir.steps_made(folder) == start.step:
                workdir.write_config(folder, before)
        raise NonFiniteError(message, error.steps) from error
    finally:
        checkpoints.close()


def _log(
    run: Run, folder: pathlib.Path, step: int, tell: Callback | None
) -> Log | Silence:
    """The log of the process that writes; the others are silent."""
    if not _writes():
        return Silence()
    return Log(
        folder,
        tensorboard=run.config.tensorboard,
        paint=_painter(run),
        first_step=step,
        last_step=run.config.steps,
        tell=tell,
    )


def _painter(run: Run) -> Callable[[State], Pictures] | None:
    """The painter for TensorBoard; needs a single process, which has the whole state."""
    if not run.config.tensorboard or jax.process_count() > 1:
        return None
    return painter(run.method, run.image_set, population=run.population is not None)


def _way_out(saved: list[int]) -> str:
    """What to do when numbers are no longer finite."""
    # clip_norm is no remedy: Adam's step does not grow with the gradient.
    advice = "try a smaller learning rate"
    if not saved:
        return f"There is no checkpoint yet, so you can reuse --workdir: {advice}."
    return f"The last checkpoint (step {saved[-1]}) is from before that; {advice}."


def _start(
    run: Run, checkpoints: ckpt.Checkpoints, accept_changes: bool
) -> tuple[State, Start]:
    """The state of the last good checkpoint, or a new one."""
    config = run.config
    facts = workdir.batch_facts(batch_shapes(run))
    shapes = restoring.state_shapes(run.method, config, facts)
    template = ckpt.placed(shapes, meshes.replicated(run.mesh))
    found = checkpoints.newest(
        lambda step: checkpoints.read(step, template), set_aside=True
    )
    if found is not None:
        step, state = found
        facts = checkpoints.facts(step)
        if not accept_changes:
            run_data.check_data(facts, config, run.image_set)
        if step >= config.steps:
            return state, Start(step)
        # Hyperparameters are part of the state, but the config's values count: a change
        # may have been accepted.
        hparams = [program.scalars(m.hparams) for m in run.members]
        stacked = hparams[0] if run.population is None else program.stack(hparams)
        logging.info("resuming from step %d", step)
        state = state._replace(hparams=stacked)
        return state, Start(step, facts.get("opened", {}))
    state = program.init(
        run.method,
        run.sampler,
        run.image_set,
        run.members,
        population=run.population is not None,
    )
    _check_own_code(run, state)
    if config.init_from.workdir:
        _, source, _ = restoring.restore(config.init_from.workdir)
        # The maximum: diverged members have stopped earlier than the others.
        wanted, made = config.init_from.get("step", 0), int(np.max(source.step))
        if wanted and made != wanted:
            raise ValueError(
                f"{config.init_from.workdir} has trained for {made} steps, not the "
                f"{wanted} of init_from.step."
            )
        state = restoring.graft(
            *(state, source, tuple(config.init_from.networks)),
            optimisers=tuple(config.init_from.get("optimisers", ())),
        )
    return state, Start(0)


def _check_own_code(run: Run, state: State) -> None:
    """Checks of a user's method or networks that need real arrays."""
    config = run.config
    like = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), batch_shapes(run))
    if own_code.is_own(config.method):
        one = state if run.population is None else program.member(state, 0)
        # XLA removes everything that the step counter does not need.
        counted = jax.jit(lambda state, batch: run.method.update(state, batch)[0].step)
        if (made := int(counted(one, like))) != 1:
            raise ValueError(
                f"{config.method}: `update` turns state.step from 0 into {made}; expected "
                "step=state.step + 1, on which random numbers and schedules depend."
            )
    if own_code.is_own(config.network.get("name")):
        images, _ = run.image_set.take(jnp.arange(min(8, run.image_set.num_images)))
        own_networks.warn_of_ranges(config.network.name, run.method, like, images)


def _loop(
    compiled: program.Program, carry: Any, recorder: Recorder, began: float
) -> Any:
    step = first = recorder.first_step
    stride, last = recorder.stride, recorder.last_step
    in_flight = collections.deque()
    with interrupt.listening() as due:
        while step < last:
            # Calls start at multiples of the stride, whatever the first step: a resumed
            # run executes the same programs, so its results are bit-identical.
            count = min(stride - step % stride, last - step)
            carry, metrics = compiled.run(carry, count)
            recorder.add(metrics)
            in_flight.append((step + count, metrics))
            step += count
            # Waits on an earlier call's metrics: its state was donated to the next
            # call.
            if len(in_flight) > _IN_FLIGHT:
                done, waited = in_flight.popleft()
                jax.block_until_ready(waited)
                recorder.progress(done)
            if step == first + count:
                jax.block_until_ready(metrics)
                logging.info("compiled in %.1f s", time.monotonic() - began)

            # After every call, even if nothing is due: all processes must count the same
            # calls.
            signum = due()
            carry = recorder.after_call(carry, step, stops=bool(signum))
            if signum:
                recorder.stop(signum, step)
        # A signal that came while the last step was saved: a study must start no new run.
        if signum := due():
            recorder.stop(signum, step)
    return carry
