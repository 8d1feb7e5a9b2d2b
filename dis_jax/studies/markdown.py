"""Tables of studies and of transfers as Markdown."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dis_jax.markup import code_span, counted, escape_markdown
from dis_jax.studies.study_table import FEW
from dis_jax.studies.transfer_scores import ALL

_COLLAPSED = "Models without an active dimension, which carry no information"


def markdown_table(result: Mapping[str, Any]) -> str:
    """A study's result as Markdown: the table, the differences, what is missing.

    Args:
      result: from `tabulate`; an entry "made_by" is a command to be named.

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
        text += ["", f"Of fewer models, whose other scores are undefined: {fewer}."]
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
        text += ["", f"Trained with other settings than the study's: {_names(others)}."]
    if result["missing"]:
        text += ["", f"Not yet trained: {_names(result['missing'])}."]
    if "made_by" in result:
        text += ["", f"Made by {code_span(result['made_by'])}."]
    return "\n".join(text) + "\n"


def diverged_models(result: Mapping[str, Any]) -> str:
    """A sentence on the models of a study that diverged; nothing without any."""
    names = [
        f"{m['row']}, seed {m['seed']} (step {m['diverged']})"
        for m in result["models"]
        if "diverged" in m
    ]
    return f"Diverged and excluded from all means: {'; '.join(names)}." if names else ""


def _of_models(models: Sequence[Mapping[str, Any]], source: str) -> str:
    """The seeds and lengths behind the cells, and what their brackets are."""
    if not models:
        return "No model is scored yet."
    seeds = sorted({model["seed"] for model in models})
    steps = [model["steps"] for model in models]
    what = (
        "Mean ± standard deviation over seeds" if seeds[1:] else "One model a row, seed"
    )
    brackets = f"; in brackets {source}" if source else ""
    return f"{what} {', '.join(map(str, seeds))}, after {_lengths(steps)}{brackets}."


def _lengths(steps: Iterable[int]) -> str:
    *shorter, last = sorted({*steps})
    first = ", ".join(f"{n:,}" for n in shorter)
    return " or ".join(filter(None, (first, counted(last, "step"))))


def _of_fewer(
    lines: Mapping[str, Mapping[str, Any]],
    columns: Sequence[str],
    models: Sequence[Mapping[str, Any]],
) -> str:
    """The cells of fewer models than the row has, with both numbers."""
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
    return _names(found)


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
    """Differences with intervals, or each difference where there are few."""
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


def _names(names: Iterable[str]) -> str:
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


def transfer_markdown(result: Mapping[str, Any]) -> str:
    """A result as Markdown: in a cell, % before fine-tuning (gain), mean ± deviation.

    Args:
      result: of `tabulate_transfers`; an entry "made_by" is a command to be named, an
        entry "at_home" is of `tabulate_sources`, "diverged" of `read_divergences`.

    Returns:
      Markdown.

    Example:
      >>> from dis_jax import studies
      >>> result = studies.tabulate_transfers([])
      >>> print(studies.transfer_markdown(result).strip())
      Scores in %; mean ± standard deviation over models.
    """
    text = ["Scores in %; mean ± standard deviation over models."]
    if "made_by" in result:
        text += ["", f"Made by {code_span(result['made_by'])}."]
    text += _source_lines(result.get("at_home", []))
    for table in result["tables"]:
        text += _transfer_lines(table)
    for compared in result["differences"]:
        text += _difference_lines(compared)
    if diverged := result.get("diverged"):
        text += ["", f"Diverged, and in no table: {_names(diverged)}."]
    if result["tables"]:
        text += ["", "## What predicts transfer?", ""]
        text += _correlation_lines(result["correlations"])
    return "\n".join(text) + "\n"


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The columns of a table of scores by factors: the mean over all comes last."""
    found = dict.fromkeys(column for row in rows for column in row)
    return [column for column in found if column != ALL] + [ALL]


def _source_lines(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table for each source set: a row for each method and beta."""
    text = []
    for name in dict.fromkeys(source["source"] for source in sources):
        own = [source for source in sources if source["source"] == name]
        steps = sorted({source["source_steps"] for source in own})
        columns = columns_of(s["rows"].get("OMES", {}) for s in own)
        head = ["", *columns, "OS", "MES", "active dimensions", "models"]
        text += ["", f"## OMES on the source, {escape_markdown(name)}", ""]
        text += [f"Alpha = .5; {_lengths(steps)}.", ""]
        text += table_lines(head, [_source_cells(source, columns) for source in own])
        collapsed = [
            f"{_source_title(source)}, seed {_numbers(source['collapsed'])}"
            for source in own
            if source.get("collapsed")
        ]
        if collapsed:
            text += ["", f"{_COLLAPSED}, and OMES 0: {_names(collapsed)}."]
    return text


def _source_title(source: Mapping[str, Any]) -> str:
    return _joined(f"{source['method']}, beta {source['beta']:g}", source["told_apart"])


