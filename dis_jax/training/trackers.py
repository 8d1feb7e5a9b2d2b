"""Sends a run's log to experiment trackers: `train(..., log=to_mlflow(mlflow))`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# (the last step of a window, its means by name: a number, or a list with one per member)
Callback = Callable[[int, Mapping[str, Any]], None]


def to_wandb(run: Any) -> Callback:
    """Logs to Weights & Biases.

    Args:
      run: what `wandb.init(...)` returned. To resume a run, give `wandb.init` its id and
        `resume="allow"`.

    Returns:
      The `log` of `training.train`.

    Example:
      >>> from dis_jax import training
      >>> def train(config, workdir):
      ...     import wandb
      ...     run = wandb.init(project="beta", config=config.to_dict())
      ...     return training.train(config, workdir, log=training.to_wandb(run))
    """
    return lambda step, scalars: run.log(each_member(scalars), step=step)


def to_mlflow(client: Any) -> Callback:
    """Logs to the active run of MLflow.

    Args:
      client: the module `mlflow`, or anything else with its `log_metrics`.

    Returns:
      The `log` of `training.train`.

    Example:
      >>> from dis_jax import training
      >>> def train(config, workdir):
      ...     import mlflow
      ...     with mlflow.start_run():
      ...         return training.train(config, workdir, log=training.to_mlflow(mlflow))
    """
    return lambda step, scalars: client.log_metrics(each_member(scalars), step=step)


def each_member(scalars: Mapping[str, Any]) -> dict[str, float]:
    """One number per name; those of a population are named "loss/0", "loss/1".

    Args:
      scalars: means by name, lists for populations; None for a member that diverged.

    Returns:
      The numbers; None is skipped.

    Example:
      >>> from dis_jax.training import trackers
      >>> trackers.each_member({"kl": 2.0, "loss": [3.0, None]})
      {'kl': 2.0, 'loss/0': 3.0}
    """
    found = {}
    for name, value in scalars.items():
        for i, one in enumerate(np.atleast_1d(value)):
            if one is not None:
                found[name if np.ndim(value) == 0 else f"{name}/{i}"] = float(one)
    return found
