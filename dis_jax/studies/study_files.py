"""Studies by name, or by the path of one's own file."""

from __future__ import annotations

from typing import Any

from dis_jax import shipped


def load_study(name: str) -> Any:
    """The study that a name or a file describes.

    Args:
      name: of a shipped study ("joint_vae"), or the path of a file with a function
        `get_study`; its argument follows a colon.

    Returns:
      A `Study`, or a `TransferStudy`.

    Raises:
      ValueError: if there is no such study; says which are near.

    Example:
      >>> from dis_jax import studies
      >>> studies.load_study("joint_vae:mnist,seeds2").seeds
      (0, 1)
    """
    file, _, argument = name.partition(":")
    module = shipped.load_file(shipped.find("configs/studies", file))
    return module.get_study(argument)
