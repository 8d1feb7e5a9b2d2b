"""Sliders over precomputed frames, one for each latent dimension."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from dis_jax.figures.page import details, picture
from dis_jax.markup import escape_html


class Slider(NamedTuple):
    """One latent dimension under a slider.

    Attributes:
      name: its label.
      note: a note below the label.
      values: (values,), its value in each frame, increasing.
      own: (bases,), its value in the code of each base image.
    """

    name: str
    note: str
    values: Float[np.ndarray, " values"]
    own: Float[np.ndarray, " bases"]


def slider_block(
    name: str,
    thumbnails: UInt8[np.ndarray, "bases height width channels"],
    frames: UInt8[np.ndarray, "bases dims values height width channels"],
    sliders: Sequence[Slider],
    *,
    folded: int = 0,
) -> str:
    """HTML of sliders over precomputed frames, for a choice of base images.

    The frames of each base image form one image, with a row per dimension and a column per
    value, so that the page contains every pixel once; `sliders.js` shows parts of it.

    Args:
      name: the name of the code; different for each block of a page.
      thumbnails: (bases, height, width, channels), the images to choose from.
      frames: (bases, dims, values, height, width, channels).
      sliders: one per dimension, in the order of the frames' rows.
      folded: how many of the last sliders are hidden at first.

    Returns:
      HTML with `len(sliders)` sliders of `values` frames.

    Raises:
      ValueError: if the shapes do not fit each other.

    Example:
      >>> frames = np.zeros((1, 2, 5, 8, 8, 1), np.uint8)
      >>> sliders = [Slider(n, "", np.arange(5.0), np.zeros(1)) for n in ("z0", "z1")]
      >>> slider_block("z", frames[:, 0, 0], frames, sliders).count('type="range"')
      2
    """
    bases, dims, values, height, width, channels = frames.shape
    if len(thumbnails) != bases or len(sliders) != dims:
        raise ValueError(
            f"frames has shape {frames.shape} for {len(thumbnails)} thumbnails and "
            f"{len(sliders)} sliders; expected (bases, dims, values, ...)."
        )
    sheets = frames.transpose(0, 1, 3, 2, 4, 5)
    sheets = sheets.reshape(bases, dims * height, values * width, channels)
    rows = [_row(i, slider, height, width) for i, slider in enumerate(sliders)]
    shown = dims - folded
    return (
        f'<div class="traversal" data-width="{width}" data-height="{height}" '
        f'data-frames="{values}" style="--frames: {values}">'
        f'<div class="bases">{_choices(name, thumbnails)}'
        '<button type="button">Play all</button></div>'
        f'<div class="sheets" hidden>{"".join(picture(s, "") for s in sheets)}</div>'
        + "".join(rows[:shown])
        + (details(f"{folded} unused", "".join(rows[shown:])) if folded else "")
        + "</div>"
    )


def _choices(name: str, thumbnails: np.ndarray) -> str:
    return "".join(
        f'<label><input type="radio" name="{escape_html(name)}" value="{i}"'
        f"{' checked' if i == 0 else ''}>{picture(image, f'base image {i}')}</label>"
        for i, image in enumerate(thumbnails)
    )


def _row(index: int, slider: Slider, height: int, width: int) -> str:
    count = len(slider.values)
    name = escape_html(slider.name)
    return (
        f'<div class="dim" data-row="{index}" data-values="{_numbers(slider.values)}" '
        f'data-own="{_numbers(slider.own)}">'
        f'<div class="name">{name}<small>{escape_html(slider.note)}</small>'
        "<output></output></div>"
        f'<canvas class="frame" width="{width}" height="{height}"></canvas>'
        f'<div><div class="strip"><canvas width="{count * width}" height="{height}">'
        '</canvas><i class="mark"></i><i class="own"></i></div>'
        f'<input type="range" min="0" max="{count - 1}" value="{count // 2}" '
        f'aria-label="value of {name}"></div></div>'
    )


def _numbers(values: np.ndarray) -> str:
    return json.dumps([round(float(value), 4) for value in values])
