"""The tables of transfer as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dis_jax.studies.study_table import table_lines
from dis_jax.studies.transfer_table import ALL


def transfer_markdown(result: Mapping[str, Any]) -> str:
    """A result as Markdown: in a cell, % before fine-tuning (gain), mean ± deviation.

    Args:
      result: of `tabulate_transfers`; an entry "made_by" is a command to be named, an
        entry "at_home" is of `tabulate_sources`.

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
        text += table_lines(["", *columns], body)
        text += ["", f"Chance: {_percents(table['chance'])}."]
        text += _drop_lines(table) + _weak_lines(table)
    for compared in result["differences"]:
        first, second = compared["methods"]
        title = f"## {first} less {second}: {compared['pair']}"
        text += ["", ", ".join(filter(None, (title, compared["told_apart"]))), ""]
        text += [
            f"Of models with the same seed and beta ({compared['models']} of each), % "
            f"points{_in_brackets(compared)}.",
            "",
        ]
        body = [
            [row, *(_difference(cells[k]) for k in ("before", "after", "gain"))]
            for row, cells in compared["rows"].items()
        ]
        text += table_lines(["", "before", "after", "gain"], body)
    if result["tables"]:
        text += ["", "## What predicts transfer?", ""]
        text += _correlation_lines(result["correlations"])
    return "\n".join(text) + "\n"


def _home_lines(homes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table for each source set: a row for each method and beta."""
    text = []
    for source in dict.fromkeys(home["source"] for home in homes):
        own = [home for home in homes if home["source"] == source]
        steps = sorted({home["source_steps"] for home in own})
        columns = dict.fromkeys(c for home in own for c in home["rows"].get("OMES", {}))
        columns = [c for c in columns if c != ALL]
        body = []
        for home in own:
            rows = home["rows"]
            omes, *parts = (rows.get(row, {}) for row in ("OMES", "OS", "MES"))
            cells = [omes.get(column) for column in (*columns, ALL)]
            cells += [part.get(ALL) for part in parts]
            name = f"{home['method']}, beta {home['beta']:g}"
            body.append(
                [
                    ", ".join(filter(None, (name, home["told_apart"]))),
                    *(_percent(cell, "") if cell else "" for cell in cells),
                    f"{home['dims']['mean']:.3g}",
                    str(home["models"]),
                ]
            )
        head = ["", *columns, ALL, "OS", "MES", "dimensions that vary", "models"]
        text += ["", f"## OMES on the source, {source}", ""]
        text += [f"Alpha = .5; {_list(steps)} steps.", "", *table_lines(head, body)]
    return text


def _title(table: Mapping[str, Any]) -> str:
    adam = "" if table["adam"] == "kept" else ", fresh Adam"
    told = f"{table['method']}{adam}", table["told_apart"]
    return f"{table['source']} to {table['target']}: {', '.join(filter(None, told))}"


def _about(table: Mapping[str, Any]) -> str:
    distances = ", ".join(
        f"{name.replace('_', ' ')} {d['mean']:.3g}"
        for name, d in table["distances"].items()
    )
    settings = table["settings"]
    return (
        "On the target before fine-tuning, in brackets what fine-tuning adds. "
        f"Models: {table['models']}, with seeds {_list(table['seeds'])} and beta "
        f"{_list(table['betas'])}; {settings['source_steps']:,} steps on the source, "
        f"{settings['finetuning.steps']:,} of fine-tuning. Trees by "
        f"{settings['scoring.trees']}. Between source and target: {distances}."
    )


def _list(values: Sequence[Any]) -> str:
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


def _percents(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {100 * value:.1f}" for name, value in values.items())


def _in_brackets(compared: Mapping[str, Any]) -> str:
    if compared["models"] == 1:
        return ""
    cells = [cell for row in compared["rows"].values() for cell in row.values()]
    known = all(cell["interval"] for cell in cells)
    return "; in brackets " + ("95 % bootstrap" if known else "pair by pair")


def _difference(cell: Mapping[str, Any]) -> str:
    mean, *each = (f"{100 * v:+.1f}" for v in (cell["mean"], *cell["each"]))
    if cell["interval"]:
        return f"{mean} ({' to '.join(f'{100 * v:+.1f}' for v in cell['interval'])})"
    return f"{mean} ({', '.join(each)})" if len(each) > 1 else mean


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


def _weak_lines(table: Mapping[str, Any]) -> list[str]:
    if not table["weak"]:
        return []
    counts = ", ".join(
        f"{name} {count['before']} ({count['after']})"
        for name, count in table["weak"].items()
    )
    return [
        "",
        "Models of which pruned reads a dimension with less than half of the factor's "
        f"largest S, before (after): {counts}.",
    ]


def _correlation_lines(correlations: Sequence[Mapping[str, Any]]) -> list[str]:
    known = [c for c in correlations if c["pearson"] is not None]
    if not known:
        return [
            "Fewer than three transfers, or all at one distance: nothing to say yet."
        ]
    text = []
    for told in dict.fromkeys(c["told_apart"] for c in known):
        text += ["", *_correlation_table([c for c in known if c["told_apart"] == told])]
    return text[1:]


def _correlation_table(known: Sequence[Mapping[str, Any]]) -> list[str]:
    first = known[0]
    told = f" with {first['told_apart']}" if first["told_apart"] else ""
    text = [
        f"Correlation over {first['transfers']} transfers{told}: {first['models']} models, "
        f"{first['pairs']} pairs of source and target. Pearson's (Spearman's; Pearson's "
        "within pairs, of differences from the pair's mean).",
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
