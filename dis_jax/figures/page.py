"""The HTML of a report page: one self-contained file."""

from __future__ import annotations

import base64
import importlib.resources
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

from dis_jax.figures.pixels import Pixels, to_png, to_webp
from dis_jax.markup import escape_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST_PNG = 2**17  # pixels
_LIGHT = {
    "text": "#1d1f23",
    "muted": "#6a6f77",
    "line": "#d9d9d2",
    "cycle": ["#2f5bb7", "#d1702b", "#2c8a62", "#8757ad", "#c24a4a", "#8a7a2f"],
    "image": "Blues",
}
_DARK = {
    "text": "#e8e8e4",
    "muted": "#9aa0a8",
    "line": "#34373d",
    "cycle": ["#86a8f0", "#eca06a", "#6cc79d", "#c19be0", "#ee8f8b", "#cdbb6a"],
    "image": "Blues_r",
}


class Section(NamedTuple):
    """A part of a report page.

    Attributes:
      title: its heading.
      reading: a sentence or two on how to read it, or the reason why it is absent.
      body: its HTML; empty if the run has nothing to show here.
      files: pictures that are also written to the run's `figures/`, by file name.
      scripts: JavaScript files of this folder that the body needs, in their order.
    """

    title: str
    reading: str
    body: str = ""
    files: Mapping[str, bytes] = {}
    scripts: tuple[str, ...] = ()


def render_page(
    title: str, subtitle: str, facts: Mapping[str, str], sections: Sequence[Section]
) -> str:
    """The whole page: heading, key facts, sections, and reasons for absent ones.

    Args:
      title: the heading; escaped here, like all texts except the bodies of sections.
      subtitle: a line below it.
      facts: values by label, shown large at the top.
      sections: in the order in which they are shown.

    Returns:
      Self-contained HTML.

    Example:
      >>> page = render_page("a < b", "", {}, [Section("Scores", "1 is best.", "0.5")])
      >>> "<h1>a &lt; b</h1>" in page
      True
    """
    shown = [section for section in sections if section.body]
    absent = [section for section in sections if not section.body]
    links = "".join(f'<a href="#{_slug(s)}">{escape_html(s.title)}</a>' for s in shown)
    if absent:
        reasons = (
            f"<li>{escape_html(s.title)}: {escape_html(s.reading)}</li>" for s in absent
        )
        shown.append(Section("Not on this page", "", f"<ul>{''.join(reasons)}</ul>"))
    tiles = "".join(
        f"<div><dt>{escape_html(label)}</dt><dd>{escape_html(value)}</dd></div>"
        for label, value in facts.items()
    )
    body = "".join(
        f'<section id="{_slug(s)}"><h2>{escape_html(s.title)}</h2>'
        + (f'<p class="reading">{escape_html(s.reading)}</p>' if s.reading else "")
        + f"{s.body}</section>\n"
        for s in shown
    )
    scripts = dict.fromkeys(name for section in shown for name in section.scripts)
    code = "".join(map(_asset, scripts))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape_html(title)}</title>\n<style>\n{_asset('page.css')}</style>\n"
        f"</head>\n<body>\n<main>\n<header><h1>{escape_html(title)}</h1>\n"
        f'<p class="subtitle">{escape_html(subtitle)}</p>\n'
        f'<dl class="facts">{tiles}</dl>\n<nav>{links}</nav></header>\n{body}</main>\n'
        + (f"<script>\n{code}</script>\n" if code else "")
        + "</body>\n</html>\n"
    )


def picture(pixels: Pixels, alt: str, *, css_class: str = "pixels") -> str:
    """An inlined image: lossless if it is small and grey, else slightly lossy.

    PNG keeps every pixel exactly; WebP differs by a few grey levels and has a third to a
    tenth of the size.

    Args:
      pixels: (height, width, channels) uint8.
      alt: a description for readers who cannot see it.
      css_class: of the element.

    Returns:
      HTML.

    Example:
      >>> picture(np.zeros((8, 8, 1), np.uint8), "nothing")[:45]
      '<img class="pixels" width="8" height="8" alt='
    """
    height, width, channels = pixels.shape
    exact = channels == 1 and pixels.size <= _LARGEST_PNG
    kind, data = ("png", to_png(pixels)) if exact else ("webp", to_webp(pixels))
    return (
        f'<img class="{css_class}" width="{width}" height="{height}" '
        f'alt="{escape_html(alt)}" src="{_data_uri(kind, data)}">'
    )


