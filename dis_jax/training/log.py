"""The log of a run: a JSON line per window, TensorBoard files, and progress."""

from __future__ import annotations

import functools
import json
import math
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from absl import logging

from dis_jax.files import write_whole
from dis_jax.methods import State
from dis_jax.progress import progress_bar, watched
from dis_jax.training.pictures import Pictures
from dis_jax.training.trackers import Callback

Scalars = Mapping[str, Any]  # a float, or a list with one per member of a population


class Log:
    """Writes `metrics.jsonl`, TensorBoard files and progress for one run."""

    def __init__(
        self,
        workdir: pathlib.Path,
        *,
        first_step: int,
        last_step: int,
        tensorboard: bool,
        seconds_between_lines: float = 10.0,
        tell: Callback | None = None,
        paint: Callable[[State], Pictures] | None = None,
    ):
        """Opens the log at a step and drops the lines after that step.

        Args:
          workdir: the run's folder.
          first_step: the step from which training continues.
          last_step: the step at which training ends.
          tensorboard: whether to write TensorBoard files too.
          seconds_between_lines: of plain progress, if the output is not a terminal.
          tell: also called with the step and the means of each line.
          paint: makes the TensorBoard pictures of a state, see `pictures.painter`.
        """
        self._path = workdir / "metrics.jsonl"
        self._earlier = _truncate(self._path, first_step)
        self._file = self._path.open("a", encoding="utf-8")
        self._folder = workdir / "tensorboard" if tensorboard else None
        self._first_step = first_step
        self._bar = _bar(first_step, last_step)
        self._last_step = last_step
        self._start = self._window_start = time.monotonic()
        self._window_step = self._shown_step = first_step
        self._shown = self._start
        self._wait = seconds_between_lines
        self._note: dict[str, str] = {}
        self._tell = tell
        self._paint = paint

    @functools.cached_property
    def _board(self) -> Any:
        """The writer of TensorBoard files; the first step does not wait for its import."""
        if self._folder is None:
            return None
        from tensorboardX import SummaryWriter

        # TensorBoard hides events from `purge_step` on: those steps are repeated.
        return SummaryWriter(str(self._folder), purge_step=self._first_step + 1)

    def write(
        self, step: int, scalars: Scalars, diverged: Mapping[int, int] | None = None
    ) -> None:
        """Writes one line of means over the window that ends at `step`.

        Args:
          step: the last step of the window.
          scalars: the means; None for a member that has diverged.
          diverged: the last finite step of each such member.
        """
        # Opened before the time is read, so that its import counts in the first window,
        # whose rate includes compilation anyway, and not in the second.
        board = self._board
        now = time.monotonic()
        rate = (step - self._window_step) / max(now - self._window_start, 1e-9)
        self._window_start, self._window_step = now, step
        line = {
            "step": step,
            "time": round(self._earlier + now - self._start, 3),
            "steps_per_second": round(rate, 3),
            **scalars,
        }
        if diverged:
            line["diverged"] = {str(member): at for member, at in diverged.items()}
        # Flushed at once: a process that is killed loses no line.
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if board is not None:
            for name, value in scalars.items():
                for i, v in enumerate(np.atleast_1d(value)):
                    tag = name if np.ndim(value) == 0 else f"{name}/{i}"
                    if v is not None:
                        board.add_scalar(tag, v, step)
            board.add_scalar("steps_per_second", rate, step)
        if self._tell is not None:
            self._tell(step, {"steps_per_second": rate, **scalars})
        self._note = {
            name: f"{np.nanmean(np.array(v, float)):.4g}"
            for name, v in list(scalars.items())[:3]
        }

    def show(self, step: int, state: State) -> None:
        """Draws a state for TensorBoard."""
        if self._board is not None and self._paint is not None:
            for name, picture in self._paint(state).items():
                self._board.add_image(name, picture, step, dataformats="HWC")

    def progress(self, step: int) -> None:
        """Moves the bar, or prints a line when enough time has passed."""
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix(self._note, refresh=False)
        elif self._shown == self._start and step < self._last_step:
            # The first call compiles, so its rate would show minutes left, not seconds.
            self._shown, self._shown_step = now, step
        elif now - self._shown >= self._wait or step == self._last_step:
            rate = (step - self._shown_step) / max(now - self._shown, 1e-9)
            left = (self._last_step - step) / rate if rate else math.inf
            note = "  ".join(f"{k} {v}" for k, v in self._note.items())
            logging.info(
                "step %d of %d  %.1f steps/s  %s left  %s",
                step,
                self._last_step,
                rate,
                _duration(left),
                note,
            )
            self._shown, self._shown_step = now, step

    def close(self) -> None:
        """Closes the files and the bar."""
        self._file.close()
        if board := vars(self).get("_board"):  # only if it has been opened
            board.close()
        if self._bar is not None:
            self._bar.close()


class Silence:
    """A log that writes nothing, for processes without a log."""

    def write(
        self, step: int, scalars: Scalars, diverged: Mapping[int, int] | None = None
    ) -> None:
        """Nothing."""

    def show(self, step: int, state: State) -> None:
        """Nothing."""

    def progress(self, step: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def read_metrics(workdir: str | pathlib.Path) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`; damaged lines are skipped with a warning.

    An incomplete last line is skipped without a warning: the process ended while it
    wrote.

    Args:
      workdir: the run's folder.

    Returns:
      One dict per line, in order; empty if there is no log yet.

    Example:
      >>> import pathlib, tempfile
      >>> from dis_jax import training
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> lines = '{"step": 1, "loss": 3.5}\\n{"step": 2, "lo'
      >>> _ = (folder / "metrics.jsonl").write_text(lines)
      >>> training.read_metrics(folder)
      [{'step': 1, 'loss': 3.5}]
    """
    path = pathlib.Path(workdir) / "metrics.jsonl"
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    found, damaged = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_record(line))
        except ValueError as error:
            if number < len(lines):
                damaged.append((number, error))
    if damaged:
        number, error = damaged[0]
        logging.warning(
            "%s, line %d is damaged (%s) and ignored%s; delete the file to start a new log",
            *(path, number, error),
            f", and so are {len(damaged) - 1} others" if len(damaged) > 1 else "",
        )
    return found


def _record(line: bytes) -> dict[str, Any]:
    """Parses a line of the log; raises a ValueError that says what is wrong."""
    found = json.loads(line.decode("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__}, not an object")
    for name in ("step", "time"):
        if name == "step" or name in found:
            value = found.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"its {name} is {value!r}")
    return found


def _truncate(path: pathlib.Path, step: int) -> float:
    """Drops lines after `step`; returns the time of the last kept line."""
    lines = read_metrics(path.parent)
    kept = [line for line in lines if line["step"] <= step]
    if len(kept) < len(lines):
        logging.info(
            "dropped %d log lines after step %d: those steps are repeated",
            len(lines) - len(kept),
            step,
        )
    write_whole(path, "".join(json.dumps(x) + "\n" for x in kept))
    return max((line.get("time", 0.0) for line in kept), default=0.0)


def _bar(first_step: int, last_step: int) -> Any:
    if not watched():
        return None
    return progress_bar(initial=first_step, total=last_step, unit="step")


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
