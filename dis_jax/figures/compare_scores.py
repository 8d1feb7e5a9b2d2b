"""Scores of the models of a comparison, and tables of studies, as panels."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from dis_jax import shipped
from dis_jax.evaluation.records import scalars
from dis_jax.figures.compare_inputs import Comparison
from dis_jax.figures.page import Section
from dis_jax.figures.report_inputs import Subject
from dis_jax.figures.score_choice import chosen, definition, other_code
from dis_jax.figures.score_panels import Score, score_panel
from dis_jax.figures.sections import about_metric
from dis_jax.markup import escape_html
from dis_jax.studies.markdown import diverged_models, shown_columns

_FEWEST = 3  # seeds of an interval; two give +-9 standard deviations


def study_table(result: Mapping[str, Any]) -> Section:
    """A study's table: a panel for each column, a dot for each seed."""
    columns = shown_columns(result)
    remarks = " ".join(filter(None, (diverged_models(result), _missing(result))))
    if not columns:
        none = "no model of this study has been scored yet."
        return Section(result["title"], f"{none} {remarks}".strip())
    dots: dict[tuple[str, str], list[float]] = {}
    for record in result["models"]:
        for name, found in record["scores"].items():
            line = f"{record['row']}, {name}" if name else record["row"]
            for column, value in found.items():
                dots.setdefault((line, column), []).append(float(value))
    body = "".join(
        score_panel(
            column,
            "",
            [
                _study_score(line, cells[column], dots.get((line, column), []))
                for line, cells in result["lines"].items()
                if column in cells
            ],
        )
        for column in columns
    )
    for text in (result.get("notes"), remarks):
        body += f'<p class="note">{escape_html(text)}</p>' if text else ""
    source = f" A bar across is a published number: {result['source']}."
    return Section(
        result["title"],
        "Small dots: one model each, a seed. Large dot: their mean. Line: 95 % interval of "
        "the mean over seeds (Student's t), so it covers other seeds of the same "
        f"configuration; it needs {_FEWEST} seeds."
        + (source if result.get("source") else ""),
        body,
    )


def scores(compared: Comparison) -> Section:
    """A panel for each score that a model has."""
    title = "Scores"
    found = {name: _scores_of(s) for name, s in compared.models.items()}
    without = [name for name, own in found.items() if not own]
    commands = missing_scores(compared)
    if len(without) == len(found):
        return Section(title, f"no model has scores; run {'; '.join(commands)}.")
    keys = dict.fromkeys(key for own in found.values() for key in own)
    body, described = "", set()
    for metric, field in keys:
        about = "" if metric in described else about_metric(metric)
        described.add(metric)
        body += score_panel(
            " ".join((metric, field.replace("_", " "))),
            " ".join(filter(None, (about, _differences(compared, metric)))),
            [
                own.get((metric, field), Score("", None))._replace(
                    name=_row_name(name, compared.models[name], metric)
                )
                for name, own in found.items()
                if own
            ],
        )
    for command in commands:
        body += f'<p class="note">No scores yet: run {escape_html(command)}</p>'
    return Section(
        title,
        "Dot: the score. Line: its 95 % interval from resampled images, if it was "
        "evaluated with resamples; it covers other images, not other seeds. "
        "Grey bar: chance, the score of permuted rows.",
        body,
    )


def missing_scores(compared: Comparison) -> list[str]:
    """The commands that score the models without scores.

    Args:
      compared: the models.

    Returns:
      A command for each run.
    """
    folders = dict.fromkeys(
        str(s.workdir) for s in compared.models.values() if not _scores_of(s)
    )
    return [f"{shipped.command('evaluate')} --workdir={folder}" for folder in folders]


def _scores_of(subject: Subject) -> dict[tuple[str, str], Score]:
    """The scores of a model by metric and field."""
    return {
        (metric, field): _score(evaluation["metrics"][metric], field)._replace(
            absent=shown
        )
        for metric, evaluation in chosen(subject).items()
        for field, shown in scalars(evaluation["metrics"][metric]).items()
    }


def _row_name(name: str, subject: Subject, metric: str) -> str:
    """The model's name, with the code of its score if it is not the default one."""
    code = other_code(subject, chosen(subject).get(metric, {}))
    return name if code is None else f"{name}, code {code}"


def _score(entry: Mapping[str, Any], field: str) -> Score:
    spread = entry.get("resamples", {}).get("scores", {}).get(field, {})
    ends = spread.get("low"), spread.get("high")
    chance = entry.get("baselines", {}).get("chance", {}).get(field)
    return Score("", entry["result"][field], None if None in ends else ends, chance)


def _differences(compared: Comparison, metric: str) -> str:
    """A warning that names how the definitions of the models' scores differ."""
    found = [
        definition(evaluation, metric)
        | {"seeds": evaluation.get("seed"), "codes": other_code(subject, evaluation)}
        for subject in compared.models.values()
        if (evaluation := chosen(subject).get(metric))
    ]
    parts = [
        part
        for part in (found[0] if found else ())
        if len({json.dumps(own[part], sort_keys=True) for own in found}) > 1
    ]
    if not parts:
        return ""
    return f"Computed with different {', '.join(parts)}: compare with care."


def _study_score(line: str, cell: Mapping[str, Any], dots: Sequence[float]) -> Score:
    from scipy.stats import t

    mean, std, count = cell["mean"], cell["std"], cell["n"]
    interval = None
    if std is not None and count >= _FEWEST:
        half = float(t.ppf(0.975, count - 1)) * std / math.sqrt(count)
        interval = mean - half, mean + half
    # A single model needs no dot below its mean.
    shown = dots if len(dots) > 1 else ()
    return Score(line, mean, interval, dots=shown, published=cell["published"])


def _missing(result: Mapping[str, Any]) -> str:
    missing = result.get("missing", [])
    return f"Not yet trained: {'; '.join(missing)}." if missing else ""
