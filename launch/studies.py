"""The studies of configs/studies/, by their files."""

import importlib
import pathlib
from typing import Any


def load(name: str) -> Any:
    """The study that a file describes; an argument follows a colon."""
    file, _, argument = name.partition(":")
    path = pathlib.Path(file)
    if not path.is_file():
        known = ", ".join(
            sorted(map(str, pathlib.Path("configs/studies").glob("*.py")))
        )
        raise ValueError(f"--study: there is no {path}; there are {known}.")
    module = importlib.import_module(".".join(path.with_suffix("").parts))
    return module.get_study(argument)
