"""Draws the pictures of docs/correlated_factors.md and docs/generalisation.md.

python docs/make_shift_pictures.py
"""

import json
import pathlib

from matplotlib.figure import Figure

from dis_jax import figures

DOCS = pathlib.Path(__file__).parent
RESULTS = DOCS.parent / "results"
CORRELATED = "shift_correlated_rendered_dsprites_small_steps2000"
SPLITS = "shift_splits_rendered_dsprites_small_steps2000"
NAMES = {
    "beta_vae": "beta-VAE",
    "beta_tcvae": "beta-TCVAE",
    "hfs": "HFS",
    "ada_gvae": "Ada-GVAE",
}


def lines_of(study):
    """Returns {line: {column: mean}} of a study's table."""
    found = json.loads((RESULTS / f"{study}.json").read_text())["lines"]
    return {
        line: {column: cell["mean"] for column, cell in cells.items()}
        for line, cells in found.items()
    }


def rows_of(lines):
    """Returns the methods in the order of the table."""
    return [*dict.fromkeys(line.split(",")[0] for line in lines)]


def draw(panel, values, marks, names):
    """Draws a row of marks for each name, joined by a thin line."""
    for y, row in enumerate(values):
        panel.plot([min(row), max(row)], [y, y], color="0.8", zorder=0)
        for x, (label, style) in zip(row, marks.items(), strict=True):
            panel.plot(x, y, **style, label=label if y == 0 else None)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.grid(axis="x", alpha=0.3)


def correlated():
    """Draws the scores of models trained with width .1 or on independent factors."""
    lines = lines_of(CORRELATED)
    methods = rows_of(lines)
    sources = {
        "trained and scored on independent factors": "independent, uniform",
        "trained on correlated factors, scored on them": "width 0.1, trained",
        "trained on correlated factors, scored on independent ones": "width 0.1, uniform",
    }
    styles = (
        {"marker": "s", "color": "0.4", "ls": ""},
        {"marker": "o", "color": "C1", "mfc": "white", "ls": "", "ms": 8, "mew": 1.5},
        {"marker": "o", "color": "C1", "ls": "", "ms": 8},
    )
    marks = dict(zip(sources, styles, strict=True))
    columns = {
        "R2": "R2",
        "MCC": "MCC",
        "pair": "entanglement of the pair\n(lower is better)",
    }
    figure = Figure(figsize=(9, 3.1), layout="constrained")
    panels = figure.subplots(1, len(columns), sharey=True)
    for panel, (column, title) in zip(panels, columns.items(), strict=True):
        values = [
            [lines[f"{method}, {line}"][column] for line in sources.values()]
            for method in methods
        ]
        draw(panel, values, marks, [NAMES[method] for method in methods])
        panel.set_title(title, fontsize="medium")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", fontsize="small")
    return figure


def splits():
    """Draws the R2 of each learned factor inside and outside of the training part."""
    lines = lines_of(SPLITS)
    rows = [*dict.fromkeys(line.rsplit(", ", 1)[0] for line in lines)]
    sides = ("inside", "outside", "unseen value")
    colours = ("0.4", "C1", "C3")
    factors = {"pos_x": "position x", "pos_y": "position y", "scale": "scale"}
    methods = rows_of(lines)
    figure = Figure(figsize=(9, 1 + 1.7 * len(methods)), layout="constrained")
    panels = figure.subplots(len(methods), len(factors), sharey="row", squeeze=False)
    for method, line_of_panels in zip(methods, panels, strict=True):
        own = [row for row in rows if row.startswith(f"{method}, ")]
        for (factor, title), panel in zip(factors.items(), line_of_panels, strict=True):
            for y, row in enumerate(own):
                found = {
                    side: lines[f"{row}, {side}"][factor]
                    for side in sides
                    if factor in lines.get(f"{row}, {side}", {})
                }
                panel.plot(
                    [min(found.values()), max(found.values())],
                    [y, y],
                    color="0.8",
                    zorder=0,
                )
                for side, colour in zip(sides, colours, strict=True):
                    if side in found:
                        panel.plot(found[side], y, "o", color=colour, ms=7)
            panel.set_xlim(-0.05, 1.05)
            panel.grid(axis="x", alpha=0.3)
            panel.set_title(f"{NAMES[method]}: R2 of {title}", fontsize="medium")
            words = [row.split(", ")[1].replace("_", " ") for row in own]
            panel.set_yticks(range(len(own)), words)
            panel.set_ylim(len(own) - 0.5, -0.5)
    labels = (
        "inside: other images of the training part",
        "outside: images of the held-out part",
        "outside, where this factor has a value that never occurs in training",
    )
    handles = [
        panels[0, 0].plot([], [], "o", color=colour, label=label)[0]
        for colour, label in zip(colours, labels, strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", fontsize="small")
    return figure


def main():
    for name, picture in {
        "correlated_factors": correlated,
        "generalisation": splits,
    }.items():
        (DOCS / f"{name}.png").write_bytes(figures.to_png(picture()))


if __name__ == "__main__":
    main()
