"""Studies, of configs/studies/ or of one's own, by their files."""

import importlib.util
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
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"--study: {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_study(argument)
