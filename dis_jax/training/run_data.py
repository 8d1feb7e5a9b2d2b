"""Loads the data of a run again, and checks that they have not changed."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from absl import logging

from dis_jax import data
from dis_jax.training import exported
from dis_jax.training.checkpoints import Checkpoints
from dis_jax.training.digests import digests
from dis_jax.training.population import members
from dis_jax.training.workdir import Path, changes, differences, read_config

_CONTENT = {"labels", "stored_images", "read_images"}
_IMAGES = 64  # number of images whose pixels are compared


def load_data(
    workdir: Path,
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    split: str = "all",
) -> data.ImageSet:
    """Loads an image set for a trained model, as `data.load` does.

    Logs a warning if the model was trained on a set of the same name and split that
    had other sizes, factors or labels, or other pixels in one of 64 images.

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
    """Logs a warning if a set differs from the run's set of the same name and split.

    Args:
      workdir: folder of the run, or of an exported model.
      image_set: the set as loaded now.
      name: its name.
      split: its split.
    """
    config = read_config(workdir)
    # If members have different sets, the facts describe the first member's.
    own = members(config)[0].dataset or config.dataset
    if (name, split) != (own, config.split):
        return
    if changed := _changed(_facts(workdir), image_set):
        logging.warning(
            "%r is not the data that %s was trained on:\n%s",
            *(name, workdir, changes(changed)),
        )


def check_data(facts: Mapping[str, Any], config: Any, image_set: data.ImageSet) -> None:
    """Checks that a run continues with the data that it began with.

    Args:
      facts: of its checkpoint; older checkpoints have none about data.
      config: of the run.
      image_set: what `config.dataset` names now.

    Raises:
      ValueError: if the set has changed; the message shows the differences.
    """
    if changed := _changed(facts, image_set):
        raise ValueError(
            f"{config.dataset!r} is not the data of this run:\n{changes(changed)}\nRestore "
            "the data, or use another --workdir. With --accept_changes the same command "
            "resumes from the last checkpoint with the new data."
        )


def data_facts(image_set: data.ImageSet) -> dict[str, Any]:
    """Properties by which image sets of the same name are compared, as JSON.

    Args:
      image_set: of a run.

    Returns:
      Sizes and names, and digests of all labels and of some images. Only stored ones
      have digests: rendered images can differ by rounding between machines.
    """
    return {
        "num_images": int(image_set.num_images),
        "factor_names": list(image_set.factor_names),
        "sizes": [int(size) for size in image_set.sizes],
        **_content(image_set),
    }


def _changed(
    facts: Mapping[str, Any], image_set: data.ImageSet
) -> dict[str, tuple[Any, Any]]:
    now = data_facts(image_set)
    then = facts.get("data", now)
    # Compares only digests that both have: older versions have none, and streamed images
    # have other digests than resident ones.
    alone = {k for k in _CONTENT if (k in then) != (k in now)}
    then, now = ({k: v for k, v in d.items() if k not in alone} for d in (then, now))
    return differences(then, now)


def _content(image_set: data.ImageSet) -> dict[str, str]:
    """Digests of what a set stores."""
    stored: dict[str, dict[str, Any]] = {name: {} for name in _CONTENT}
    leaves, _ = jax.tree_util.tree_flatten_with_path(image_set.arrays)
    for path, leaf in leaves:
        name = getattr(path[-1], "key", None)
        if name == "factors":
            stored["labels"][jax.tree_util.keystr(path)] = leaf
        elif name == "images":
            rows = _rows(len(leaf))
            stored["stored_images"][jax.tree_util.keystr(path)] = leaf[rows]
    if image_set.read is not None:
        rows = _rows(image_set.num_images)
        images = image_set.read(rows)
        if np.array_equal(images, image_set.read(rows)):  # false if reading augments
            stored["read_images"]["images"] = images
    return {
        name: hashlib.sha256(json.dumps(digests(arrays)).encode()).hexdigest()[:16]
        for name, arrays in stored.items()
        if arrays
    }


def _rows(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, _IMAGES).astype(int))


def _facts(workdir: Path) -> Mapping[str, Any]:
    """Facts of the newest readable checkpoint; older versions have none about data."""
    if exported.is_exported(workdir):
        return exported.facts(workdir)
    checkpoints = Checkpoints(pathlib.Path(workdir) / "checkpoints")
    try:
        found = checkpoints.newest(checkpoints.facts)
    finally:
        checkpoints.close()
    return {} if found is None else found[1]
