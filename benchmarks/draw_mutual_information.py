"""The figure of `check_mutual_information`."""

import numpy as np

from dis_jax import figures

_COLOURS = ("#1b6ca8", "#c8553d", "#e0a030", "#3c8d5a", "#7a5195", "#555555")


def draw(result) -> bytes:
    """PNG of estimates over batch size: a row per case, a column per mutual information."""
    from matplotlib.figure import Figure

    rows = result["trained"]
    cases = list(dict.fromkeys((r["dim"], r["cubed"]) for r in rows))
    informations = sorted({r["information"] for r in rows})
    names = list(dict.fromkeys(r["estimator"] for r in rows))
    figure = Figure(
        figsize=(2.5 * len(informations), 2.3 * len(cases)), layout="constrained"
    )
    grid = figure.subplots(len(cases), len(informations), sharex=True, squeeze=False)
    for axes_row, (dim, cubed) in zip(grid, cases, strict=True):
        for axes, information in zip(axes_row, informations, strict=True):
            for name, colour in zip(names, _COLOURS, strict=True):
                line = [
                    r
                    for r in rows
                    if (r["dim"], r["cubed"], r["information"], r["estimator"])
                    == (dim, cubed, information, name)
                    and r["mean"] is not None
                ]
                _band(axes, line, name, colour)
            sizes = np.array(sorted({r["batch_size"] for r in rows}))
            axes.axhline(information, color="black", linewidth=1)
            axes.plot(sizes, np.log(sizes), color="black", linewidth=1, linestyle=":")
            axes.set_xscale("log", base=2)
            axes.set_ylim(-0.6 - 0.15 * information, 0.8 + 1.35 * information)
            axes.set_title(f"{information:g} nats", fontsize="small")
        axes_row[0].set_ylabel(f"{dim} dimensions{', cubed' if cubed else ''}\nnats")
    for axes in grid[-1]:
        axes.set_xlabel("batch size")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(
        "Estimates by trained critics on held-out pairs, mean and standard deviation; "
        "black: the truth; dotted: log batch size",
        fontsize="medium",
    )
    return figures.to_png(figure)


def _band(axes, line, name, colour):
    sizes, mean, std = (
        np.array([r[field] for r in line]) for field in ("batch_size", "mean", "std")
    )
    axes.plot(sizes, mean, "o-", color=colour, label=name, markersize=3, linewidth=1.2)
    axes.fill_between(sizes, mean - std, mean + std, color=colour, alpha=0.15, lw=0)
