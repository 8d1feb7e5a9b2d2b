"""Scores of several models on one axis, with intervals and chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dis_jax.markup import escape_html


class Score(NamedTuple):
    """One row of a panel.

    Attributes:
      name: of the model, or of the line of a study.
      value: the score; None where it is missing.
      interval: its lower and upper end.
      chance: the score that a code without information gets.
      dots: single scores, of which the value is the mean.
      published: the published number.
      absent: the text for a missing value.
    """

    name: str
    value: float | None
    interval: tuple[float, float] | None = None
    chance: float | None = None
    dots: Sequence[float] = ()
    published: float | None = None
    absent: str = "missing"


def score_panel(title: str, note: str, scores: Sequence[Score]) -> str:
    """A row for each score: a mark on a shared axis, and the numbers.

    Args:
      title: of the panel; escaped here.
      note: a line below it; escaped here.
      scores: in the order of the rows.

    Returns:
      HTML. The axis extends from the smallest to the largest number that is shown.

    Example:
      >>> html = score_panel("mig", "", [Score("a", 0.5, (0.4, 0.6)), Score("b", None)])
      >>> html.count("<circle"), "[0.4, 0.6]" in html
      (1, True)
    """
    low, high = _ends(scores)
    heads = ["value", "95 % interval", "chance", "published"]
    cells = [
        (
            _short(s.value) or s.absent,
            _interval(s.interval),
            _short(s.chance),
            _short(s.published),
        )
        for s in scores
    ]
    used = [j for j in range(len(heads)) if any(row[j] for row in cells)]
    number = lambda j, text: (
        f'<td class="number" data-label="{heads[j]}">{escape_html(text)}</td>'
    )
    rows = "".join(
        f"<tr><td>{escape_html(score.name)}</td><td class=plot>"
        f"{_plot(score, low, high)}</td>{''.join(number(j, row[j]) for j in used)}</tr>"
        for score, row in zip(scores, cells, strict=True)
    )
    head = "".join(f"<th class=number>{heads[j]}</th>" for j in used)
    axis = f"<span>{_short(low)}</span><span>{_short(high)}</span>"
    small = f'<p class="note">{escape_html(note)}</p>' if note else ""
    return (
        f'<h3>{escape_html(title)}</h3>{small}<div class="scroll">'
        f'<table class="panel"><thead><tr><th></th><th class="axis"><div>{axis}</div>'
        f"</th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _interval(ends: tuple[float, float] | None) -> str:
    return f"[{_short(ends[0])}, {_short(ends[1])}]" if ends else ""


def _short(value: float | None) -> str:
    """Four digits: scores from 0 to 1, percentages and nats share the column."""
    return "" if value is None else f"{value:.4g}"


def _ends(scores: Sequence[Score]) -> tuple[float, float]:
    shown = [
        float(number)
        for s in scores
        for number in (s.value, s.chance, s.published, *(s.interval or ()), *s.dots)
        if number is not None
    ]
    if not shown:
        return 0.0, 1.0
    low, high = min(shown), max(shown)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _plot(score: Score, low: float, high: float) -> str:
    """Percentages as coordinates, so that the picture fits any width."""
    at = lambda value: f"{3 + 94 * (value - low) / (high - low):.2f}%"
    parts = []
    if score.chance is not None:
        x = at(score.chance)
        parts.append(f'<line class="chance" x1="{x}" x2="{x}" y1="2" y2="20"/>')
    if score.interval:
        a, b = map(at, score.interval)
        parts.append(f'<line class="interval" x1="{a}" x2="{b}" y1="11" y2="11"/>')
    parts += [f'<circle class="dot" cx="{at(d)}" cy="11" r="3"/>' for d in score.dots]
    if score.published is not None:
        x = at(score.published)
        parts.append(f'<line class="published" x1="{x}" x2="{x}" y1="5" y2="17"/>')
    if score.value is not None:
        parts.append(f'<circle class="mean" cx="{at(score.value)}" cy="11" r="4.5"/>')
    return f'<svg width="100%" height="22" aria-hidden="true">{"".join(parts)}</svg>'
