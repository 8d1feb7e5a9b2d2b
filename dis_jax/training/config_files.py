"""Loads configs by name, or from your own file."""

from __future__ import annotations

from typing import Any

from dis_jax import shipped


def load_config(name: str) -> Any:
    """Loads a config by name or from a file.

    Args:
      name: of a shipped config ("factor_vae"), or the path of a file with a function
        `get_config`; the function's argument follows a colon.

    Returns:
      An `ml_collections.ConfigDict`.

    Raises:
      ValueError: if there is no such config; the message suggests similar names.

    Example:
      >>> from dis_jax import training
      >>> config = training.load_config("factor_vae:rendered_dsprites,demo")
      >>> config.method, config.steps
      ('factor_vae', 2000)
    """
    file, colon, argument = name.partition(":")
    module = shipped.load_file(shipped.find("configs", file))
    return module.get_config(*([argument] if colon else []))
