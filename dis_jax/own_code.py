"""User code, referenced by a name such as `my_module:my_method`.

A config or a command line can name the user's methods, data sets, pairs of networks and
metrics; this package needs no edit. A name from someone else's file (for example the config
of a run) imports nothing until it is permitted.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dis_jax.suggest import suggest

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

# Permitted names. The value is the object once it is given or imported, else None.
_PERMITTED: dict[str, Any] = {}
_EVERYTHING = "*"


def is_own(name: Any) -> bool:
    """Whether a name refers to code outside this package: `module:attribute`.

    Args:
      name: anything.

    Returns:
      Whether it has that form.

    Example:
      >>> from dis_jax import own_code
      >>> own_code.is_own("my_module:my_method"), own_code.is_own("runs/a:b")
      (True, False)
    """
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def permit(*names: str) -> None:
    """Permits this process to import and run the code with these names.

    Args:
      *names: each a `module:attribute`; other words are ignored. "*" permits all.

    Example:
      >>> from dis_jax import own_code
      >>> own_code.permit("math:sqrt")
      >>> own_code.resolve("math:sqrt", "the root")(9.0)
      3.0
    """
    for name in names:
        if is_own(name) or name == _EVERYTHING:
            _PERMITTED.setdefault(name)


def name_of(thing: Callable[..., Any]) -> str:
    """The name of a function or class, by which another process finds it.

    This process continues to use the object itself.

    Args:
      thing: defined at the top of a module, a config file or a script.

    Returns:
      `module:attribute`.

    Raises:
      ValueError: if it has no such name, as for lambdas and inner functions.

    Example:
      >>> import statistics
      >>> from dis_jax import own_code
      >>> own_code.name_of(statistics.mean)
      'statistics:mean'
    """
    attribute = getattr(thing, "__qualname__", "")
    module = getattr(thing, "__module__", None) or ""
    home = sys.modules.get(module)
    if home is None or module == "__main__" or _attribute(home, attribute) is not thing:
        # a config file may be loaded under a name that differs from its file name
        file = getattr(getattr(thing, "__code__", None), "co_filename", "")
        file = file or getattr(home, "__file__", None) or ""
        module = pathlib.Path(file).stem if file.endswith(".py") else module
    name = f"{module}:{attribute}"
    if not is_own(name):
        raise ValueError(
            f"{thing!r} has no name that another process finds; expected a function or "
            "class that is defined at the top of a file."
        )
    _PERMITTED[name] = thing
    return name


def resolve(name: str, what: str) -> Any:
    """The object with a permitted name; imports its module if necessary.

    Searches Python's module path first, then the current folder.

    Args:
      name: `module:attribute`.
      what: what the name is used for, in messages: "config.method".

    Returns:
      The attribute.

    Raises:
      ValueError: if the name is not permitted, or the module cannot be imported, or has
        no such attribute.

    Example:
      >>> from dis_jax import own_code
      >>> own_code.permit("statistics:mean")
      >>> own_code.resolve("statistics:mean", "the mean")([1.0, 2.0])
      1.5
    """
    if name not in _PERMITTED and _EVERYTHING not in _PERMITTED:
        raise ValueError(
            f"{what} is {name!r}, code from outside dis_jax, which "
            "files from other people can also name: nothing was imported. If you trust it, "
            "give --allow_code to the command; in Python, training.restore(..., "
            f"allow_code=True) or method=..., or dis_jax.own_code.permit({name!r})."
        )
    if _PERMITTED.get(name) is not None:
        return _PERMITTED[name]
    module, _, attribute = name.partition(":")
    try:
        home = _imported(module)
    except Exception as error:  # the user's module may raise anything
        raise ValueError(_failed(name, what, error)) from error
    found = _attribute(home, attribute)
    if found is None:
        raise ValueError(
            f"{what} is {name!r}, but {home.__file__ or module} has no {attribute!r}; "
            f"{suggest(attribute, _offered(home))}"
        )
    _PERMITTED[name] = found  # compiled programs contain a set's functions: one object
    return found


def named(config: Any) -> Any:
    """Replaces the functions in a config by their names, and permits all names in it.

    Only for a config that the user passes for training; never call this with a config that
    was read from a run's folder.

    Args:
      config: an `ml_collections.ConfigDict`, or a mapping; functions in it become names.

    Returns:
      The config itself if it contains no function, else a copy.

    Raises:
      ValueError: if it is not a config.
    """
    if not hasattr(config, "items"):
        raise ValueError(f"get_config returned {config!r}; expected a ConfigDict.")
    found = {name: value for name, value in _leaves(config) if callable(value)}
    if found:
        config = config.copy_and_resolve_references()
        with config.ignore_type(), config.unlocked():
            config.update_from_flattened_dict(
                {name: name_of(value) for name, value in found.items()}
            )
    permit(*names_in(config))
    return config


def names_in(config: Any) -> list[str]:
    """The names of code outside this package that a config contains.

    Args:
      config: an `ml_collections.ConfigDict`, or a mapping.

    Returns:
      Each `module:attribute`, without the variants that may follow a data set's name.
    """
    words = [v.partition("+")[0] for _, v in _leaves(config) if isinstance(v, str)]
    return [word for word in words if is_own(word)]


def search(folder: str | os.PathLike[str]) -> None:
    """Appends a folder to Python's module path.

    Args:
      folder: for example that of a config file.
    """
    folder = str(pathlib.Path(folder).resolve())
    if folder not in sys.path:
        sys.path.append(folder)


def origin(name: str, error: BaseException) -> str:
    """Describes an error in user code, with the line of that code.

    Args:
      name: of the code, `module:attribute`.
      error: what was raised.

    Returns:
      One line of text: type, message, file and line of the error.
    """
    module = sys.modules.get(name.partition(":")[0])
    file = getattr(module, "__file__", None) or _file_of(_PERMITTED.get(name))
    return in_file(file, error)


def in_file(file: str, error: BaseException) -> str:
    """Describes an error, with the last line of a file in its traceback.

    Args:
      file: path of the user's file, or empty.
      error: what was raised.

    Returns:
      One line of text: type, message, file and line of the error.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if file and frame.filename == file]
    text = " ".join(str(error).split()).rstrip(".") or "no message"
    where = f" ({file}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {text}{where}"


