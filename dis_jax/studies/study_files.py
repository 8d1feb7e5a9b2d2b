"""Loads studies by name, or from your own file."""

from __future__ import annotations

from typing import Any

from dis_jax import own_code, shipped
from dis_jax.studies.study_table import Study
from dis_jax.studies.transfer_study import TransferStudy


def load_study(name: str) -> Any:
    """Loads a study by name or from a file.

    Args:
      name: of a shipped study ("joint_vae"), or the path of a file with a function
        `get_study`; the function's argument follows a colon.

    Returns:
      A `Study`, or a `TransferStudy`.

    Raises:
      ValueError: if there is no such study; the message suggests similar names. Also if
        the file fails (the message names the line) or returns no study.

    Example:
      >>> from dis_jax import studies
      >>> studies.load_study("joint_vae:mnist,seeds2").seeds
      (0, 1)
    """
    file, _, argument = name.partition(":")
    path = shipped.find("configs/studies", file)
    try:
        found = shipped.load_file(path).get_study(argument)
    except ValueError:
        raise
    except Exception as error:  # the user's file may raise anything
        said = own_code.in_file(str(path.absolute()), error)
        raise ValueError(f"{file}: {said}") from error
    if not isinstance(found, Study | TransferStudy):
        raise ValueError(
            f"{file}: get_study returned {found!r}; expected a studies.Study, or a "
            "studies.TransferStudy."
        )
    return found
