"""The table of a study as a chart: a row per line, a panel per shown column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dis_jax.markup import escape_math
from dis_jax.studies.markdown import shown_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS_A_ROW = 4


def study_chart(result: Mapping[str, Any]) -> Figure:
    """Mean and deviation of every line, a panel per column, with published numbers.

    Args:
      result: from `studies.run_study` or `studies.tabulate`.

    Returns:
      A matplotlib figure; a hollow diamond is a published number.

    Raises:
      ValueError: if no model has been scored.

    Example:
      >>> cell = {"mean": 2.0, "std": 0.1, "n": 3, "published": 2.2}
      >>> figure = study_chart({"title": "", "lines": {"a": {"accuracy": cell}}})
      >>> figure.axes[0].get_title()
      'accuracy'
    """
    from matplotlib.figure import Figure

    lines = result["lines"]
    columns = shown_columns(result)
    if not columns:
        raise ValueError(
            "no model of this study has been scored yet; there is nothing to draw."
        )
    across = min(_PANELS_A_ROW, len(columns))
    down = -(-len(columns) // across)
    size = (2.2 + 2.1 * across, down * (0.9 + 0.24 * len(lines)))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for panel, column in zip(panels, columns, strict=False):
        for y, cells in enumerate(lines.values()):
            if (cell := cells.get(column)) is None:
                continue
            mean, std = cell["mean"], cell["std"] or 0.0
            panel.errorbar(mean, y, xerr=std, fmt="o", color="C0", markersize=4)
            if cell["published"] is not None:
                panel.plot(cell["published"], y, "D", color="C1", mfc="none")
        panel.set_title(escape_math(column), fontsize="medium")
        panel.grid(axis="x", alpha=0.3)
        panel.margins(x=0.12)
    panels[0].set_yticks(range(len(lines)), [*map(escape_math, lines)])
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    for panel in panels[len(columns) :]:
        panel.set_visible(False)
    figure.suptitle(escape_math(result["title"]))
    return figure
