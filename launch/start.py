"""Set-up of every launch script: flags, errors, logs, signals."""

import functools
import os
import pathlib
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from absl import app, flags, logging

from dis_jax import extras, own_code, shipped
from dis_jax.command_line import end_without_reader

from . import hints

# Mistakes that a user can correct: only their message is shown.
_MENDABLE = (ValueError, OSError, ArithmeticError)
_ALLOW_CODE = flags.DEFINE_bool(
    "allow_code",
    False,
    "Import and run code outside dis_jax that the config of a workdir names.",
)
_TRACEBACK = "DIS_JAX_TRACEBACK"
_NOT_A_NUMBER = re.compile(
    r"(?:(invalid literal for int\(\) with base 10)|could not convert string to float): .*"
)
_MISSING = re.compile(
    r"flag --(\w+)=None: Flag --\1 must have a value other than None\."
)
_FOLDERS = ("source", "workdir")
# With a separator, because a clone may be called dis_jax and contain other packages too.
_OURS = tuple(
    f"{pathlib.Path(module).parent}{os.sep}"
    for module in (extras.__file__, hints.__file__)
)
_WITHOUT_EFFECT = ("results", "data_dir", "train")  # on results


def run(
    main: Callable[[list[str]], None],
    *,
    unwinds: bool = False,
    positional: bool = False,
) -> None:
    """Runs a script; a user's mistake ends in an error message, not in a traceback.

    Args:
      main: the script's main function.
      unwinds: whether a signal raises an exception, so that half-written files are
        removed. Not for scripts that compute: JAX loses an exception that is raised within
        one of its callbacks, or aborts.
      positional: whether arguments without -- are passed to `main`.
    """
    logging.set_verbosity(logging.INFO)
    logging.use_absl_handler()
    handler = logging.get_absl_handler()
    handler.setFormatter(None)
    handler.addFilter(_ours_or_urgent)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _unwind if unwinds else _end)

    def guarded(argv: list[str]) -> None:
        if argv[1:] and not positional:
            _stop(f"unexpected arguments {argv[1:]}. {_instead_of(argv[1])}")
        if _ALLOW_CODE.value:
            own_code.permit("*")
        try:
            main(argv)
        except BrokenPipeError:  # `| head`: the reader has enough
            end_without_reader()
        except _MENDABLE as error:
            if os.environ.get(_TRACEBACK):
                raise
            _stop(f"{error}\n({_TRACEBACK}=1 shows the traceback.)")
        except ModuleNotFoundError as error:
            lacking = extras.of_error(error)
            if os.environ.get(_TRACEBACK) or not lacking:
                raise
            _stop(lacking)

    app.run(guarded, flags_parser=functools.partial(_parse, positional=positional))


def command() -> str:
    """The command line, for the tables that it writes, with `...` instead of folders."""
    script = sys.modules["__main__"]
    given = [f for f in flags.FLAGS.get_key_flags_for_module(script) if f.present]
    left_open = (*_FOLDERS, *_WITHOUT_EFFECT)
    kept = [flag.serialize() for flag in given if flag.name not in left_open]
    folders = [f"--{flag.name}=..." for flag in given if flag.name in _FOLDERS]
    name = shipped.command(pathlib.Path(sys.argv[0]).stem)
    return " ".join((name, *kept, *folders))


def _parse(argv: list[str], *, positional: bool) -> list[str]:
    script = sys.modules["__main__"]  # absl shows its docstring as the help
    name = getattr(script.__spec__, "name", "")
    of_benchmarks = name.startswith("benchmarks.")
    command = shipped.command(pathlib.Path(argv[0]).stem)
    see = f"See {f'python -m {name}' if of_benchmarks else command} --help."
    script.__doc__ = _as_typed(script.__doc__ or "")
    if "config" in flags.FLAGS:
        try:
            argv = hints.with_file(argv)
        except ValueError as error:
            _stop(f"--config: {error}\n{see}")
    try:
        return flags.FLAGS(argv)
    except BrokenPipeError:  # `--help | head`
        end_without_reader()
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        # ml_collections and absl put the traceback of a config file into their message
        if broken := hints.broken_file(argv[1:]):
            _stop(f"--config: {broken}\n{see}")
        if isinstance(error, flags.Error):
            name = getattr(error, "flagname", "")
            more = _hint(argv, name)
            if positional and name == "workdir":
                more = "Name the folders without a flag: runs/a runs/b"
            if _MISSING.match(str(error)):
                words = [word for word in argv[1:] if not word.startswith("-")]
                more = _instead_of(words[0]) if words else ""
            text = _MISSING.sub(r"--\1=... is missing", str(error))
            text = text.partition(" Did you mean")[0].rstrip(".") if more else text
            _stop(f"{_NOT_A_NUMBER.sub(_of_type, text)}{more and f'. {more}'}\n{see}")
        if not isinstance(error, (AttributeError, KeyError, TypeError, *_MENDABLE)):
            raise
        # ml_collections passes on the repr of a message: undo its escapes and quotes
        text = str(error).encode().decode("unicode_escape").replace("'", "").strip('"')
        _stop(f"--config: {_hint(argv) or text}\n{see}")


def _as_typed(text: str) -> str:
    """Help text with the names of commands and configs here: in a clone, or installed."""
    if shipped.command("train").startswith("python"):
        return text
    text = re.sub(
        r"(?:python -m )?launch\.(\w+)", lambda m: shipped.command(m[1]), text
    )
    return re.sub(r"configs/(?:studies/)?(\w+)\.py", r"\1", text)


def _of_type(found: re.Match[str]) -> str:
    """The expected type, to replace Python's message on a text that it cannot convert."""
    return f"expected {'an integer' if found[1] else 'a number'}"


def _instead_of(word: str) -> str:
    """What to write instead of a word without a flag."""
    if "workdir" in flags.FLAGS and pathlib.Path(word).is_dir():
        return f"Did you mean --workdir={word}?"
    return "Options start with --, and values with spaces stand in quotes."


def _hint(argv: list[str], unknown: str = "") -> str:
    try:
        return hints.hint(argv[1:], unknown)
    except Exception:  # the error about an unreadable config is already printed
        return ""


def _ours_or_urgent(record: Any) -> bool:
    """Keeps our log lines, and warnings of other packages, which log too much at INFO."""
    script = f"{pathlib.Path(sys.argv[0]).parent}{os.sep}"  # such as benchmarks/
    ours = record.pathname.startswith((*_OURS, script))
    return ours or record.levelno >= 30  # logging.WARNING


def _unwind(signum: int, frame: Any) -> NoReturn:
    del frame
    _stop(f"ended by {signal.Signals(signum).name}", 128 + signum)


def _end(signum: int, frame: Any) -> NoReturn:
    """Ends a script that has nothing to save; training handles signals itself."""
    del frame
    # not by the log: the signal may have interrupted one of its writes
    os.write(2, f"error: ended by {signal.Signals(signum).name}\n".encode())
    os._exit(128 + signum)


def _stop(message: str, code: int = 1) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(code)
