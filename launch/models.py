"""Trained models, by the folders of their runs."""

from typing import Any

from absl import logging

from dis_jax import training


def restore(workdir: Any, member: int | None, *, best: bool = False) -> Any:
    """`training.restore` of one model, with a config that has its own seed and hparams."""
    check_member(workdir, member)
    method, state, config = training.restore(workdir, best=best)
    if member is None:
        return method, state, config
    if (step := training.diverged(state).get(member)) is not None:
        logging.warning(
            "member %d diverged: this is its last finite state, of step %d",
            member,
            step,
        )
    own = training.members(config)[member]
    config.seed = own.seed
    with config.ignore_type():  # a schedule may stand for a number
        config.hparams.update(own.hparams)
    return method, training.member(state, member), config


def check_member(workdir: Any, member: int | None) -> None:
    """Raises ValueError unless the member of a population, and none else, is named."""
    config = training.read_config(workdir)
    count = len(training.members(config)) if training.is_population(config) else 0
    if count and member is None:
        raise ValueError(
            f"{workdir} holds a population: say which of its {count} members by "
            f"--member=..., a number from 0 to {count - 1}."
        )
    if member is not None and not 0 <= member < count:
        found = f"{count} members, from 0" if count else "a single model"
        raise ValueError(f"member is {member}, but {workdir} holds {found}.")
