"""Sliders over a decoder that runs in the page: all dimensions can vary together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from dis_jax.figures.browser_decoder import BrowserDecoder
from dis_jax.figures.latents import UNUSED_KL
from dis_jax.figures.page import details, picture
from dis_jax.markup import escape_html

_NUM_FRAMES = 9  # of a strip; odd, so that one is in the middle
_STEPS = 80  # of a slider


class Dimension(NamedTuple):
    """One number of the decoder's input.

    Attributes:
      code: the code that contains it.
      name: its label.
      kl: in nats; None for a category.
      low: left end of its slider.
      high: right end of its slider.
    """

    code: str
    name: str
    kl: float | None
    low: float
    high: float


def explorer_block(
    decoder: BrowserDecoder,
    thumbnails: UInt8[np.ndarray, "bases height width channels"],
    codes: Float[np.ndarray, "bases latent"],
    dims: Sequence[Dimension],
) -> str:
    """HTML of a decoder with sliders, for `explorer.js`.

    Args:
      decoder: of the model.
      thumbnails: (bases, height, width, channels), the images to choose from.
      codes: (bases, latent), their codes.
      dims: in the order of the decoder's input; shown by decreasing KL within a code.

    Returns:
      HTML with a slider for each dimension and a choice for each category.

    Raises:
      ValueError: if the shapes do not fit each other.
    """
    if codes.shape != (len(thumbnails), len(dims)):
        raise ValueError(
            f"codes has shape {codes.shape}; expected ({len(thumbnails)}, {len(dims)}), "
            "a number for each thumbnail and dimension."
        )
    height, width, _ = decoder.image_shape
    about = {
        "layers": decoder.description,
        "shape": decoder.image_shape,
        "frames": _NUM_FRAMES,
        "names": [dim.name for dim in dims],
        # 6 digits are finer than float16 weights resolve.
        "codes": [[float(f"{value:.6g}") for value in code] for code in codes],
        "categories": _categories(dims),
    }
    names = dict.fromkeys(dim.code for dim in dims)
    rows = "".join(
        (f"<h3>{escape_html(name)}</h3>" if len(names) > 1 else "")
        + _code_rows(name, dims, height, width)
        for name in names
    )
    return (
        f'<div class="explorer" data-about="{escape_html(json.dumps(about))}" '
        f'style="--frames: {_NUM_FRAMES}"><div class="weights" hidden>'
        f"{decoder.weights}</div>"
        f'<div class="stage"><canvas class="image" width="{width}" height="{height}" '
        'role="img" aria-label="decoded image"></canvas></div>'
        f'<div class="controls">{_controls(thumbnails)}{rows}</div></div>'
    )


def _controls(thumbnails: np.ndarray) -> str:
    return (
        f'<div class="bases" role="radiogroup" aria-label="image">'
        f"{_choices('explorer-base', thumbnails, 0)}</div>"
        '<div class="buttons"><button type="button" class="random">Random code</button>'
        '<button type="button" class="reset">Code of the image</button></div>'
        f'<details class="walk"><summary>Walk to another image</summary>'
        f'<div class="bases" role="radiogroup" aria-label="image to walk to">'
        f"{_choices('explorer-target', thumbnails, min(1, len(thumbnails) - 1))}"
        '<button type="button" class="play">Play</button></div>'
        '<input class="share" type="range" min="0" max="100" value="0" '
        'aria-label="share of the walk, in percent"></details>'
        '<details class="paste"><summary>Copy or paste codes</summary>'
        '<textarea rows="3" spellcheck="false" aria-label="codes"></textarea>'
        '<p class="note" role="status"></p><div class="pasted"></div></details>'
    )


def _choices(name: str, thumbnails: np.ndarray, chosen: int) -> str:
    return "".join(
        f'<label><input type="radio" name="{name}" value="{i}"'
        f"{' checked' if i == chosen else ''}>{picture(image, f'image {i}')}</label>"
        for i, image in enumerate(thumbnails)
    )


def _categories(dims: Sequence[Dimension]) -> list[list[int]]:
    """First position and number of each categorical code."""
    found: dict[str, list[int]] = {}
    for i, dim in enumerate(dims):
        if dim.kl is None:
            found.setdefault(dim.code, [i, 0])[1] += 1
    return [*found.values()]


def _code_rows(code: str, dims: Sequence[Dimension], height: int, width: int) -> str:
    own = [(i, dim) for i, dim in enumerate(dims) if dim.code == code]
    if own[0][1].kl is None:
        options = "".join(f"<option>{k}</option>" for k in range(len(own)))
        return (
            f'<div class="dim"><div class="name">{escape_html(code)}</div>'
            f'<div><select data-first="{own[0][0]}" aria-label="{escape_html(code)}">'
            f"{options}</select></div></div>"
        )
    order = sorted(own, key=lambda pair: -(pair[1].kl or 0.0))
    rows = [_row(i, dim, height, width) for i, dim in order]
    shown = sum((dim.kl or 0.0) >= UNUSED_KL for _, dim in order)
    folded = "".join(rows[shown:])
    return "".join(rows[:shown]) + (
        details(f"{len(rows) - shown} unused", folded) if folded else ""
    )


def _row(index: int, dim: Dimension, height: int, width: int) -> str:
    name, middle = escape_html(dim.name), (dim.low + dim.high) / 2
    low, high, step = (
        _short(v) for v in (dim.low, dim.high, (dim.high - dim.low) / _STEPS)
    )
    return (
        f'<div class="dim" data-index="{index}"><div class="name">{name}'
        f"<small>{dim.kl:.2f} nats</small><output></output></div>"
        f'<div><div class="strip"><canvas width="{_NUM_FRAMES * width}" '
        f'height="{height}"></canvas><i class="mark"></i><i class="own"></i></div>'
        f'<input type="range" min="{low}" max="{high}" step="{step}" '
        f'value="{_short(middle)}" aria-label="value of {name}"></div></div>'
    )


def _short(value: Any) -> str:
    return f"{value:.6g}"
