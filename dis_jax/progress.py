"""Progress bars, where someone watches: in a terminal and in a notebook."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def progress_bar(items: Any = None, *, delay: float = 0, **options: Any) -> Any:
    """A bar of tqdm; elsewhere, as in a log file, the same object draws nothing.

    Args:
      items: to iterate over, or None.
      delay: seconds before it appears.
      **options: of tqdm: `total`, `unit`, `initial`, `desc`.

    Example:
      >>> from dis_jax.progress import progress_bar
      >>> sum(progress_bar(range(4), unit="number"))
      6
    """
    # With ipywidgets a notebook gets a bar of its own, and text without.
    if in_notebook() and importlib.util.find_spec("ipywidgets"):
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(
        items,
        delay=delay,
        # A notebook keeps every line that a text bar writes; a terminal overwrites it.
        mininterval=0.1 if sys.stderr.isatty() else 2,
        disable=not watched(),
        dynamic_ncols=sys.stderr.isatty(),
        **options,
    )


def watched() -> bool:
    """Whether stderr is a terminal or the page of a notebook."""
    return sys.stderr.isatty() or in_notebook()


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code; Colab's is one."""
    ipython = sys.modules.get("IPython")  # not imported: a kernel has done that
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
