"""Heat maps of matrices, with their names and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from dis_jax.figures._axes import checked_names, empty_axes
from dis_jax.markup import escape_math

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Matrix = Float[Any, "rows columns"]


def matrix(
    values: Matrix,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    texts: Sequence[Sequence[str]] | None = None,
    title: str = "",
    row_title: str = "",
    column_title: str = "",
    limits: tuple[float, float] | None = None,
    diverging: bool = False,
) -> Figure:
    """Heat map of a matrix with its numbers and names: codes against factors.

    Args:
      values: (rows, columns); NaN = not known, left blank.
      rows: a name for each row; z0, z1, ... by default.
      columns: a name for each column; 0, 1, ... by default.
      texts: texts of the cells; by default their values, with two decimals below 100.
      title: above the figure.
      row_title: what the rows are.
      column_title: what the columns are.
      limits: values at the two ends of the colour map; by default from 0, or from the
        smallest value if it is negative, to the largest.
      diverging: colours with a neutral middle at 0, for gains and correlations; else
        those of `image.cmap` in the style.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if `values` is not a matrix, or names or texts do not fit it.

    Example:
      >>> figure = matrix(np.eye(2), columns=["shape", "scale"])
      >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
      ['shape', 'scale']
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"values has shape {values.shape}; expected (rows, columns).")
    rows = checked_names("rows", rows, values.shape[0], "z{}")
    columns = checked_names("columns", columns, values.shape[1], "{}")
    if texts is None:
        digits = 2 if np.nanmax(np.abs(values), initial=0) < 100 else 0
        texts = [
            ["" if np.isnan(v) else f"{v:.{digits}f}" for v in row] for row in values
        ]
    if np.shape(texts) != values.shape:
        raise ValueError(f"texts has shape {np.shape(texts)}; expected {values.shape}.")
    longest = max(len(text) for row in texts for text in row)
    figure, axes = empty_axes(
        1.6 + len(columns) * max(0.55, 0.1 * longest), 1.1 + 0.34 * len(rows)
    )
    low, high = _limits(values, limits, diverging)
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap="RdBu" if diverging else None,
        vmin=low,
        vmax=high,
        aspect="auto",
    )
    _write_cells(axes, image, values, texts)
    turn = {"rotation": 30, "ha": "right"} if max(map(len, columns)) > 5 else {}
    axes.set_xticks(range(len(columns)), [*map(escape_math, columns)], **turn)
    axes.set_yticks(range(len(rows)), [*map(escape_math, rows)])
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set(
        title=escape_math(title),
        xlabel=escape_math(column_title),
        ylabel=escape_math(row_title),
    )
    return figure


def confusion_matrix(
    counts: Int[Any, "rows columns"],
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    row_title: str = "true class",
    column_title: str = "code",
) -> Figure:
    """Heat map of classes against codes, coloured by the share of the row.

    Args:
      counts: (rows, columns), number of examples of a row's class in each column.
      rows: a name for each row; 0, 1, ... by default.
      columns: a name for each column; 0, 1, ... by default.
      row_title: what the rows are.
      column_title: what the columns are.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if a count is negative, `counts` is not a matrix, or names do not fit.

    Example:
      >>> confusion_matrix(np.array([[3, 1], [0, 2]])).axes[0].texts[0].get_text()
      '3'
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.min(initial=0) < 0:
        raise ValueError(
            f"counts has shape {counts.shape} and values down to "
            f"{counts.min(initial=0)}; expected a matrix of counts, none negative."
        )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return matrix(
        share,
        rows=checked_names("rows", rows, counts.shape[0], "{}"),
        columns=columns,
        texts=[[f"{count:g}" for count in row] for row in counts.tolist()],
        row_title=row_title,
        column_title=column_title,
        limits=(0, 1),
    )


def _limits(
    values: np.ndarray, limits: tuple[float, float] | None, diverging: bool
) -> tuple[float, float]:
    if limits is not None:
        return limits
    known = values[np.isfinite(values)]
    if diverging:
        largest = np.abs(known).max(initial=1e-12)
        return -largest, largest
    return known.min(initial=0), known.max(initial=1e-12)


def _write_cells(axes: Any, image: Any, values: np.ndarray, texts: Any) -> None:
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            shade = image.cmap(image.norm(values[i, j])) if text else (1, 1, 1, 1)
            luminance = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2]
            axes.text(
                j,
                i,
                escape_math(text),
                ha="center",
                va="center",
                fontsize="small",
                color="black" if luminance > 0.5 else "white",
            )
