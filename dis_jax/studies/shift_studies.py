"""Rows that the studies of shifted factors share: each method on each data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dis_jax.training import load_config

SMALL = "small"
_WIDTH = 128


def shift_rows(
    methods: Sequence[str],
    sets: Mapping[str, str],
    steps: int,
    options: Sequence[str] = (),
) -> dict[str, Any]:
    """A config for each method and each set.

    Args:
      methods: names of configs.
      sets: names of data sets by the label of the row.
      steps: of training.
      options: for the configs; "small" is a size for a CPU: dense networks of
        width 128, batches of 64 images and a learning rate of 1e-3.

    Returns:
      Config by "method, label".

    Example:
      >>> sets = {"independent": "rendered_dsprites"}
      >>> rows = shift_rows(["beta_vae"], sets, 2000, ["small"])
      >>> config = rows["beta_vae, independent"]
      >>> config.steps, config.network.encoder
      (2000, (128, 128))
    """
    small = SMALL in options
    words = [word for word in options if word != SMALL] + ["mlp"] * small
    rows = {}
    for method in methods:
        for label, name in sets.items():
            config = load_config(",".join((f"{method}:{name}", *dict.fromkeys(words))))
            config.steps = steps
            config.tensorboard = False
            config.checkpoint_every = max(1, min(10_000, steps // 4))
            if small:
                _shrink(config)
            rows[f"{method}, {label}"] = config
    return rows


def _shrink(config: Any) -> None:
    config.network.encoder = config.network.decoder = (_WIDTH, _WIDTH)
    config.hparams.learning_rate = 1e-3
    if config.method == "ada_gvae":
        config.batch_size //= 2  # pairs: as many images as the others receive
    if config.method == "factor_vae":
        config.discriminator.widths = (_WIDTH,) * 4
        config.hparams.discriminator_learning_rate = 3e-4
