"""Tables of transfers as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dis_jax.markup import code_span, counted, escape_markdown
from dis_jax.studies.markdown import lengths, listed, table_lines
from dis_jax.studies.transfer_scores import ALL

_COLLAPSED = "Models without an active dimension, which carry no information"


def transfer_markdown(result: Mapping[str, Any]) -> str:
    """A result as Markdown; cells show % before fine-tuning (gain), mean ± deviation.

    Args:
      result: of `tabulate_transfers`. Optional entries: "made_by", the command to show;
        "on_source", of `tabulate_sources`; "diverged", of `read_divergences`.

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
    text += _source_lines(result.get("on_source", []))
    for table in result["tables"]:
        text += _transfer_lines(table)
    for compared in result["differences"]:
        text += _difference_lines(compared)
    if diverged := result.get("diverged"):
        text += ["", f"Diverged and excluded from all tables: {listed(diverged)}."]
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
        text += [f"Alpha = .5; {lengths(steps)}.", ""]
        text += table_lines(head, [_source_cells(source, columns) for source in own])
        collapsed = [
            f"{_source_title(source)}, seed {_numbers(source['collapsed'])}"
            for source in own
            if source.get("collapsed")
        ]
        if collapsed:
            text += ["", f"{_COLLAPSED}, and OMES 0: {listed(collapsed)}."]
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
        text += ["", f"{_COLLAPSED}, and OMES and MIG 0: {listed(names)}."]
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
    kind = (
        "95 % paired t interval"
        if all(c["interval"] for c in cells)
        else "pair by pair"
    )
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
