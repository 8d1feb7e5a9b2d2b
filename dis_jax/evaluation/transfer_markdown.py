"""The tables of transfer as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dis_jax.evaluation.transfer_table import ALL


def transfer_markdown(result: Mapping[str, Any]) -> str:
    """A result as Markdown: in a cell, % before fine-tuning (gain), mean ± deviation.

    Args:
      result: of `tabulate_transfers`; an entry "made_by" is a command to be named, an
        entry "at_home" is of `tabulate_sources`.

    Returns:
      Markdown.

    Example:
      >>> from dis_jax import evaluation
      >>> result = evaluation.tabulate_transfers([])
      >>> print(evaluation.transfer_markdown(result).strip())
      Scores in %; mean ± standard deviation over models.
    """
    text = ["Scores in %; mean ± standard deviation over models."]
    if "made_by" in result:
        text += ["", f"Made by `{result['made_by']}`."]
    text += _home_lines(result.get("at_home", []))
    for table in result["tables"]:
        text += ["", f"## {_title(table)}", "", _about(table), ""]
        columns = list(dict.fromkeys(c for row in table["rows"].values() for c in row))
        columns = [c for c in columns if c != ALL] + [ALL]
        body = [
            [row, *(_cell(cells.get(column)) for column in columns)]
            for row, cells in table["rows"].items()
        ]
        text += _lines(["", *columns], body)
        text += ["", f"Chance: {_percents(table['chance'])}."]
        text += _drop_lines(table)
    for compared in result["differences"]:
        first, second = compared["methods"]
        text += ["", f"## {first} less {second}: {compared['pair']}", ""]
        text += [
            f"Of models with the same seed and beta ({compared['models']} of each), % "
            "points; in brackets 95 % bootstrap.",
            "",
        ]
        body = [
            [row, *(_interval(cells[k]) for k in ("before", "after", "gain"))]
            for row, cells in compared["rows"].items()
        ]
        text += _lines(["", "before", "after", "gain"], body)
    if result["tables"]:
        text += ["", "## What predicts transfer?", ""]
        text += _correlation_lines(result["correlations"])
    return "\n".join(text) + "\n"


def _home_lines(homes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table for each source set: a row for each method and beta."""
    text = []
    for source in dict.fromkeys(home["source"] for home in homes):
        own = [home for home in homes if home["source"] == source]
        steps = sorted({n for home in own for n in home["source_steps"]})
        columns = [c for c in own[0]["rows"]["OMES"] if c != ALL]
        body = []
        for home in own:
            rows = home["rows"]
            cells = [rows["OMES"].get(column) for column in (*columns, ALL)]
            cells += [rows["OS"][ALL], rows["MES"][ALL]]
            body.append(
                [
                    f"{home['method']}, beta {home['beta']:g}",
                    *(_percent(cell, "") if cell else "" for cell in cells),
                    f"{home['dims']['mean']:.3g}",
                    str(home["models"]),
                ]
            )
        head = ["", *columns, ALL, "OS", "MES", "dimensions that vary", "models"]
        text += ["", f"## OMES on the source, {source}", ""]
        text += [f"Alpha = .5; {_list(steps)} steps.", "", *_lines(head, body)]
    return text


def _title(table: Mapping[str, Any]) -> str:
    adam = "" if table["adam"] == "kept" else ", fresh Adam"
    return f"{table['source']} to {table['target']}: {table['method']}{adam}"


def _about(table: Mapping[str, Any]) -> str:
    distances = ", ".join(
        f"{name.replace('_', ' ')} {d['mean']:.3g}"
        for name, d in table["distances"].items()
    )
    return (
        "On the target before fine-tuning, in brackets what fine-tuning adds. "
        f"Models: {table['models']}, with seeds {_list(table['seeds'])} and beta "
        f"{_list(table['betas'])}; {_list(table['source_steps'])} steps on the source, "
        f"{_list(table['finetune_steps'])} of fine-tuning. Trees by "
        f"{_list(table['trees'])}. Between source and target: {distances}."
    )


def _list(values: Sequence[Any]) -> str:
    return ", ".join(f"{v:,g}" if isinstance(v, int | float) else v for v in values)


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


def _percents(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {100 * value:.1f}" for name, value in values.items())


def _interval(values: Sequence[float]) -> str:
    mean, *ends = (f"{100 * v:+.1f}" for v in values)
    return f"{mean} ({' to '.join(ends)})" if ends else mean


def _drop_lines(table: Mapping[str, Any]) -> list[str]:
    lines = []
    for reader, columns in table["drop"].items():
        costs = ", ".join(
            f"{column} {100 * cell['before']:.1f} ({100 * cell['after']:.1f})"
            for column, cell in columns.items()
        )
        lines += [
            "",
            f"What pruning costs {reader}, before (after): {costs}.",
        ]
    return lines


def _correlation_lines(correlations: Sequence[Mapping[str, Any]]) -> list[str]:
    known = [c for c in correlations if c["pearson"] is not None]
    if not known:
        return ["Fewer than three models, or all at one distance: nothing to say yet."]
    text = [
        f"Correlation over {known[0]['models']} models of {known[0]['pairs']} pairs of "
        "sets, Pearson's (Spearman's; Pearson's within pairs, of differences from the "
        "pair's mean).",
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
    return text + _lines(["", *columns], body)


def _correlations(cell: Mapping[str, Any]) -> str:
    within = "-" if cell["within"] is None else f"{cell['within']:+.2f}"
    return f"{cell['pearson']:+.2f} ({cell['spearman']:+.2f}; {within})"


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)
    ]
