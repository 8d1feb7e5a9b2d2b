"""The data of a run, loaded again after training."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from absl import logging

from dis_jax import data
from dis_jax.training import exported
from dis_jax.training.checkpoints import Checkpoints
from dis_jax.training.population import members
from dis_jax.training.workdir import Path, changes, data_facts, differences, read_config


def load_data(
    workdir: Path,
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    split: str = "all",
) -> data.ImageSet:
    """Loads an image set for a trained model, as `data.load` does.

    Logs a warning where the model was trained on a set of the same name and split that
    had another number of images, other factors or other numbers of values.

    Args:
      workdir: folder of the run, or of an exported model; or its name, see `restore`.
      name: see `data.load`; that of the run is `config.dataset`.
      data_dir: the folder of real sets; by default the environment's DIS_JAX_DATA_DIR.
      split: see `data.load`; that of the run is `config.split`.

    Returns:
      The image set.

    Raises:
      ValueError: see `data.load`.
      FileNotFoundError: see `data.load`.

    Example:
      >>> from dis_jax import training
      >>> def images_of(workdir):
      ...     method, state, config = training.restore(workdir)
      ...     return training.load_data(workdir, config.dataset, split=config.split)
    """
    image_set = data.load(name, data_dir, split)
    warn_of_changes(exported.local(workdir), image_set, name, split)
    return image_set


def warn_of_changes(
    workdir: Path, image_set: data.ImageSet, name: str, split: str
) -> None:
    """Logs a warning if a set is not what a run had under the same name and split.

    Args:
      workdir: folder of the run, or of an exported model.
      image_set: as it is now.
      name: under which it was loaded.
      split: of it.
    """
    config = read_config(workdir)
    # Facts are of the set of the first member, where each has its own.
    own = members(config)[0].dataset or config.dataset
    if (name, split) != (own, config.split):
        return
    now = data_facts(image_set)
    if changed := differences(_facts(workdir).get("data", now), now):
        logging.warning(
            "%r is not the data that %s was trained on:\n%s",
            *(name, workdir, changes(changed)),
        )


def _facts(workdir: Path) -> Mapping[str, Any]:
    """Of the newest checkpoint that can be read; older ones do not hold their data."""
    if exported.is_exported(workdir):
        return exported.facts(workdir)
    checkpoints = Checkpoints(pathlib.Path(workdir) / "checkpoints")
    try:
        found = checkpoints.newest(checkpoints.facts)
    finally:
        checkpoints.close()
    return {} if found is None else found[1]
