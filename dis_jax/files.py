"""Atomic writes of files, and names for files."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import uuid
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A path to write to, which replaces a file atomically if the block succeeds.

    Readers see the old content or the new one, even if the process is killed while it
    writes, or if another process writes the same file.

    Args:
      path: of the file; its folder is created if missing.

    Yields:
      Another path in the same folder, with the same suffix.

    Example:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "numbers.bin")
      >>> with replacing(path) as fresh:
      ...     fresh.write_bytes(b"123")
      3
      >>> path.read_bytes(), len(list(path.parent.iterdir()))
      (b'123', 1)
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, because a rename is atomic only within a file system. The name is
    # random, because processes on two hosts may have the same process id.
    fresh = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        yield fresh
        fresh.replace(path)
    except OSError as error:
        if str(error.filename) == str(fresh):  # a folder without write permission
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # it would hide the error of the block
            fresh.unlink()


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Replaces the text of a file atomically, see `replacing`.

    Args:
      path: of the file; its folder is created if missing.
      text: the new content.

    Example:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "runs", "note.txt")
      >>> write_whole(path, "one line")
      >>> path.read_text(), len(list(path.parent.iterdir()))
      ('one line', 1)
    """
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Replaces a file atomically with a value as standard JSON.

    Args:
      path: of the file; its folder is created if missing.
      value: anything that JSON can represent.

    Raises:
      ValueError: if a number is not finite.

    Example:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "score.json")
      >>> write_json(path, {"mig": 0.5})
      >>> path.read_text()
      '{\\n "mig": 0.5\\n}\\n'
    """
    write_whole(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def file_name(text: str) -> str:
    """Turns a text into the name of a file or folder.

    Args:
      text: any.

    Returns:
      Its letters, digits and dots, with single underscores for all else.

    Example:
      >>> file_name("beta_vae, beta 0.5")
      'beta_vae_beta_0.5'
    """
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("_")
