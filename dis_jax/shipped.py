"""Configs, studies and commands that come with the package, found by their names."""

from __future__ import annotations

import difflib
import functools
import importlib.util
import pathlib
import sys
from types import ModuleType

from dis_jax import own_code
from dis_jax.suggest import suggest

_PACKAGE = pathlib.Path(__file__).parent
_KINDS = {"configs": "config", "configs/studies": "study", "launch": "command"}


def folder(kind: str) -> pathlib.Path:
    """The folder of a kind of files, in an installed package or next to it in a clone.

    Args:
      kind: "launch", "configs" or "configs/studies".

    Returns:
      The folder.
    """
    inside = _PACKAGE / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def names(kind: str) -> list[str]:
    """The names of all files of a kind, without their suffix.

    Args:
      kind: see `folder`.

    Returns:
      The names, sorted.

    Example:
      >>> from dis_jax import shipped
      >>> shipped.names("configs")[:3]
      ['ada_gvae', 'ada_ml_vae', 'annealed_vae']
    """
    return sorted(p.stem for p in folder(kind).glob("*.py") if p.stem != "__init__")


def find(kind: str, name: str) -> pathlib.Path:
    """The path of a shipped file by its name, or of any file by its path.

    Args:
      kind: see `folder`.
      name: of a shipped file ("factor_vae"), or the path of any file ("mine.py").

    Returns:
      The path.

    Raises:
      ValueError: if there is no such file; the message lists similar names.
    """
    path = pathlib.Path(name)
    if path.is_file():
        return path
    known = names(kind)
    if path.suffix != ".py":
        if name in known:
            return folder(kind) / f"{name}.py"
        raise ValueError(f"no {_KINDS[kind]} {name!r}; {suggest(name, known)}")
    files = sorted(str(p) for p in path.parent.glob("*.py") if p.stem != "__init__")
    near = difflib.get_close_matches(name, files, n=3, cutoff=0.4) or files
    shipped = f" The shipped one is called {path.stem}." if path.stem in known else ""
    raise ValueError(
        f"no file {name}; similar names: {', '.join(near) or 'none'}.{shipped}"
    )


def load_file(path: pathlib.Path) -> ModuleType:
    """Loads a Python file as a module.

    Args:
      path: of the file.

    Returns:
      The module.

    Raises:
      ValueError: if it is not a Python file.
    """
    own_code.search(path.parent)  # a file may import those next to it
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def load(kind: str, name: str) -> ModuleType:
    """Loads a shipped file as a module, for configs and studies that use each other.

    Args:
      kind: see `folder`.
      name: of the file.

    Returns:
      The module.

    Example:
      >>> from dis_jax import shipped
      >>> shipped.load("configs", "beta_vae").get_config("mnist").dataset
      'mnist'
    """
    return load_file(find(kind, name))


def command(name: str) -> str:
    """The command line of a command, for messages: as installed, or in a clone.

    Args:
      name: a module of `launch`.

    Returns:
      The first words of the command.
    """
    running = getattr(sys.modules.get("__main__"), "__package__", None)
    # An editable install has both forms: messages follow the one that the user typed.
    installed = running == "dis_jax.launch" or (_PACKAGE / "launch").is_dir()
    return f"dis-jax {name}" if installed else f"python -m launch.{name}"
