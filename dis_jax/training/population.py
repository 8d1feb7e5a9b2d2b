"""The members of a population: lists of seeds and of hyperparameters."""

from __future__ import annotations

import itertools
from typing import Any

from dis_jax.suggest import suggest
from dis_jax.training.program import Member

# Sampler arguments that may differ between members.
SAMPLED = ("class_counts",)
DATASET = "dataset"


def members(config: Any) -> list[Member]:
    """Every combination of the lists in `config.population`, the last varying fastest.

    `config.population` maps "seed", "class_counts" (see `data.images`), "dataset" and
    names of hyperparameters to tuples; an empty tuple stands for the single value in
    `config.seed`, `config.sampler`, `config.dataset` or `config.hparams`. Data sets may
    differ in the width of a correlation: "rendered_dsprites+correlated(pos_x,pos_y,.1)".

    Args:
      config: the run's config.

    Returns:
      At least one member; exactly one if every list is empty.

    Raises:
      ValueError: if a list is not for one of these names.

    Example:
      >>> from types import SimpleNamespace
      >>> config = SimpleNamespace(
      ...     seed=0, hparams={"beta": 4.0}, population={"seed": (1, 2), "beta": ()}
      ... )
      >>> [(m.seed, m.hparams["beta"]) for m in members(config)]
      [(1, 4.0), (2, 4.0)]
    """
    hparams = dict(config.hparams)
    lists = {name: tuple(values) for name, values in dict(config.population).items()}
    known = ("seed", *hparams)
    own = {name: lists.pop(name) for name in (*SAMPLED, DATASET) if lists.get(name)}
    for name in lists:
        if name not in (*known, *SAMPLED, DATASET):
            raise ValueError(
                f"population.{name} is neither the seed nor a hyperparameter of "
                f"{config.method!r}; {suggest(name, known)}"
            )
    defaults = {"seed": config.seed, **hparams}
    choices = {name: lists.get(name) or (defaults[name],) for name in known}
    found = []
    for values in itertools.product(*choices.values(), *own.values()):
        chosen = dict(zip((*choices, *own), values, strict=True))
        dataset = chosen.pop(DATASET, "")
        sampler = {name: chosen.pop(name) for name in own if name in SAMPLED}
        found.append(Member(int(chosen.pop("seed")), chosen, sampler, dataset))
    return found


def set_member(config: Any, index: int) -> None:
    """Gives a config the values of one of its members: seed, hyperparameters and data.

    Args:
      config: of a population; changed in place.
      index: which member.

    Example:
      >>> from dis_jax.training import base_config, population
      >>> config = base_config.get_config("beta_vae", "", beta=1.0)
      >>> config.population.beta = (2.0, 4.0)
      >>> population.set_member(config, 1)
      >>> config.hparams.beta
      4.0
    """
    own = members(config)[index]
    config.seed = own.seed
    config.dataset = own.dataset or config.dataset
    with config.unlocked():
        config.sampler.update(own.sampler)
    with config.ignore_type():  # a schedule may replace a number, and the reverse
        for name, value in own.hparams.items():
            config.hparams[name] = value


def is_population(config: Any) -> bool:
    """Whether any list of `config.population` has a value.

    Args:
      config: the run's config.

    Returns:
      True for a population, even of one member.
    """
    return any(len(values) for values in dict(config.population).values())
