"""Checks for non-finite numbers, at each log line and each checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from dis_jax.methods import Metrics, State
from dis_jax.training import mesh as meshes


class NonFiniteError(ArithmeticError):
    """A metric or a parameter is NaN or infinite.

    Attributes:
      steps: the last step with finite numbers, for each member of a population.
    """

    def __init__(self, message: str, steps: Sequence[int] = (0,)):
        super().__init__(message)
        self.steps = tuple(steps)


class Window:
    """The metrics of the steps since the last log line."""

    def __init__(self, step: int, opened: Mapping[str, Any] | None = None):
        """Starts a window at a step, or continues an interrupted one.

        Args:
          step: number of steps made so far.
          opened: the result of `open` for the interrupted window.
        """
        self._first = opened["first"] if opened else step
        values = opened["values"] if opened else {}
        self._values = {k: np.asarray(v, np.float32) for k, v in values.items()}
        self._metrics: list[Metrics] = []

    def add(self, metrics: Metrics) -> None:
        """Adds the metrics of one call, still on the device."""
        # Not read here: that would wait for the device, which then idles between calls.
        self._metrics.append(metrics)

    def values(self) -> dict[str, np.ndarray]:
        """The metrics by name, (steps, [members]); waits for the device."""
        for metrics in jax.device_get(self._metrics):
            for name, value in metrics._asdict().items():
                parts = [self._values[name], value] if name in self._values else [value]
                self._values[name] = np.concatenate(parts)
        self._metrics = []
        return self._values

    def open(self) -> dict[str, Any]:
        """The content of the window so far, as JSON."""
        # Python floats represent float32 exactly, so a resumed window has the same means.
        values = {name: value.tolist() for name, value in self.values().items()}
        return {"first": self._first, "values": values}

    def check(self, step: int, left_out: np.ndarray | None = None) -> None:
        """Raises NonFiniteError if a value is not finite.

        Args:
          step: last step of the window.
          left_out: (members,), true for members known to have diverged.

        Raises:
          NonFiniteError: names the terms, the steps and the members.
        """
        bad = {}
        for name, values in self.values().items():
            wrong = ~np.isfinite(values)
            if left_out is not None:
                wrong = wrong & ~left_out
            if wrong.any():
                bad[name] = np.argwhere(wrong)
        if bad:
            at = min(found[0, 0] for found in bad.values())
            terms = [name for name, found in bad.items() if found[0, 0] == at]
            are = f"{', '.join(terms)} {'are' if terms[1:] else 'is'}"
            members = {
                int(m) for f in bad.values() for m in f[f[:, 0] == at][:, 1:].flat
            }
            raise NonFiniteError(
                f"{are} not finite at step {self._first + 1 + at}{_whose(members)} "
                f"(detected in steps {self._first + 1} to {step}).",
                (self._first + int(at),),
            )

    def close(self, step: int, left_out: np.ndarray | None = None) -> dict[str, Any]:
        """Returns the means over the window and begins the next one.

        Args:
          step: last step of the window.
          left_out: (members,), true for members that have diverged.

        Returns:
          A float by name, or a list with one per member, None for members left out.
        """
        values = self.values()
        self._first, self._values = step, {}
        means = {name: value.mean(0).tolist() for name, value in values.items()}
        if left_out is None or not left_out.any():
            return means
        return {
            name: [None if out else x for x, out in zip(row, left_out, strict=True)]
            for name, row in means.items()
        }


def check_parameters(
    state: State, step: int, mesh: Mesh, left_out: np.ndarray | None = None
) -> None:
    """Raises NonFiniteError if a parameter is not finite; names networks and members."""
    out = False if left_out is None else left_out
    finite = {name: good | out for name, good in _finite(state, mesh).items()}
    bad = {name: np.argwhere(~good) for name, good in finite.items() if not good.all()}
    if bad:
        members = {int(m) for found in bad.values() for m in found.flat}
        raise NonFiniteError(
            f"parameters of {', '.join(bad)} are not finite after step "
            f"{step}{_whose(members)}, so this step is not saved.",
            (step - 1,),
        )


def finite_members(metrics: Metrics, state: State, mesh: Mesh) -> np.ndarray:
    """Which members of a population are finite after a call.

    Args:
      metrics: of the call, (steps, members) each.
      state: after it, stacked over members.
      mesh: the devices.

    Returns:
      (members,), true where all metrics and all parameters are finite.
    """
    terms = [np.isfinite(m).all(0) for m in jax.device_get(tuple(metrics))]
    return np.all([*terms, *_finite(state, mesh).values()], axis=0)


def _finite(state: State, mesh: Mesh) -> dict[str, np.ndarray]:
    """Whether parameters are finite, by network, for each member of a population."""
    # Replicated, because every process needs the result for members on other processes.
    everywhere = jax.jit(_all_finite, out_shardings=meshes.replicated(mesh))
    return jax.device_get(everywhere(state))


def _whose(members: set[int]) -> str:
    return f" for members {sorted(members)}" if members else ""


def _all_finite(state: State) -> dict[str, Any]:
    own = state.step.ndim  # 1 for a population, whose leading axis is kept

    def finite(leaf: Any) -> Any:
        return jnp.isfinite(leaf).all(axis=tuple(range(own, leaf.ndim)))

    return {
        name: jnp.all(jnp.array([finite(leaf) for leaf in jax.tree.leaves(part)]), 0)
        for name, part in state.params.items()
    }
