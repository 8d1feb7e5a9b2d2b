"""A page that compares models: scores, curves, traversals of the same images, settings."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from dis_jax import training
from dis_jax.figures import page
from dis_jax.figures.compare_inputs import Comparison
from dis_jax.figures.compare_scores import scores, study_table
from dis_jax.figures.curves import Curve
from dis_jax.figures.latents import by_kl, traversal_values, traverse
from dis_jax.figures.page import Section
from dis_jax.figures.pixels import to_uint8
from dis_jax.figures.report_inputs import Subject
from dis_jax.figures.sections import flat_settings
from dis_jax.figures.traversal_sections import decode_code, dimension_name
from dis_jax.markup import escape_html

_NUM_BASES = 3
_NUM_ROWS = 6  # dimensions of each model
_NUM_VALUES = 7
_MOST_POINTS = 400  # of a curve
_THROUGHPUT = "steps_per_second"


def write_comparison(
    compared: Comparison, path: str | os.PathLike[str]
) -> pathlib.Path:
    """Writes one self-contained page on several models.

    Args:
      compared: from `read_comparison`.
      path: of the page.

    Returns:
      The path.

    Raises:
      ValueError: if there is nothing to compare.
    """
    if not compared.models and not compared.studies:
        reasons = "; ".join(f"{n}: {why}" for n, why in compared.skipped.items())
        raise ValueError(f"there is no trained model to compare. {reasons}".strip())
    subjects = compared.models.values()
    sets = dict.fromkeys(s.image_set.name for s in subjects)
    facts = {"models": str(len(subjects))} if subjects else {}
    if steps := sorted({int(s.state.step) for s in subjects}):
        facts["steps"] = _range(steps)
    diverged = [n for n, s in compared.models.items() if training.divergence(s.workdir)]
    if diverged:
        facts["diverged later"] = ", ".join(diverged)
    sections = [
        *map(study_table, compared.studies),
        scores(compared),
        curves(compared),
        pictures(compared),
        settings(compared),
    ]
    if compared.skipped:
        sections.append(skipped(compared))
    html = page.render_page("Comparison", ", ".join(sets), facts, sections)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


def curves(compared: Comparison) -> Section:
    """All training curves on one axis, one quantity at a time."""
    title = "Training"
    quantities: dict[str, dict[str, Any]] = {}
    for name, subject in compared.models.items():
        for quantity, curve in subject.curves.items():
            if quantity != "time" and len(curve.step) > 1:
                values = curve.value
                own = values if values.ndim == 1 else values[:, subject.member or 0]
                # The last window of a long curve has a step before the curve's last one.
                quantities.setdefault(quantity, {})[name] = [
                    *_thinned(Curve(curve.step, own)),
                    int(curve.step[-1]),
                ]
    if not quantities:
        return Section(title, "no model has a log of two lines or more.")
    quantities = dict(sorted(quantities.items(), key=lambda q: q[0] == _THROUGHPUT))
    about = {"names": list(compared.models), "quantities": quantities}
    options = "".join(f"<option>{escape_html(name)}</option>" for name in quantities)
    legend = "".join(
        f'<li><i class="c{i}"></i><span>{escape_html(name)}</span><output></output></li>'
        for i, name in enumerate(compared.models)
    )
    return Section(
        title,
        "Move over the chart, or focus it and press the arrow keys, to read the values of "
        f"all models at a step. Curves of more than {_MOST_POINTS} points are averaged in "
        f"{_MOST_POINTS} windows. Losses are in nats per image.",
        f'<div class="curves" data-about="{escape_html(json.dumps(about))}">'
        f'<p><select aria-label="quantity">{options}</select> <label><input '
        'type="checkbox"> logarithmic</label></p>'
        '<svg tabindex="0" role="img" aria-label="training curves"></svg>'
        f'<p class="note" role="status"></p><ul>{legend}</ul></div>',
        scripts=("curves.js",),
    )


def pictures(compared: Comparison) -> Section:
    """Reconstructions and traversals of the same images next to each other."""
    title = "Traversals"
    drawn = {n: s for n, s in compared.models.items() if s.decode and s.moved}
    if not drawn:
        return Section(title, "no model has a decoder and a code to move.")
    sets = {(s.image_set.name, s.config.get("split")) for s in drawn.values()}
    body = ""
    for base in range(_NUM_BASES):
        cards = "".join(_card(name, s, base) for name, s in drawn.items())
        body += (
            f"<details{'' if base else ' open'}><summary>Image {base}</summary>"
            f'<div class="cards">{cards}</div></details>'
        )
    for name in compared.models.keys() - drawn.keys():
        body += (
            f'<p class="note">{escape_html(name)}: no decoder or no code to move.</p>'
        )
    same = "All models get the same images."
    return Section(
        title,
        (
            same
            if len(sets) == 1
            else "The models have different sets, so images differ."
        )
        + f" Top: image and reconstruction. Below: the {_NUM_ROWS} dimensions with the "
        "largest KL, each over two standard deviations of the data in both directions.",
        body,
    )


def settings(compared: Comparison) -> Section:
    """The settings in which the models differ."""
    title = "Settings that differ"
    flat = {n: flat_settings(s.config.to_dict()) for n, s in compared.models.items()}
    fields = dict.fromkeys(field for own in flat.values() for field in own)
    rows = [
        [field, *(own.get(field, "not set") for own in flat.values())]
        for field in fields
        if len({own.get(field) for own in flat.values()}) > 1
        and not field.startswith("population.")
    ]
    if not rows:
        return Section(title, "all models have the same settings.")
    return Section(
        title,
        f"{len(rows)} of {len(fields)} settings differ; the others are equal.",
        page.table(["setting", *flat], rows),
    )


def skipped(compared: Comparison) -> Section:
    """Models that the page does not show."""
    rows = [[name, why] for name, why in compared.skipped.items()]
    return Section("Skipped models", "", page.table(["model", "reason"], rows))


def _thinned(curve: Curve) -> list[list[float | None]]:
    """Steps and values; a long curve is averaged over windows. None: not finite."""
    parts = min(len(curve.step), _MOST_POINTS)
    at = np.linspace(0, len(curve.step), parts + 1).astype(int)
    width = np.diff(at)
    step = np.add.reduceat(curve.step.astype(float), at[:-1]) / width
    value = np.add.reduceat(curve.value.astype(float), at[:-1]) / width
    # A diverged window is a gap in the line, and null in JSON, which has no NaN.
    return [
        [round(s) for s in step.tolist()],
        [float(f"{v:.6g}") if np.isfinite(v) else None for v in value.tolist()],
    ]


def _card(name: str, subject: Subject, base: int) -> str:
    """One image of a model: reconstruction, and traversals of its largest dimensions."""
    assert subject.decode is not None
    points = {code: p[base : base + 1] for code, p in subject.points.items()}
    both = to_uint8(np.stack([subject.images[base], subject.decode(points)[0]]))
    top = page.picture(both[0], f"image {base}")
    top += page.picture(both[1], f"reconstruction by {name}")
    rows = "".join(_strips(subject, base))
    return (
        f'<div class="card"><h3>{escape_html(name)}</h3><div class="pair">{top}</div>'
        f"{rows}</div>"
    )


def _strips(subject: Subject, base: int) -> list[str]:
    """A labelled strip for each of the dimensions with the largest KL, over all codes."""
    kl = {code: subject.nats(code) for code in subject.moved}
    ranked = [(kl[code][j], code, j) for code in kl for j in by_kl(kl[code])]
    ranked.sort(key=lambda found: -found[0])
    strips = []
    for size, code, j in ranked[:_NUM_ROWS]:
        mean, logvar = subject.moved[code]
        values = traversal_values(mean, logvar, num_values=_NUM_VALUES)
        frames = traverse(
            decode_code(subject, code, base), mean[base], values, dims=[j]
        )
        strip = np.concatenate(to_uint8(frames[0]), axis=1)
        label = dimension_name(code, j)
        strips.append(
            f'<div class="strip-row"><span>{escape_html(label)}<small>{size:.2f} nats'
            f"</small></span>{page.picture(strip, f'traversal of {label}')}</div>"
        )
    return strips


def _range(numbers: Sequence[int]) -> str:
    first, last = f"{numbers[0]:,}", f"{numbers[-1]:,}"
    return first if first == last else f"{first} to {last}"
