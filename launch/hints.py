"""Hints for command lines whose flags do not fit their config."""

import pathlib
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from dis_jax import own_code, shipped
from dis_jax.suggest import nearest

_OVERRIDE = re.compile(r"--?config\.([^=]+)")


def hint(arguments: list[str], unknown: str = "") -> str:
    """A hint about a command line that could not be parsed, or an empty string.

    Args:
      arguments: of the command.
      unknown: the name of an unknown flag.

    Returns:
      The config field that was probably meant, or the existing fields.
    """
    file, _, argument = _config_flag(arguments)[1].partition(":")
    if not file:
        return ""
    fields = dict(_fields(_load(file, argument)))
    if unknown:
        meant = [f for f in fields if f == unknown or f.rpartition(".")[2] == unknown]
        return "".join(f" --config.{f}=... sets that field." for f in meant).strip()
    for name in filter(None, map(_OVERRIDE.match, arguments)):
        if (field := name[1]) not in fields:
            group = field.rpartition(".")[0]
            while group and not hasattr(fields.get(group), "items"):
                group = group.rpartition(".")[0]
            beside = [f for f in fields if f.rpartition(".")[0] == group]
            of = f"config.{group}" if group else "config"
            if group == "sampler" and not beside:
                return (
                    f"there is no config.{field} in this config. The word epoch sets "
                    "sampler.order (--config=NAME:epoch); a config file of your own sets "
                    "all arguments of the sampler."
                )
            near = nearest(field, fields)
            meant = f"did you mean {near}? " if near else ""
            return f"there is no config.{field}; {meant}{of} has {', '.join(beside)}."
    return ""


def with_file(arguments: list[str]) -> list[str]:
    """The arguments, with the name of a shipped config replaced by its file.

    Raises:
      ValueError: if there is no such config; names the nearest.
    """
    where, given = _config_flag(arguments)
    name, colon, argument = given.partition(":")
    if not name:
        return arguments
    word = arguments[where].removesuffix(given)
    found = shipped.find("configs", name)
    own_code.search(found.parent)  # a config file may import its neighbours
    file = f"{word}{found}{colon}{argument}"
    return [*arguments[:where], file, *arguments[where + 1 :]]


def broken_file(arguments: list[str]) -> str:
    """The error of the file of --config with its line, or an empty string."""
    file, _, argument = _config_flag(arguments)[1].partition(":")
    if not pathlib.Path(file).is_file():
        return ""
    try:
        _load(file, argument)
    except Exception as error:  # a user's file may raise any error
        frames = traceback.extract_tb(error.__traceback__)
        whole = str(pathlib.Path(file).absolute())  # as Python names it, or as given
        lines = [frame.lineno for frame in frames if frame.filename in (file, whole)]
        line, words = lines[-1] if lines else None, str(error)
        if isinstance(error, SyntaxError):
            line, words = error.lineno, error.msg
        name = type(error).__name__
        text = words if type(error) is ValueError else f"{name}: {words}"
        return f"{text} ({file}, line {line})" if line else f"{text} ({file})"
    return ""


def _config_flag(arguments: list[str]) -> tuple[int, str]:
    """Position and value of --config in the arguments; 0 and "" without it."""
    for i, word in enumerate(arguments):
        name, equals, value = word.lstrip("-").partition("=")
        if name == "config" and word.startswith("-"):
            return (i, value) if equals else (i + 1, "".join(arguments[i + 1 : i + 2]))
    return 0, ""


def _load(file: str, argument: str) -> Any:
    module = shipped.load_file(pathlib.Path(file))
    return module.get_config(*([argument] if argument else []))


def _fields(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values, also of groups of fields."""
    for name, value in config.items():
        yield f"{prefix}{name}", value
        if isinstance(value, Mapping) or hasattr(value, "to_dict"):
            yield from _fields(value, f"{prefix}{name}.")
