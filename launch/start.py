"""What every launch script does first: compilation cache, logging, readable errors."""

import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from absl import app, flags, logging

_USER_ERRORS = (ValueError, FileNotFoundError, FileExistsError)


def run(main: Callable[[list[str]], None]) -> None:
    """`app.run`, where a wrong config field ends in one line and not in a traceback."""
    logging.set_verbosity(logging.INFO)
    logging.use_absl_handler()
    handler = logging.get_absl_handler()
    handler.setFormatter(None)
    handler.addFilter(_ours_or_urgent)
    app.run(main, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        _stop(f"{error}\nSee python -m {_module()} --help.")
    except (AttributeError, KeyError, TypeError, *_USER_ERRORS) as error:
        _stop(f"--config: {error.args[0] if error.args else error}")


def _ours_or_urgent(record: Any) -> bool:
    """Other packages say a lot at the level that we use; theirs is for debugging."""
    ours = "/dis_jax/" in record.pathname or "/launch/" in record.pathname
    return ours or record.levelno >= 30  # logging.WARNING


def _module() -> str:
    return f"launch.{pathlib.Path(sys.argv[0]).stem}"


def _stop(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1)


@contextlib.contextmanager
def readable_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Errors that a user can mend end the program with their message alone."""
    try:
        yield
    except (*_USER_ERRORS, *kinds) as error:
        if os.environ.get("DIS_JAX_TRACEBACK"):
            raise
        _stop(str(error))


def set_up_jax(*, distributed: bool = False) -> None:
    """Keeps compiled programs between runs; joins other processes if there are any.

    The cache lies in $JAX_COMPILATION_CACHE_DIR, by default ~/.cache/dis_jax.
    """
    import jax

    if distributed:
        jax.distributed.initialize()
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = pathlib.Path.home() / ".cache" / "dis_jax"
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
