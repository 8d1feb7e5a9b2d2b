"""Writes a run's log lines and checkpoints while it trains."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np
from absl import logging

from dis_jax.methods.method import Metrics
from dis_jax.provenance import provenance
from dis_jax.training import interrupt, run_data, workdir
from dis_jax.training.checkpoints import Checkpoints
from dis_jax.training.diverged import Watch
from dis_jax.training.finite import Window
from dis_jax.training.log import Log, Silence
from dis_jax.training.setup import Run, batch_shapes


class Start(NamedTuple):
    """Where a run starts or resumes.

    Attributes:
      step: number of steps made so far.
      opened: for a run that a signal ended between two log lines: the values of earlier
        steps that the next line and the next checkpoint need.
    """

    step: int
    opened: Mapping[str, Any] = {}


class Recorder:
    """Writes the log lines and the checkpoints that are due after a call.

    Attributes:
      first_step: steps made before.
      last_step: steps of the complete run.
      stride: steps per call.
    """

    def __init__(
        self,
        run: Run,
        start: Start,
        watch: Watch,
        checkpoints: Checkpoints,
        log: Log | Silence,
        *,
        stride: int,
    ):
        """Begins at the step where a run starts or resumes.

        Args:
          run: what is trained.
          start: where it starts.
          watch: checks the state before it is saved.
          checkpoints: the folder of the checkpoints.
          log: receives the lines.
          stride: steps per call; lines and checkpoints are due at multiples of it.
        """
        config = run.config
        self.first_step, self.last_step, self.stride = start.step, config.steps, stride
        self._best_metric = config.best_metric
        self._log_every = _round_up(config.log_every, stride)
        self._checkpoint_every = _round_up(config.checkpoint_every, stride)
        self._facts = _facts(run)
        self._watch, self._checkpoints, self._log = watch, checkpoints, log
        self._window = Window(start.step, start.opened.get("window"))
        self._scores = list(start.opened.get("scores", ()))

    def add(self, metrics: Metrics) -> None:
        """Adds the metrics of one call, still on the device."""
        self._window.add(metrics)

    def after_call(self, carry: Any, step: int, *, stops: bool) -> Any:
        """Writes what is due after a call, or what a stopping run needs to resume.

        Args:
          carry: what the next call gets.
          step: steps made so far.
          stops: whether a signal ends the run at this step.

        Returns:
          The carry, with diverged members at their last finite state.
        """
        checkpoint = step == self.last_step or step % self._checkpoint_every == 0
        logged = checkpoint or step % self._log_every == 0
        if logged or stops:
            carry = self._watch.look(
                self._window, carry, step, saves=checkpoint or stops
            )
        if logged:
            means = self._window.close(step, self._watch.out)
            self._log.write(step, means, self._watch.diverged())
            if self._best_metric:
                self._scores.append(means[self._best_metric])
        if checkpoint or stops:
            self._save(carry, step, checkpoint)
        if step == self.last_step:
            self.progress(step)
        return carry

    def progress(self, step: int) -> None:
        """Shows how far the device is."""
        self._log.progress(step)

    def stop(self, signum: int, step: int) -> NoReturn:
        """Ends a run that a signal stopped, once its checkpoint is on disk."""
        self._checkpoints.wait()
        logging.info(
            "%s: saved a checkpoint of step %d; the same command resumes",
            *(signal.Signals(signum).name, step),
        )
        raise interrupt.Interrupted(signum)

    def _save(self, carry: Any, step: int, checkpoint: bool) -> None:
        """Saves a regular checkpoint, or one between two log lines."""
        own: dict[str, Any] = {"diverged": self._watch.diverged()}
        score = None
        if checkpoint:
            score, self._scores = _score(self._scores, self._watch.out), []
        else:  # so that the resumed run writes the same log lines
            own["opened"] = {"window": self._window.open(), "scores": self._scores}
        state = self._watch.state(carry)
        self._checkpoints.save(step, state, self._facts | own, score)
        if checkpoint:
            self._log.show(step, state)


def _score(scores: list[Any], left_out: np.ndarray | None) -> float | None:
    """The mean score over the windows since the last checkpoint and finite members."""
    if not scores:
        return None
    values = np.array(scores, np.float64)  # None becomes nan
    return float(np.mean(values if left_out is None else values[:, ~left_out]))


def _round_up(every: int, stride: int) -> int:
    return -(-max(every, 1) // stride) * stride


def _facts(run: Run) -> dict[str, Any]:
    return {
        "batch": workdir.batch_facts(batch_shapes(run)),
        "data": run_data.data_facts(run.image_set),
        "run": workdir.run_facts(run.config),
        **provenance(),
    }
