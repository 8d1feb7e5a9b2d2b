"""Progress bars, shown only in a terminal or in a notebook."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def progress_bar(items: Any = None, *, delay: float = 0, **options: Any) -> Any:
    """A progress bar of tqdm; it draws nothing outside a terminal or notebook.

    Args:
      items: to iterate over, or None.
      delay: seconds before it appears.
      **options: of tqdm: `total`, `unit`, `initial`, `desc`.

    Example:
      >>> from dis_jax.progress import progress_bar
      >>> sum(progress_bar(range(4), unit="number"))
      6
    """
    # With ipywidgets a notebook shows a widget, without it a text bar.
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
    ipython = sys.modules.get("IPython")  # a kernel has already imported it
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
