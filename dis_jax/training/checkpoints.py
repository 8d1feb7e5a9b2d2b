"""Checkpoints: written while training goes on, the last few and the best are kept."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental import multihost_utils
from orbax.checkpoint.checkpoint_managers import preservation_policy

from dis_jax.methods import State

Read = TypeVar("Read")

_SCORE = "score"  # what "best" means; smaller is better
_SHAPES = "shapes"  # among the facts


class Checkpoints:
    """The folder of a run's checkpoints.

    Each holds the whole state and a small dict of facts (shapes of a batch, versions), so
    that it can be read without the data. A save that was cut off leaves nothing that
    counts; a damaged checkpoint is set aside and the one before it is taken.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 3):
        """Opens the folder, making it if need be.

        Args:
          folder: where the checkpoints lie.
          keep: how many of the last to keep, beside the best.
        """
        self._folder = pathlib.Path(folder).resolve()
        self._keep = keep
        self._manager = self._open()

    def _open(self) -> ocp.CheckpointManager:
        best = preservation_policy.BestN(
            get_metric_fn=lambda metrics: metrics[_SCORE],
            reverse=True,
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        last = preservation_policy.LatestN(self._keep)
        options = ocp.CheckpointManagerOptions(
            best_fn=lambda metrics: metrics[_SCORE],  # without it no score is written
            best_mode="min",
            preservation_policy=preservation_policy.AnyPreservationPolicy([last, best]),
        )
        return ocp.CheckpointManager(self._folder, options=options)

    def steps(self) -> list[int]:
        """Steps of the checkpoints that are there, in order."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """The step with the smallest score, or None."""
        scores = {}
        for step in self.steps():
            metrics = self._manager.metrics(step)
            if metrics and math.isfinite(metrics[_SCORE]):
                scores[step] = metrics[_SCORE]
        return min(scores, key=scores.__getitem__) if scores else None

    def save(
        self, step: int, state: State, facts: dict[str, Any], score: float | None
    ) -> None:
        """Starts to write a checkpoint; training may go on with a copy of the state.

        Args:
          step: how many steps the state has made.
          state: what to save.
          facts: what a reader needs besides; JSON.
          score: the smaller, the better; None for no opinion.
        """
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state),
                facts=ocp.args.JsonSave(facts | {_SHAPES: _shapes(state)}),
            ),
            metrics=None if score is None else {_SCORE: score},
            force=True,
        )

    def wait(self) -> None:
        """Returns when everything that was saved is on disk."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits and lets go of the folder."""
        self._manager.close()

    def facts(self, step: int) -> dict[str, Any]:
        """The facts that were saved with a checkpoint."""
        return {k: v for k, v in self._all_facts(step).items() if k != _SHAPES}

    def _all_facts(self, step: int) -> dict[str, Any]:
        args = ocp.args.Composite(facts=ocp.args.JsonRestore())
        return self._manager.restore(step, args=args)["facts"]

    def read(self, step: int, template: State) -> State:
        """The state of one checkpoint.

        Args:
          step: one of `steps()`.
          template: shapes, types and shardings of the state.

        Returns:
          The state, placed as the template says.

        Raises:
          ValueError: if the state that was saved has other shapes.
        """
        saved, wanted = self._all_facts(step).get(_SHAPES), _shapes(template)
        if saved is not None and saved != wanted:
            fields = sorted(saved.keys() | wanted.keys())
            other = [f for f in fields if saved.get(f) != wanted.get(f)]
            raise ValueError(
                f"{other[0]} has the shape {saved.get(other[0])} there and "
                f"{wanted.get(other[0])} here, and {len(other) - 1} others differ."
            )
        args = ocp.args.Composite(state=ocp.args.StandardRestore(template))
        return self._manager.restore(step, args=args)["state"]

    def newest(
        self, read: Callable[[int], Read], *, set_aside: bool = False
    ) -> tuple[int, Read] | None:
        """What `read` makes of the newest checkpoint that it can read.

        Args:
          read: takes a step; raises if that checkpoint is damaged.
          set_aside: whether damaged checkpoints are renamed to `damaged-<step>`, so that
            training can write those steps again and nothing is lost.

        Returns:
          The step and what was read, or None where there is no checkpoint.

        Raises:
          OSError: if there are checkpoints and none can be read.
        """
        damaged: list[int] = []
        reasons: list[str] = []
        for step in reversed(self.steps()):
            try:
                found = step, read(step)
            except Exception as error:
                reason = (str(error).splitlines() or ["no message"])[0]
                reasons.append(f"{type(error).__name__}: {reason}")
                logging.warning(
                    "checkpoint %d in %s cannot be read: %s",
                    *(step, self._folder, reasons[-1]),
                )
                damaged.append(step)
                continue
            if set_aside:
                self._set_aside(damaged)
            if damaged:
                logging.warning("going on from step %d instead", step)
            return found
        if damaged:
            raise OSError(
                f"none of the checkpoints {damaged} in {self._folder} can be read: "
                f"{reasons[0]}\nEither they do not fit the config, or they are damaged; "
                "start again in another workdir."
            )
        return None

    def _set_aside(self, steps: list[int]) -> None:
        if not steps:
            return
        self._manager.close()
        if jax.process_index() == 0:
            for step in steps:
                aside = self._free_name(step)
                (self._folder / str(step)).rename(aside)
                logging.warning("the damaged checkpoint is now %s", aside)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("damaged checkpoints set aside")
        self._manager = self._open()

    def _free_name(self, step: int) -> pathlib.Path:
        """A step may be damaged, written again, and damaged again."""
        names = (f"damaged-{step}{'' if i == 1 else f'-{i}'}" for i in count(1))
        return next(p for n in names if not (p := self._folder / n).exists())


def _shapes(state: State) -> dict[str, list[int]]:
    """The shape of each array of a state by its path, as JSON."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): list(leaf.shape) for path, leaf in leaves}


def placed(shapes: State, sharding: Any) -> State:
    """A template for `read`: shapes and types of a state, placed by `sharding`."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        shapes,
    )
