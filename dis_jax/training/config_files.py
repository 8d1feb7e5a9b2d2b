"""Loads configs by name, or from your own file."""

from __future__ import annotations

from typing import Any

from dis_jax import shipped


def load_config(name: str) -> Any:
    """The config that a name or a file describes.

    Args:
      name: of a shipped config ("factor_vae"), or the path of a file with a function
        `get_config`; its argument follows a colon.

    Returns:
      An `ml_collections.ConfigDict`.

    Raises:
      ValueError: if there is no such config; says which are near.

    Example:
      >>> from dis_jax import training
      >>> config = training.load_config("factor_vae:rendered_dsprites,demo")
      >>> config.method, config.steps
      ('factor_vae', 2000)
    """
    file, colon, argument = name.partition(":")
    module = shipped.load_file(shipped.find("configs", file))
    return module.get_config(*([argument] if colon else []))