def _offered(home: Any) -> list[str]:
    """The public names of a module's functions, classes and values."""
    found = {k: v for k, v in vars(home).items() if not k.startswith("_")}
    return [k for k, v in found.items() if not inspect.ismodule(v)]


def _file_of(thing: Any) -> str:
    return getattr(getattr(thing, "__code__", None), "co_filename", "")


def _imported(module: str) -> Any:
    search(pathlib.Path.cwd())
    importlib.invalidate_caches()
    return importlib.import_module(module)


def _failed(name: str, what: str, error: Exception) -> str:
    module = name.partition(":")[0]
    missing = isinstance(error, ModuleNotFoundError) and error.name
    if missing and f"{module}.".startswith(f"{missing}."):
        return (
            f"{what} is {name!r}, but there is no module {missing!r} in the current "
            f"folder {pathlib.Path.cwd()}, next to the config file, or installed. Start "
            "where its file is, or name that folder in PYTHONPATH."
        )
    return f"{what} is {name!r}, whose module cannot be imported: {_place(error)}"


def _place(error: Exception) -> str:
    """Describes an error of an import, with the line that raised it."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno})"


def _attribute(home: Any, path: str) -> Any:
    for part in path.split("."):
        home = getattr(home, part, None)
    return home


def _leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of all leaves; a tuple is one leaf."""
    for name, value in tree.items():
        if isinstance(value, Mapping) or hasattr(value, "items"):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
