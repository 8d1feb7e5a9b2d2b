"""Restores trained models from the folders of their runs."""

from typing import Any, NamedTuple

from absl import logging

from dis_jax import training
from dis_jax.markup import counted
from dis_jax.training.population import set_member


class Restored(NamedTuple):
    """One restored model.

    Attributes:
      method: the method.
      state: its trained state.
      config: the run's, with the seed and the hyperparameters of this member.
      diverged: {"diverged": the step of its state}, for the records of its scores; {}
        for a model that did not diverge.
    """

    method: Any
    state: Any
    config: Any
    diverged: dict[str, int]


def restore(workdir: Any, member: int | None, *, best: bool = False) -> Restored:
    """Restores one model with `training.restore`."""
    check_member(workdir, member)
    method, state, config = training.restore(workdir, best=best)
    step = training.stopped_at(workdir, state, member)
    mark = {} if step is None else {"diverged": step}
    if member is None:
        return Restored(method, state, config, mark)
    if mark:
        logging.warning("member %d diverged; using its state of step %d", member, step)
    set_member(config, member)
    return Restored(method, training.member(state, member), config, mark)


def count(workdir: Any) -> int:
    """The number of members of a population; 0 for a single model."""
    config = training.read_config(workdir)
    return len(training.members(config)) if training.is_population(config) else 0


def what_members_are(workdir: Any, *, best: bool = False) -> list[dict[str, Any]]:
    """Seed, hyperparameters and data of each member, and the step at which it diverged."""
    _, state, config = training.restore(workdir, best=best)
    own = [member.own for member in training.members(config)]
    stopped = [training.stopped_at(workdir, state, i) for i in range(len(own))]
    if not any(step is not None for step in stopped):
        return own
    return [
        member | {"diverged": "no" if step is None else f"after step {step}"}
        for member, step in zip(own, stopped, strict=True)
    ]


def check_member(workdir: Any, member: int | None) -> None:
    """Raises ValueError unless `member` is in the population, or is None without one."""
    members = count(workdir)
    if members and member is None:
        raise ValueError(
            f"{workdir} contains a population: choose one of its "
            f"{counted(members, 'member')} by --member=..., from 0 to {members - 1}."
        )
    if member is not None and not 0 <= member < members:
        found = f"{counted(members, 'member')}, from 0" if members else "a single model"
        raise ValueError(f"member is {member}, but {workdir} contains {found}.")
