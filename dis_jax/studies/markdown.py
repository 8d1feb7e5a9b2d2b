"""Tables of studies as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dis_jax.markup import code_span, counted, escape_markdown
from dis_jax.studies.study_table import FEWEST_PAIRS


def markdown_table(result: Mapping[str, Any]) -> str:
    """A study's result as Markdown: the table, the differences, the missing models.

    Args:
      result: from `tabulate`; an entry "made_by" is the command to show.

    Returns:
      Markdown. In a cell: mean ± standard deviation over seeds or over the units of the
      study, (published).

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
    what = "unit" if _repeated(well) else "seed"
    for compared in result["differences"]:
        first, second = compared["lines"]
        text += _comparison(first, second, compared["columns"], what)
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
    after = lengths(model["steps"] for model in models)
    brackets = f"; in brackets {source}" if source else ""
    return f"{_averaged(models)}, after {after}{brackets}."


def _averaged(models: Sequence[Mapping[str, Any]]) -> str:
    """What the mean and the standard deviation of a cell are over."""
    units = _seeds_by_unit(models).values()
    each = [", ".join(map(str, sorted(seeds))) for seeds in units]
    if not _repeated(models):
        several, one = "Mean ± standard deviation over seeds", "One model per row, seed"
        return f"{several if each[1:] else one} {', '.join(each)}"
    if not each[1:]:
        return f"Mean over seeds {each[0]} of one unit"
    return (
        f"Mean ± standard deviation over {len(each)} units, each the mean of its seeds "
        f"({'; '.join(each)})"
    )


def _seeds_by_unit(models: Iterable[Mapping[str, Any]]) -> dict[int, set[int]]:
    """The seeds of each unit; a seed without a unit is its own."""
    units: dict[int, set[int]] = {}
    for model in sorted(models, key=lambda model: model["seed"]):
        units.setdefault(model.get("unit", model["seed"]), set()).add(model["seed"])
    return units


def _repeated(models: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a unit has several seeds, which a cell averages first."""
    return any(len(seeds) > 1 for seeds in _seeds_by_unit(models).values())


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
    rows = {model["row"] for model in models}
    found = []
    for line, cells in lines.items():
        row = max((r for r in rows if line == r or line.startswith(f"{r}, ")), key=len)
        name = line.removeprefix(row).removeprefix(", ")
        # Models, since a cell's `n` counts units, which may lack some of their seeds.
        scores = [m["scores"].get(name, {}) for m in models if m["row"] == row]
        for column in (column for column in columns if column in cells):
            scored = sum(column in own for own in scores)
            if scored < len(scores):
                found.append(f"{line}, {column} ({scored} of {len(scores)})")
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
    first: str, second: str, columns: Mapping[str, Mapping[str, Any]], what: str
) -> list[str]:
    """Differences with intervals, or that of each seed or unit if there are few."""
    first, second = map(escape_markdown, (first, second))
    text = ["", f"**{first}** minus **{second}**, same seeds"]
    if all(d["low"] is not None for d in columns.values()):
        text[-1] += ", 95 % paired t interval:"
        head, keys = ["", "difference", "from", "to"], ("mean", "low", "high")
        rows = [[c, *(_signed(d[k]) for k in keys)] for c, d in columns.items()]
    else:
        text[-1] += f"; each {what}, since an interval needs {FEWEST_PAIRS}:"
        head = ["", "difference", f"each {what}"]
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
