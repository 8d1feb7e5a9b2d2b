"""Tables of studies as Markdown."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dis_jax.markup import code_span, counted, escape_markdown
from dis_jax.studies.study_table import FEW


def markdown_table(result: Mapping[str, Any]) -> str:
    """A study's result as Markdown: the table, the differences, the missing models.

    Args:
      result: from `tabulate`; an entry "made_by" is the command to show.

    Returns:
      Markdown. In a cell: mean ± standard deviation over seeds, (published).

    Example:
      >>> from dis_jax import studies
      >>> study = studies.Study("a", "A", {"vae": {}}, (0,), score=lambda _: {})
      >>> scores = {"": {"mig": 0.25}}
      >>> record = {"row": "vae", "seed": 0, "steps": 1, "scores": scores, "config": {}}
      >>> found = studies.tabulate(study, [record])
      >>> print(studies.markdown_table(found).splitlines()[4])
      | vae | 0.25 |
    """
    columns = shown_columns(result)
    text = [f"# {escape_markdown(result['title'])}", ""]
    text += table_lines(
        ["", *columns],
        [
            [line, *(_study_cell(cells.get(column)) for column in columns)]
            for line, cells in result["lines"].items()
        ],
    )
    well = [model for model in result["models"] if "diverged" not in model]
    diverged = diverged_models(result)
    if well or not diverged:
        text += ["", _of_models(well, result["source"])]
    if fewer := _of_fewer(result["lines"], columns, well):
        text += [
            "",
            f"Means over fewer models, because the other scores are undefined: {fewer}.",
        ]
    if result["notes"]:
        text += ["", result["notes"]]
    text += _chance(result["lines"], columns)
    for compared in result["differences"]:
        first, second = compared["lines"]
        text += _comparison(first, second, compared["columns"])
    if diverged:
        text += ["", escape_markdown(diverged)]
    others = [_other_settings(m) for m in result["models"] if "differs" in m]
    if others:
        text += [
            "",
            f"Trained with other settings than the study's: {listed(others)}.",
        ]
    if result["missing"]:
        text += ["", f"Not yet trained: {listed(result['missing'])}."]
    if "made_by" in result:
        text += ["", f"Made by {code_span(result['made_by'])}."]
    return "\n".join(text) + "\n"


def diverged_models(result: Mapping[str, Any]) -> str:
    """A sentence on the models of a study that diverged; "" without any."""
    names = [
        f"{m['row']}, seed {m['seed']} (step {m['diverged']})"
        for m in result["models"]
        if "diverged" in m
    ]
    return f"Diverged and excluded from all means: {'; '.join(names)}." if names else ""


def _of_models(models: Sequence[Mapping[str, Any]], source: str) -> str:
    """A sentence on the seeds and steps of the cells, and on the numbers in brackets."""
    if not models:
        return "No model is scored yet."
    seeds = sorted({model["seed"] for model in models})
    steps = [model["steps"] for model in models]
    what = (
        "Mean ± standard deviation over seeds"
        if seeds[1:]
        else "One model per row, seed"
    )
    brackets = f"; in brackets {source}" if source else ""
    return f"{what} {', '.join(map(str, seeds))}, after {lengths(steps)}{brackets}."


def lengths(steps: Iterable[int]) -> str:
    """Numbers of steps in a sentence: "10, 20 or 30 steps"."""
    *shorter, last = sorted({*steps})
    first = ", ".join(f"{n:,}" for n in shorter)
    return " or ".join(filter(None, (first, counted(last, "step"))))


def _of_fewer(
    lines: Mapping[str, Mapping[str, Any]],
    columns: Sequence[str],
    models: Sequence[Mapping[str, Any]],
) -> str:
    """The cells with fewer models than their row, with both numbers."""
    rows = collections.Counter(model["row"] for model in models)
    found = []
    for line, cells in lines.items():
        of = [row for row in rows if line == row or line.startswith(f"{row}, ")]
        count = rows[max(of, key=len)] if of else 0
        found += [
            f"{line}, {column} ({cells[column]['n']} of {count})"
            for column in columns
            if column in cells and cells[column]["n"] < count
        ]
    return listed(found)


def _chance(
    lines: Mapping[str, Mapping[str, Any]], columns: Sequence[str]
) -> list[str]:
    """The scores of codes without information, where the study stores them."""
    found = []
    for column in columns:
        values = [
            cells[column].get("chance") for cells in lines.values() if column in cells
        ]
        if kept := [value for value in values if value is not None]:
            found.append(f"{column} {sum(kept) / len(kept):.2g}")
    text = escape_markdown(", ".join(found))
    return ["", f"Chance, mean over the lines: {text}."] if found else []


def _comparison(
    first: str, second: str, columns: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Differences with intervals, or each difference if there are few."""
    first, second = map(escape_markdown, (first, second))
    text = ["", f"**{first}** minus **{second}**, same seeds"]
    if all(d["low"] is not None for d in columns.values()):
        text[-1] += ", 95 % bootstrap:"
        head, keys = ["", "difference", "from", "to"], ("mean", "low", "high")
        rows = [[c, *(_signed(d[k]) for k in keys)] for c, d in columns.items()]
    else:
        text[-1] += f"; each seed, since an interval needs {FEW}:"
        head = ["", "difference", "each seed"]
        rows = [
            [c, _signed(d["mean"]), ", ".join(map(_signed, d.get("each", ())))]
            for c, d in columns.items()
        ]
    return [*text, "", *table_lines(head, rows)]


def listed(names: Iterable[str]) -> str:
    """Names joined by semicolons, escaped for Markdown."""
    return escape_markdown("; ".join(names))


def _other_settings(model: Mapping[str, Any]) -> str:
    pairs = (
        f"{k} {its} instead of {ours}" for k, (its, ours) in model["differs"].items()
    )
    return f"{model['row']}, seed {model['seed']} ({', '.join(pairs)})"


def shown_columns(result: Mapping[str, Any]) -> list[str]:
    """The columns of a study's table: those that it names, or all."""
    found = dict.fromkeys(c for line in result["lines"].values() for c in line)
    return [c for c in result.get("shown") or found if c in found]


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines of Markdown; cells are text."""
    shown = [[escape_markdown(cell) for cell in line] for line in (head, *rows)]
    lines = [shown[0], ["---"] * len(head), *shown[1:]]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def _study_cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    text = f"{cell['mean']:.4g}"
    if cell["std"] is not None:
        text += f" ± {cell['std']:.2g}"
    return text if cell["published"] is None else f"{text} ({cell['published']:g})"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3g}"