def _source_cells(source: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    omes, *parts = (source["rows"].get(row, {}) for row in ("OMES", "OS", "MES"))
    cells = [omes.get(column) for column in columns] + [part.get(ALL) for part in parts]
    return [
        _source_title(source),
        *(_percent(cell, "") if cell else "" for cell in cells),
        f"{source['dims']['mean']:.3g}",
        str(source["models"]),
    ]


def _transfer_lines(table: Mapping[str, Any]) -> list[str]:
    """Scores of each factor for one source, target and method, and the cost of pruning."""
    adam = "" if table["adam"] == "kept" else "fresh Adam"
    method = _joined(table["method"], adam, table["told_apart"])
    columns = columns_of(table["rows"].values())
    body = [
        [row, *(_cell(cells.get(column)) for column in columns)]
        for row, cells in table["rows"].items()
    ]
    chance = ", ".join(f"{name} {100 * v:.1f}" for name, v in table["chance"].items())
    title = f"{table['source']} to {table['target']}: {method}"
    text = ["", f"## {escape_markdown(title)}", ""]
    text += [escape_markdown(_about(table)), "", *table_lines(["", *columns], body)]
    text += ["", f"Chance: {escape_markdown(chance)}."]
    for reader, costs in table["drop"].items():
        cells = {
            column: [f"{100 * cost[when]:.1f}" for when in ("before", "after")]
            for column, cost in costs.items()
        }
        cost = f"Cost of pruning for {reader}, before (after): {_pairs(cells)}."
        text += ["", escape_markdown(cost)]
    if table["weak"]:
        cells = {name: [n["before"], n["after"]] for name, n in table["weak"].items()}
        text += [
            "",
            "Number of models whose pruned dimension has less than half of the "
            f"factor's largest S, before (after): {escape_markdown(_pairs(cells))}.",
        ]
    if table.get("collapsed"):
        names = (
            f"seed {model['seed']}, beta {model['beta']:g} ({model['when']})"
            for model in table["collapsed"]
        )
        text += ["", f"{_COLLAPSED}, and OMES and MIG 0: {_names(names)}."]
    return text


def _about(table: Mapping[str, Any]) -> str:
    distances = ", ".join(
        f"{name.replace('_', ' ')} {d['mean']:.3g}"
        for name, d in table["distances"].items()
    )
    settings = table["settings"]
    return (
        "On the target before fine-tuning, gain from fine-tuning in brackets. "
        f"Models: {table['models']}, with seeds {_numbers(table['seeds'])} and beta "
        f"{_numbers(table['betas'])}; {counted(settings['source_steps'], 'step')} on the "
        f"source, {settings['finetuning.steps']:,} of fine-tuning. Trees by "
        f"{settings['scoring.trees']}. Between source and target: {distances}."
    )


def _numbers(values: Sequence[Any]) -> str:
    return ", ".join(f"{v:,g}" for v in values)


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    before, gain = (
        _percent(cell[k], sign) for k, sign in (("before", ""), ("gain", "+"))
    )
    return f"{before} ({gain})"


def _percent(value: Mapping[str, Any], sign: str) -> str:
    text = f"{100 * value['mean']:{sign}.1f}"
    return text if value["std"] is None else f"{text} ± {100 * value['std']:.1f}"


def _pairs(cells: Mapping[str, Sequence[Any]]) -> str:
    return ", ".join(
        f"{name} {first} ({then})" for name, (first, then) in cells.items()
    )


def _joined(*words: str) -> str:
    return ", ".join(filter(None, words))


def _difference_lines(compared: Mapping[str, Any]) -> list[str]:
    """Two methods over models with the same seed and beta."""
    first, second = compared["methods"]
    title = f"{first} minus {second}: {compared['pair']}"
    cells = [cell for row in compared["rows"].values() for cell in row.values()]
    kind = "95 % bootstrap" if all(c["interval"] for c in cells) else "pair by pair"
    brackets = f"; in brackets {kind}" if compared["models"] > 1 else ""
    body = [
        [row, *(_difference(cells[k]) for k in ("before", "after", "gain"))]
        for row, cells in compared["rows"].items()
    ]
    return [
        *("", f"## {escape_markdown(_joined(title, compared['told_apart']))}", ""),
        f"Models with the same seed and beta ({compared['models']} of each), percentage "
        f"points{brackets}.",
        *("", *table_lines(["", "before", "after", "gain"], body)),
    ]


def _difference(cell: Mapping[str, Any]) -> str:
    mean, *each = (f"{100 * v:+.1f}" for v in (cell["mean"], *cell["each"]))
    if cell["interval"]:
        return f"{mean} ({' to '.join(f'{100 * v:+.1f}' for v in cell['interval'])})"
    return f"{mean} ({', '.join(each)})" if len(each) > 1 else mean


def _correlation_lines(correlations: Sequence[Mapping[str, Any]]) -> list[str]:
    known = [c for c in correlations if c["pearson"] is not None]
    if not known:
        return [
            "No correlations yet: fewer than three transfers, or all at one distance."
        ]
    text = []
    for told in dict.fromkeys(c["told_apart"] for c in known):
        text += ["", *_correlation_table([c for c in known if c["told_apart"] == told])]
    return text[1:]


def _correlation_table(known: Sequence[Mapping[str, Any]]) -> list[str]:
    first = known[0]
    told = escape_markdown(first["told_apart"])
    told = f" with {told}" if told else ""
    text = [
        f"Correlation over {counted(first['transfers'], 'transfer')}{told}: "
        f"{counted(first['models'], 'model')}, {counted(first['pairs'], 'pair')} of source "
        "and target. Pearson (Spearman; Pearson "
        "within pairs, on differences from the pair's mean).",
        "",
    ]
    heads = [f"{c['score']} {c['of']}" for c in known]
    columns = list(dict.fromkeys(heads))
    body = []
    for distance in dict.fromkeys(c["distance"] for c in known):
        cells = {
            head: _correlations(c)
            for head, c in zip(heads, known, strict=True)
            if c["distance"] == distance
        }
        name = distance.replace("_", " ")
        body.append([name, *(cells.get(column, "") for column in columns)])
    return text + table_lines(["", *columns], body)


def _correlations(cell: Mapping[str, Any]) -> str:
    within = "-" if cell["within"] is None else f"{cell['within']:+.2f}"
    return f"{cell['pearson']:+.2f} ({cell['spearman']:+.2f}; {within})"
