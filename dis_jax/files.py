"""Files: written whole or not at all, and named after what they hold."""

from __future__ import annotations

import os
import pathlib
import re


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Puts a text in the place of a file, at once.

    Whoever reads meets the old text or the new one, also where the process is killed
    while it writes, or where another writes the same file.

    Args:
      path: of the file; its folder is made if need be.
      text: what it will hold.

    Example:
      >>> import pathlib, tempfile
      >>> path = pathlib.Path(tempfile.mkdtemp(), "runs", "note.txt")
      >>> write_whole(path, "one line")
      >>> path.read_text(), len(list(path.parent.iterdir()))
      ('one line', 1)
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def file_name(text: str) -> str:
    """A text as the name of a file or folder.

    Args:
      text: any.

    Returns:
      Its letters, digits and dots, with single underscores for all else.

    Example:
      >>> file_name("beta_vae, beta 0.5")
      'beta_vae_beta_0.5'
    """
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("_")
