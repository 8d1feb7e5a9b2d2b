"""Curves from the log of a training run."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from dis_jax.markup import escape_math
from dis_jax.training import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Curve(NamedTuple):
    """One logged quantity over training.

    Attributes:
      step: (records,), increasing.
      value: (records,), or (records, members) for a population.
    """

    step: Int[np.ndarray, " records"]
    value: Float[np.ndarray, " records"] | Float[np.ndarray, "records members"]


def read_curves(workdir: str | os.PathLike[str]) -> dict[str, Curve]:
    """Curves of all numbers in a run's `metrics.jsonl`, by name.

    Args:
      workdir: the run's folder.

    Returns:
      A curve for each name, in the order in which the names first appear; none without a
      log. The values of a member of a population that has diverged are NaN.

    Example:
      >>> import pathlib, tempfile
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = (folder / "metrics.jsonl").write_text('{"step": 10, "loss": 2.5}')
      >>> read_curves(folder)["loss"].value.tolist()
      [2.5]
    """
    values: dict[str, dict[int, float | list[float]]] = {}
    for line in read_metrics(pathlib.Path(workdir)):
        for name, value in line.items():
            if name != "step" and _is_numeric(value):
                values.setdefault(name, {})[line["step"]] = value
    return {
        name: Curve(np.array([*found]), np.array([*found.values()], float))
        for name, found in values.items()
    }


def loss_curves(
    curves: Mapping[str, Curve],
    *,
    names: Sequence[str] | None = None,
    member: int | None = None,
    columns: int = 3,
) -> Figure:
    """Figure of logged quantities over training, one panel each.

    Long curves are drawn with their running mean over 1/50 of the records. The axis is
    logarithmic where values are positive and the largest is over 10 times the median.

    Args:
      curves: from `read_curves`.
      names: names of the curves to draw, in this order; all by default.
      member: member of a population to emphasise; the others are drawn in grey behind it.
      columns: panels in a row.

    Returns:
      A matplotlib figure.

    Raises:
      ValueError: if there is no curve to draw, or a name or member does not exist.

    Example:
      >>> figure = loss_curves({"loss": Curve(np.arange(5), np.arange(5.0))})
      >>> figure.axes[0].get_title()
      'loss'
    """
    from matplotlib.figure import Figure

    names = list(curves if names is None else names)
    if absent := [name for name in names if name not in curves]:
        raise ValueError(f"names has {absent}; there are {sorted(curves)}.")
    if not names:
        raise ValueError("curves is empty; expected at least one logged quantity.")
    columns = min(columns, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(3.4 * columns, 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _draw_curve(axes, curves[name], member)
        axes.set_title(escape_math(name))
    for axes in panels[len(names) :]:
        axes.remove()
    return figure


def _is_numeric(value: object) -> bool:
    if isinstance(value, list):
        # None: a member that has diverged
        return bool(value) and all(v is None or _is_numeric(v) for v in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _draw_curve(axes: Axes, curve: Curve, member: int | None) -> None:
    from matplotlib.ticker import LogLocator

    shared = curve.value.ndim == 1
    values = curve.value[:, None] if shared else curve.value
    members = values.shape[1]
    if member is not None and not shared and not 0 <= member < members:
        raise ValueError(f"member is {member}; the population has 0..{members - 1}.")
    chosen = range(members) if member is None or shared else [member]
    width = running_mean_width(len(values))
    smooth = [_running_mean(values[:, m], width) for m in range(members)]
    for m in set(range(members)) - set(chosen):
        axes.plot(curve.step, smooth[m], color="0.6", alpha=0.5, linewidth=0.8)
    for m in chosen:
        (line,) = axes.plot(curve.step, smooth[m], linewidth=1.6)
        colour = line.get_color()
        if width > 1:
            axes.plot(curve.step, values[:, m], color=colour, alpha=0.25, linewidth=0.6)
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() > 10 * np.median(finite):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("step")
    axes.margins(x=0.01)
    axes.xaxis.set_major_formatter(_thousands)
    axes.locator_params(axis="x", nbins=5)


def running_mean_width(records: int) -> int:
    """Width of the running mean in records; 1, no smoothing, for a short curve."""
    return max(1, records // 50)


def _running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Running mean over the finite values among the `width` values around each."""
    finite = np.isfinite(values)
    window = np.ones(width)
    total = np.convolve(np.where(finite, values, 0), window, "same")
    count = np.convolve(finite, window, "same")
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _thousands(step: float, _: float) -> str:
    return f"{step / 1000:g}k" if abs(step) >= 1000 else f"{step:g}"
