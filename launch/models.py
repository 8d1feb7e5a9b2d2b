"""Trained models, by the folders of their runs."""

from typing import Any

from dis_jax import training


def restore(workdir: Any, member: int | None, *, best: bool = False) -> Any:
    """`training.restore` of one model, with a config that has its own seed and hparams."""
    config = training.read_config(workdir)
    members = training.members(config)
    if training.is_population(config) and member is None:
        raise ValueError(
            f"{workdir} holds a population: say which of its {len(members)} members by "
            f"--member=..., a number from 0 to {len(members) - 1}."
        )
    method, state, config = training.restore(workdir, member=member, best=best)
    if member is not None:
        config.seed = members[member].seed
        config.hparams.update(members[member].hparams)
    return method, state, config
