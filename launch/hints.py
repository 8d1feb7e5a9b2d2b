"""What to do about flags that do not fit the config that is given with them."""

import difflib
import importlib.util
import itertools
import pathlib
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

_OVERRIDE = re.compile(r"--?config\.([^=]+)")


def hint(arguments: list[str], unknown: str = "") -> str:
    """A sentence about a command that could not be parsed, or nothing.

    Args:
      arguments: of the command.
      unknown: a flag that there is not.

    Returns:
      The field of the config that was meant, the fields that there are, or the nearest
      file.
    """
    if missing := missing_file(arguments):
        return missing
    file, _, argument = _config_flag(arguments).partition(":")
    if not file:
        return ""
    fields = dict(_fields(_load(pathlib.Path(file), argument)))
    if unknown:
        meant = [f for f in fields if f == unknown or f.rpartition(".")[2] == unknown]
        return "".join(f" --config.{f}=... sets that field." for f in meant).strip()
    for name in filter(None, map(_OVERRIDE.match, arguments)):
        if (field := name[1]) not in fields:
            group = field.rpartition(".")[0]
            beside = [f for f in fields if f.rpartition(".")[0] == group]
            of = f"config.{group}" if group else "config"
            return f"There is no config.{field}; {of} has {', '.join(beside)}."
    return ""


def missing_file(arguments: list[str]) -> str:
    """A sentence about the file of --config, or nothing where it is there."""
    file = _config_flag(arguments).partition(":")[0]
    path = pathlib.Path(file)
    if not file or path.is_file():
        return ""
    files = sorted(map(str, path.parent.glob("*.py")))
    near = difflib.get_close_matches(file, files, n=3, cutoff=0.4) or files
    return f"There is no file {file}; the nearest: {', '.join(near) or 'none'}."


def broken_file(arguments: list[str]) -> str:
    """What the file of --config raises and where, or nothing where it makes a config."""
    file, _, argument = _config_flag(arguments).partition(":")
    if not pathlib.Path(file).is_file():
        return ""
    try:
        _load(pathlib.Path(file), argument)
    except Exception as error:  # the file is the user's: anything may be in it
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == file]
        line, words = lines[-1] if lines else None, str(error)
        if isinstance(error, SyntaxError):
            line, words = error.lineno, error.msg
        name = type(error).__name__
        text = words if type(error) is ValueError else f"{name}: {words}"
        return f"{text} ({file}, line {line})" if line else f"{text} ({file})"
    return ""


def _config_flag(arguments: list[str]) -> str:
    """The value of --config."""
    for word, following in itertools.zip_longest(
        arguments, arguments[1:], fillvalue=""
    ):
        name, equals, value = word.lstrip("-").partition("=")
        if name == "config" and word.startswith("-"):
            return value if equals else following
    return ""


def _load(path: pathlib.Path, argument: str) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        return {}
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*([argument] if argument else []))


def _fields(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values, also of groups of fields."""
    for name, value in config.items():
        yield f"{prefix}{name}", value
        if isinstance(value, Mapping) or hasattr(value, "to_dict"):
            yield from _fields(value, f"{prefix}{name}.")
