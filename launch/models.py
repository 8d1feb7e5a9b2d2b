"""Trained models, by the folders of their runs."""

from typing import Any

from absl import logging

from dis_jax import training
from dis_jax.training.population import set_member


def restore(workdir: Any, member: int | None, *, best: bool = False) -> Any:
    """`training.restore` of one model, with a config that has its own seed and hparams."""
    check_member(workdir, member)
    method, state, config = training.restore(workdir, best=best)
    if member is None:
        return method, state, config
    if (step := training.diverged(state).get(member)) is not None:
        logging.warning(
            "member %d diverged; using its last finite state, step %d",
            member,
            step,
        )
    set_member(config, member)
    return method, training.member(state, member), config


def count(workdir: Any) -> int:
    """The number of members of a population; 0 for a single model."""
    config = training.read_config(workdir)
    return len(training.members(config)) if training.is_population(config) else 0


def what_members_are(workdir: Any, *, best: bool = False) -> list[dict[str, Any]]:
    """The seed, hyperparameters and data of each member, and where it diverged."""
    _, state, config = training.restore(workdir, best=best)
    own = [member.own for member in training.members(config)]
    if not (stopped := training.diverged(state)):
        return own
    return [
        member | {"diverged": f"after step {stopped[i]}" if i in stopped else "no"}
        for i, member in enumerate(own)
    ]


def check_member(workdir: Any, member: int | None) -> None:
    """Raises ValueError unless the member of a population, and none else, is named."""
    members = count(workdir)
    if members and member is None:
        raise ValueError(
            f"{workdir} holds a population: choose one of its {members} members by "
            f"--member=..., from 0 to {members - 1}."
        )
    if member is not None and not 0 <= member < members:
        found = f"{members} members, from 0" if members else "a single model"
        raise ValueError(f"member is {member}, but {workdir} holds {found}.")
