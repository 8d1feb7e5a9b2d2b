"""Checkpoints: written in the background; the last few and the best are kept."""

from __future__ import annotations

import contextlib
import gc
import json
import logging as logging_module
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental import multihost_utils
from orbax.checkpoint.checkpoint_managers import preservation_policy

from dis_jax.methods import State
from dis_jax.training.digests import (
    add_file_digests,
    check_file_digests,
    differing,
    digests,
    is_sealed,
    sealed,
)

Read = TypeVar("Read")

_SCORE = "score"  # the best checkpoint has the smallest
_SHAPES = "shapes"  # a key of the facts
_LATER_FAILURES = 0.2  # seconds, for reads that fail after the first
_WORDS = 300  # characters of a message
_CHECKED = "checkpoint"  # a key of the facts: step, score, and a digest of each array


class Checkpoints:
    """The folder of a run's checkpoints.

    Each checkpoint contains the whole state and a small dict of facts (shapes of a batch,
    versions), so it can be read without the data. An interrupted save is ignored. The
    facts contain a digest of every array and of themselves, and each checkpoint gets a
    digest of every file. A checkpoint that does not match its digests is damaged: it is
    set aside, and the previous checkpoint is used.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 3):
        """Opens the folder, creating it if missing.

        Args:
          folder: of the checkpoints.
          keep: how many of the last checkpoints to keep, besides the best.
        """
        self._folder = pathlib.Path(folder).resolve()
        self._keep = keep
        self._scores: dict[int, float | None] = {}
        self._unlisted: list[int] = []  # saved steps without digests of their files
        self._manager = self._open()

    def _open(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(
            preservation_policy=_Kept(self),
            # Otherwise one damaged metadata file makes the whole folder unreadable.
            lightweight_initialize=True,
        )
        return ocp.CheckpointManager(self._folder, options=options)

    def steps(self) -> list[int]:
        """Steps of the existing checkpoints, in order."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """The step with the smallest score, or None."""
        return _best({step: self._score(step) for step in self.steps()})

    def kept(self, steps: Sequence[int]) -> set[int]:
        """The last few and the best of these steps, which must be in order."""
        best = _best({step: self._score(step) for step in steps})
        return {*steps[-self._keep :], *([] if best is None else [best])}

    def _score(self, step: int) -> float | None:
        """The score of a checkpoint; None if it has no score or is damaged."""
        if step not in self._scores:
            try:
                self._scores[step] = self._read_score(step)
            except (OSError, ValueError) as error:
                logging.warning(
                    "%s; it is not considered as the best checkpoint", error
                )
                self._scores[step] = None
        return self._scores[step]

    def _read_score(self, step: int) -> float | None:
        facts = self._all_facts(step)
        if _CHECKED in facts:
            return facts[_CHECKED][_SCORE]
        # Older checkpoints store the score in a separate file.
        path = self._folder / str(step) / "metrics" / "metrics"
        return json.loads(path.read_text())[_SCORE] if path.is_file() else None

    def save(
        self, step: int, state: State, facts: dict[str, Any], score: float | None
    ) -> None:
        """Starts to write a checkpoint in the background.

        Args:
          step: number of steps that the state has made.
          state: what to save; its buffers may be donated as soon as this returns.
          facts: other information that a reader needs; JSON.
          score: the smaller, the better; None for no score.
        """
        self._scores[step] = score
        # Digests are of the arrays in memory, so they also reveal a faulty write.
        checked = {"step": step, _SCORE: score, "digests": digests(state)}
        own = {_SHAPES: _shapes(state), _CHECKED: checked}
        self.wait()
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state),
                facts=ocp.args.JsonSave(sealed(facts | own)),
            ),
            force=True,  # a signal can ask for a save between two intervals
        )
        self._unlisted.append(step)

    def wait(self) -> None:
        """Waits until all saved checkpoints and their digests are on disk."""
        self._manager.wait_until_finished()
        steps, self._unlisted = self._unlisted, []
        for step in set(steps) & set(self.steps()):
            if jax.process_index() == 0:
                add_file_digests(self._folder / str(step))

    def close(self) -> None:
        """Waits, then closes the folder."""
        self.wait()
        self._manager.close()

    def facts(self, step: int) -> dict[str, Any]:
        """The facts that were saved with a checkpoint.

        Args:
          step: one of `steps()`.

        Returns:
          The `facts` that `save` received.

        Raises:
          OSError: if the facts are damaged or belong to another step.
        """
        own = (_SHAPES, _CHECKED, "seal")
        return {k: v for k, v in self._all_facts(step).items() if k not in own}

    def _all_facts(self, step: int) -> dict[str, Any]:
        args = ocp.args.Composite(facts=ocp.args.JsonRestore())
        with self._named(step):
            with _one_failure():
                facts = self._manager.restore(step, args=args)["facts"]
            if _CHECKED not in facts and "seal" not in facts:
                return facts  # an older checkpoint, without digests
            if not is_sealed(facts):
                raise OSError("its metadata differ from what was saved")
            made = facts[_CHECKED]["step"]
            if made != step:
                raise OSError(f"it is the checkpoint of step {made}, renamed")
        return facts

    @contextlib.contextmanager
    def _named(self, step: int) -> Iterator[None]:
        """Turns any failure into an OSError of one line that names the checkpoint."""
        try:
            yield
        except Exception as error:
            kind = "" if type(error) is OSError else f"{type(error).__name__}: "
            raise OSError(
                f"checkpoint {step} in {self._folder} cannot be read: "
                f"{kind}{_first_words(error)}"
            ) from error

    def read(self, step: int, template: State) -> State:
        """The state of one checkpoint.

        Args:
          step: one of `steps()`.
          template: shapes, types and shardings of the state.

        Returns:
          The state, placed as the template says.

        Raises:
          OSError: if the checkpoint is damaged or belongs to another step.
          ValueError: if the saved state has other shapes.
        """
        # Check before parsing: a damaged file can crash the library that reads it.
        with self._named(step):
            check_file_digests(self._folder / str(step))
        facts = self._all_facts(step)
        saved, wanted = facts.get(_SHAPES), _shapes(template)
        if saved is not None and saved != wanted:
            fields = sorted(saved.keys() | wanted.keys())
            other = [f for f in fields if saved.get(f) != wanted.get(f)]
            raise ValueError(
                f"{other[0]} has the shape {saved.get(other[0])} in the checkpoint and "
                f"{wanted.get(other[0])} in the config, and {len(other) - 1} others "
                "differ."
            )
        args = ocp.args.Composite(state=ocp.args.StandardRestore(template))
        with self._named(step):
            with _one_failure():
                state = self._manager.restore(step, args=args)["state"]
            self._check(step, state, facts)
        return state

    def _check(self, step: int, state: State, facts: Mapping[str, Any]) -> None:
        """Raises OSError if a state is not the one that was saved at this step."""
        if _CHECKED in facts:
            if bad := differing(facts[_CHECKED]["digests"], state):
                raise OSError(
                    f"{bad[0]} differs from what was saved, and so do {len(bad) - 1} others"
                )
            return
        logging.info("checkpoint %d has no digests, so damage cannot be detected", step)
        # The maximum: diverged members have stopped earlier than the others.
        made = int(np.max(np.asarray(state.step)))
        if made != step:
            raise OSError(f"it is the checkpoint of step {made}, renamed")

    def newest(
        self, read: Callable[[int], Read], *, set_aside: bool = False
    ) -> tuple[int, Read] | None:
        """The newest checkpoint that `read` can read.

        Args:
          read: takes a step; raises if that checkpoint is damaged.
          set_aside: whether to rename damaged checkpoints to `damaged-<step>`, so that
            training can write those steps again and no file is lost.

        Returns:
          The step and the result of `read`, or None if there is no checkpoint.

        Raises:
          OSError: if there are checkpoints but none can be read.
        """
        damaged: list[int] = []
        reasons: list[str] = []
        for step in reversed(self.steps()):
            try:
                found = step, read(step)
            except Exception as error:
                reasons.append(_first_words(error))
                logging.warning("checkpoint %d is not used: %s", step, reasons[-1])
                damaged.append(step)
                continue
            if set_aside:
                self._set_aside(damaged)
            if damaged:
                logging.warning("using the checkpoint of step %d instead", step)
            return found
        if damaged:
            raise OSError(
                f"none of the checkpoints {damaged} in {self._folder} can be read: "
                f"{reasons[0]}\nEither they do not match the config, or they are damaged; "
                "use another workdir."
            )
        return None

    def _set_aside(self, steps: list[int]) -> None:
        if not steps:
            return
        # The manager caches the list of steps, so it is reopened after the renaming.
        self._manager.close()
        if jax.process_index() == 0:
            for step in steps:
                aside = self._free_name(step)
                (self._folder / str(step)).rename(aside)
                self._scores.pop(step, None)
                logging.warning("moved the damaged checkpoint to %s", aside)
        # No process may list the folder before the first process has renamed.
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("damaged checkpoints set aside")
        self._manager = self._open()

    def _free_name(self, step: int) -> pathlib.Path:
        """An unused name: a step may be damaged, written again, and damaged again."""
        names = (f"damaged-{step}{'' if i == 1 else f'-{i}'}" for i in count(1))
        return next(p for n in names if not (p := self._folder / n).exists())


class _Kept(preservation_policy.PreservationPolicy):
    """Keeps the last few checkpoints and the best, by the scores in the facts.

    The policy of Orbax reads scores from files that have no digest.
    """

    def __init__(self, checkpoints: Checkpoints):
        self._checkpoints = checkpoints

    def should_preserve(
        self,
        checkpoints: Sequence[Any],
        *,
        context: preservation_policy.PreservationContext,
    ) -> Sequence[bool]:
        """Whether to keep each checkpoint, oldest first."""
        del context
        steps = [checkpoint.step for checkpoint in checkpoints]
        kept = self._checkpoints.kept(steps)
        return [step in kept for step in steps]


@contextlib.contextmanager
def _one_failure() -> Iterator[None]:
    """Raises the first failure and silences later ones.

    TensorStore reads all arrays at once, in threads. Reads that fail after the first have
    no caller to raise in; each would print a traceback.
    """
    log, hook = logging_module.getLogger("asyncio"), sys.unraisablehook
    was = log.disabled
    log.disabled, sys.unraisablehook = True, lambda _: None
    try:
        yield
    except BaseException:
        # Later failures print when they are garbage-collected, so collect them here.
        time.sleep(_LATER_FAILURES)
        gc.collect()
        raise
    finally:
        log.disabled, sys.unraisablehook = was, hook


def _first_words(error: Exception) -> str:
    """The first line of a message, without the specification that TensorStore adds."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line.split(" [tensorstore_spec")[0][:_WORDS]


def _best(scores: Mapping[int, float | None]) -> int | None:
    """The step with the smallest score."""
    known = {k: v for k, v in scores.items() if v is not None and math.isfinite(v)}
    return min(known, key=known.__getitem__) if known else None


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
