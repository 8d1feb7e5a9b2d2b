"""Numbers that are no longer finite: found when a log or a checkpoint is written."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from dis_jax.methods import Metrics, State
from dis_jax.training import mesh as meshes


class NonFiniteError(ArithmeticError):
    """A term of the loss, or a parameter, stopped being a number."""


class Window:
    """The metrics of the steps since the last line of the log."""

    def __init__(self, step: int):
        """Starts a window at a step."""
        self._first = step
        self._metrics: list[Metrics] = []

    def add(self, metrics: Metrics) -> None:
        """Adds the metrics of one call, still on the device."""
        self._metrics.append(metrics)

    def close(self, step: int) -> dict[str, Any]:
        """The means over the window, as floats or lists of one a member.

        Raises:
          NonFiniteError: if a value is not finite; names the terms, the steps and the
            members.
        """
        stacked = jax.tree.map(
            lambda *m: np.concatenate(m), *jax.device_get(self._metrics)
        )
        bad = {
            name: np.argwhere(~np.isfinite(values))
            for name, values in stacked._asdict().items()
            if not np.isfinite(values).all()
        }
        if bad:
            at = min(found[0, 0] for found in bad.values())
            terms = ", ".join(name for name, found in bad.items() if found[0, 0] == at)
            members = {int(m) for found in bad.values() for m in found[:, 1:].flat}
            raise NonFiniteError(
                f"{terms} is not finite at step {self._first + 1 + at}{_whose(members)} "
                f"(seen in steps {self._first + 1} to {step})."
            )
        self._first, self._metrics = step, []
        return {k: v.mean(0).tolist() for k, v in stacked._asdict().items()}


def check_parameters(state: State, step: int, mesh: Mesh) -> None:
    """Raises NonFiniteError if a parameter is not finite; names networks and members."""
    # members may lie on devices of other processes, which all want to hear of each
    everywhere = jax.jit(_all_finite, out_shardings=meshes.replicated(mesh))
    finite = jax.device_get(everywhere(state))
    bad = {name: np.argwhere(~good) for name, good in finite.items() if not good.all()}
    if bad:
        members = {int(m) for found in bad.values() for m in found.flat}
        raise NonFiniteError(
            f"parameters of {', '.join(bad)} are not finite after step {step}"
            f"{_whose(members)}, so no checkpoint is written there."
        )


def _whose(members: set[int]) -> str:
    return f" for members {sorted(members)}" if members else ""


def _all_finite(state: State) -> dict[str, Any]:
    """For each network, of each member of a population."""
    own = state.step.ndim  # 1 where there are members, whose axis is the first

    def finite(leaf: Any) -> Any:
        return jnp.isfinite(leaf).all(axis=tuple(range(own, leaf.ndim)))

    return {
        name: jnp.all(jnp.array([finite(leaf) for leaf in jax.tree.leaves(part)]), 0)
        for name, part in state.params.items()
    }