def chart(draw: Callable[[], Figure], alt: str) -> str:
    """A matplotlib figure, inlined twice: for light and dark colour schemes.

    Args:
      draw: makes the figure; called once for each style.
      alt: a description for readers who cannot see it.

    Returns:
      HTML.

    Example:
      >>> from dis_jax.figures import kl_bars
      >>> chart(lambda: kl_bars(np.ones(2)), "KL")[:16]
      '<picture><source'
    """
    import matplotlib

    images = []
    for theme in (_LIGHT, _DARK):
        with matplotlib.rc_context(_style(theme)):
            figure = draw()
            images.append(_data_uri("png", to_png(figure)))
    light, dark = images
    width = round(96 * figure.get_size_inches()[0])
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img class="chart" width="{width}" alt="{escape_html(alt)}" src="{light}">'
        "</picture>"
    )


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str] | None = None,
) -> str:
    """A table; columns of numbers are right-aligned.

    Args:
      header: a text for each column.
      rows: a text for each cell; escaped here. If the first cell is empty, the first cell
        above it spans this row too.
      notes: a note on each row, in small type below its first cell.

    Returns:
      HTML that scrolls sideways if it does not fit.

    Example:
      >>> table(["metric", "value"], [["mig", "0.5"]]).count("<td")
      2
    """
    rows = [list(row) for row in rows]
    notes = [""] * len(rows) if notes is None else list(notes)
    right = [
        all(_is_number(row[j]) for row in rows if row[j]) for j in range(len(header))
    ]
    starts = [i for i, row in enumerate(rows) if row[0] or i == 0]
    spans = dict(zip(starts, np.diff([*starts, len(rows)]).tolist(), strict=True))

    def cell(tag: str, text: str, number: bool) -> str:
        return f"<{tag}{' class=number' if number else ''}>{escape_html(text)}</{tag}>"

    lines = []
    for i, (row, note) in enumerate(zip(rows, notes, strict=True)):
        cells = [cell("td", *pair) for pair in zip(row, right, strict=True)]
        if i in spans:
            small = f"<small>{escape_html(note)}</small>" if note else ""
            cells[0] = f"<td rowspan={spans[i]}>{escape_html(row[0])}{small}</td>"
        lines.append("".join(cells if i in spans else cells[1:]))
    head = "".join(cell("th", *pair) for pair in zip(header, right, strict=True))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def definitions(groups: Mapping[str, Mapping[str, str]]) -> str:
    """Names with their values, in groups with headings.

    Args:
      groups: texts by name, by heading; escaped here.

    Returns:
      HTML, in as many columns as fit.

    Example:
      >>> "<dt>a</dt><dd>&lt;1&gt;</dd>" in definitions({"run": {"a": "<1>"}})
      True
    """
    html = ""
    for heading, values in groups.items():
        pairs = "".join(
            f"<div><dt>{escape_html(name)}</dt><dd>{escape_html(value)}</dd></div>"
            for name, value in values.items()
        )
        html += f"<div><h3>{escape_html(heading)}</h3><dl>{pairs}</dl></div>"
    return f'<div class="definitions">{html}</div>'


def details(summary: str, body: str) -> str:
    """HTML that is folded under a line of text.

    Args:
      summary: the line; escaped here.
      body: HTML.

    Returns:
      HTML.

    Example:
      >>> details("more", "<p>text</p>")
      '<details><summary>more</summary><p>text</p></details>'
    """
    return f"<details><summary>{escape_html(summary)}</summary>{body}</details>"


def tiles(
    images: UInt8[np.ndarray, "batch stacked height width channels"],
    alts: Sequence[str],
) -> str:
    """Stacks of images, in as many columns as fit.

    Args:
      images: (batch, stacked, height, width, channels) uint8, from top to bottom.
      alts: a description of each image of a stack.

    Returns:
      HTML.

    Example:
      >>> images = np.zeros((3, 2, 8, 8, 1), np.uint8)
      >>> tiles(images, ["image", "reconstruction"]).count("<img")
      6
    """
    stacks = (
        "".join(
            picture(image, f"{alt} {i}") for image, alt in zip(stack, alts, strict=True)
        )
        for i, stack in enumerate(images)
    )
    return f'<div class="tiles">{"".join(f"<div>{s}</div>" for s in stacks)}</div>'


def _style(theme: Mapping) -> dict:
    """matplotlib's settings for a figure on the page."""
    from cycler import cycler

    text, muted, line = theme["text"], theme["muted"], theme["line"]
    return {
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "text.color": text,
        "axes.labelcolor": muted,
        "axes.titlecolor": text,
        "axes.edgecolor": line,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.prop_cycle": cycler(color=theme["cycle"]),
        "grid.color": line,
        "grid.linewidth": 0.6,
        "xtick.color": line,
        "ytick.color": line,
        "xtick.labelcolor": muted,
        "ytick.labelcolor": muted,
        "font.size": 9,
        "image.cmap": theme["image"],
    }


def _asset(name: str) -> str:
    return (
        importlib.resources.files("dis_jax.figures").joinpath(name).read_text("utf-8")
    )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _slug(section: Section) -> str:
    return "".join(c if c.isalnum() else "-" for c in section.title.lower())


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True
