"""Atomic writes of text files, and names for files."""

from __future__ import annotations

import os
import pathlib
import re


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Replaces the content of a file atomically.

    Readers see the old text or the new one, also if the process is killed while it
    writes, or if another process writes the same file.

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
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, because a rename is atomic only within a file system; the
    # process id keeps two writers apart.
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


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
