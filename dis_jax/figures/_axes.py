"""Shared parts of the figures: empty axes, colours, checks of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def empty_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this size in inches, with one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def outside_legend(figure: Figure) -> None:
    """Adds a legend to the right of the axes."""
    figure.legend(loc="outside right upper", frameon=False, markerscale=1.5)


def distinct_colours(count: int) -> list[Any]:
    """Distinct colours: those of the style, or a colour wheel if there are too few."""
    import matplotlib

    cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    if count <= len(cycle):
        return cycle[:count]
    return list(matplotlib.colormaps["hsv"](np.arange(count) / count))


def checked_vector(argument: str, values: Any) -> np.ndarray:
    """`values` as floats along one axis.

    Raises:
      ValueError: if `values` does not have exactly one axis, or is empty.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{argument} has shape {values.shape}; expected one axis.")
    return values


def checked_names(
    argument: str, names: Sequence[str] | None, count: int, default: str
) -> list[str]:
    """`count` names, by default made from `default` and a number.

    Raises:
      ValueError: if there is another number of names.
    """
    names = [default.format(i) for i in range(count)] if names is None else list(names)
    if len(names) != count:
        raise ValueError(f"{argument} has {len(names)} names; expected {count}.")
    return names
