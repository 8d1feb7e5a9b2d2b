"""Diverged members of a population: each stays at its last finite state.

The compiled program does not check for divergence, so a healthy population costs only a
copy of its state at each log line. If a line contains a non-finite number, the same
programs repeat the calls since the last line. The member then keeps its state from before
the first bad call; the program's later results for it are ignored.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.experimental import multihost_utils
from jax.sharding import Mesh

from dis_jax.methods import State
from dis_jax.training.finite import (
    NonFiniteError,
    Window,
    check_parameters,
    finite_members,
)
from dis_jax.training.program import Program, copied
from dis_jax.training.workdir import Path, divergence


class Watch:
    """Checks the numbers of a run whenever a log line or a checkpoint is due."""

    def __init__(
        self,
        compiled: Program,
        state: State,
        step: int,
        *,
        mesh: Mesh,
        stride: int,
    ):
        """Starts to watch.

        Args:
          compiled: the run's program.
          state: the state to continue from; members with fewer steps have diverged.
          step: number of steps made so far.
          mesh: the devices.
          stride: steps in a call.
        """
        self._compiled, self._mesh, self._stride = compiled, mesh, stride
        self._step = step
        # The finite state at the last log line; a copy, because `run` donates its
        # input. A single model needs none: its divergence ends the run.
        self._safe = copied(state) if state.step.ndim else None
        steps = _steps(state)
        self.out: np.ndarray | None = steps < step if state.step.ndim else None

    def look(self, window: Window, carry: Any, step: int, *, saves: bool) -> Any:
        """Freezes the members that diverged since the last check.

        Args:
          window: the metrics since then.
          carry: of the program, at this step.
          step: number of steps made so far.
          saves: whether a checkpoint follows, so that parameters must be finite.

        Returns:
          The carry to continue with.

        Raises:
          NonFiniteError: if a single model, or every member, has diverged.
        """
        state = self._compiled.dump(carry)
        try:
            window.check(step, self.out)
            if saves or self._safe is not None:
                check_parameters(state, step, self._mesh, self.out)
        except NonFiniteError as error:
            if self._safe is None:
                raise
            del state, carry  # frees memory for the repeated calls
            return self._hold(error, self._safe, step)
        if self._safe is not None:
            self._step, self._safe = step, _keep(self.out, self._safe, state)
        return carry

    def _hold(self, error: NonFiniteError, safe: State, step: int) -> Any:
        before = diverged(safe)
        carry, self._safe, self.out = self._again(safe, step)
        self._step = step
        if self.out.all():
            steps = _steps(self._safe).tolist()
            raise NonFiniteError(str(error), steps) from error
        new = {m: s for m, s in diverged(self._safe).items() if m not in before}
        logging.warning(
            "%s Each member that diverged stays at its last finite state: %s. The others "
            "continue. For the diverged members, try a smaller learning rate.",
            *(error, ", ".join(f"member {m} at step {s}" for m, s in new.items())),
        )
        return carry

    def _again(self, safe: State, step: int) -> tuple[Any, State, np.ndarray]:
        """Repeats the calls since the last check, and checks each."""
        made, out = self._step, np.asarray(self.out)
        carry = self._compiled.load(safe)
        while made < step:
            # The same calls as in the training loop, so the results are bit-identical.
            count = min(self._stride - made % self._stride, step - made)
            carry, metrics = self._compiled.run(carry, count)
            made += count
            after = self._compiled.dump(carry)
            # `|`: a member that was non-finite once stays excluded.
            out = out | ~finite_members(metrics, after, self._mesh)
            safe = _keep(out, safe, after)
        return carry, safe, out

    def state(self, carry: Any) -> State:
        """The state after a check, with the last finite states of diverged members."""
        return self._compiled.dump(carry) if self._safe is None else self._safe

    def diverged(self) -> dict[int, int]:
        """The last finite step of each member that has diverged."""
        return {} if self._safe is None else diverged(self._safe)


def diverged(state: State) -> dict[int, int]:
    """The last finite step of each member that has diverged.

    Args:
      state: of a model, or stacked over members.

    Returns:
      {member: step}, empty for a single model.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax import methods, training
      >>> state = methods.State(jnp.array([30, 12, 30]), None, {}, {}, {}, {})
      >>> training.diverged(state)
      {1: 12}
    """
    # Diverged members are frozen, so they have made fewer steps than the others.
    steps = np.atleast_1d(_steps(state))
    return {int(m): int(steps[m]) for m in np.flatnonzero(steps < steps.max())}


def stopped_at(workdir: Path, state: State, member: int | None = None) -> int | None:
    """The step of a model's state if the model diverged, else None.

    Args:
      workdir: of the run, or of an export.
      state: of the run, with the axis of members if it has one.
      member: which member.

    Returns:
      The last finite step of a member whose population continued. The step of the state
      if `divergence` has a message for the run. Otherwise None.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax import methods, training
      >>> state = methods.State(jnp.array([30, 12, 30]), None, {}, {}, {}, {})
      >>> [training.stopped_at("runs/none", state, member) for member in (1, 2)]
      [12, None]
    """
    step = diverged(state).get(member or 0)
    if step is None and divergence(workdir):
        step = int(np.atleast_1d(_steps(state))[member or 0])
    return step


def _steps(state: State) -> np.ndarray:
    """The step of each member, also of those on devices of other processes."""
    if state.step.is_fully_addressable:
        return np.asarray(state.step)
    return np.asarray(multihost_utils.process_allgather(state.step, tiled=True))


@jax.jit
def _keep(out: Any, old: State, new: State) -> State:
    """The old state of excluded members, a copy of the new state of the others."""

    def choose(a: Any, b: Any) -> Any:
        # (members,) -> (members, 1, ..., 1), to broadcast over the axes of a leaf.
        return jnp.where(jnp.reshape(out, (-1,) + (1,) * (b.ndim - 1)), a, b)

    return jax.tree.map(choose, old, new)
