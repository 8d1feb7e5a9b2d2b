"""Sections of a report page about what each part of a code encodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dis_jax.figures import page
from dis_jax.figures.browser_decoder import BrowserDecoder, browser_decoder
from dis_jax.figures.explorer import Dimension, explorer_block
from dis_jax.figures.latents import (
    UNUSED_KL,
    by_kl,
    sweep_gif,
    traversal_values,
    traversals,
    traverse,
)
from dis_jax.figures.page import Section
from dis_jax.figures.pixels import to_png, to_uint8
from dis_jax.figures.report_inputs import NUM_BASES, Subject
from dis_jax.figures.sliders import Slider, slider_block
from dis_jax.figures.swaps import swap_grid
from dis_jax.markup import escape_html
from dis_jax.methods import Categorical, Gaussian

_NUM_FRAMES = 15
_NUM_GIF_DIMS = 10
_NUM_LIVE_BASES = 8


def traversal(subject: Subject) -> Section:
    """Sliders for all latent dimensions: decoded in the page, else in advance."""
    title = "Traversals"
    if subject.decode is None:
        return Section(title, f"{subject.name} has no decoder.")
    if not subject.moved:
        return Section(title, f"{subject.name} has no code to move.")
    frames = {name: _frames(subject, name) for name in subject.moved}
    files = {}
    for name in subject.moved:
        dims = by_kl(subject.nats(name))
        coders = _encode(subject, name), decode_code(subject, name, 0), subject.images
        files[f"traversals_{name}.png"] = to_png(traversals(*coders, dims=dims))
        most = dims[:_NUM_GIF_DIMS]
        files[f"traversals_{name}.gif"] = sweep_gif(
            frames[name][:, : len(most)], [dimension_name(name, j) for j in most]
        )
    decoder = browser_decoder(subject)
    if isinstance(decoder, str):
        return _in_advance(subject, frames, decoder)._replace(files=files)
    return _live(subject, decoder)._replace(files=files)


def categories(subject: Subject) -> Section:
    """Images decoded with each category, for every categorical code."""
    title = "Categories"
    codes = {n: c for n, c in subject.codes.items() if isinstance(c, Categorical)}
    if not codes or subject.decode is None:
        missing = "decoder" if codes else "categorical code"
        return Section(title, f"{subject.name} has no {missing}.")
    body, files = "", {}
    for name, code in codes.items():
        count = code.logits.shape[-1]
        picture = swap_grid(
            lambda base, category, name=name: _with_code(
                subject, name, category, base[:, 0]
            ),
            np.arange(NUM_BASES)[:, None],
            np.eye(count, dtype=np.float32),
            row_images=subject.images[:NUM_BASES],
            column_labels=[str(category) for category in range(count)],
        )
        body += page.picture(picture, f"images decoded with each category of {name}")
        files[f"categories_{name}.png"] = to_png(picture)
    return Section(
        title,
        "Each row decodes one image with every category instead of its own. If a category "
        "is meaningful, its column shows one class.",
        body,
        files,
    )


def dimension_name(code: str, index: int) -> str:
    """The label of a dimension of a code, such as z3 or "style 3"."""
    return f"{code}{index}" if len(code) == 1 else f"{code} {index}"


def _live(subject: Subject, decoder: BrowserDecoder) -> Section:
    """Sliders that can move together, over a decoder in the page."""
    bases = min(_NUM_LIVE_BASES, len(subject.images))
    dims: list[Dimension] = []
    for name in decoder.codes:
        code = subject.codes[name]
        if not isinstance(code, Gaussian):
            width = subject.points[name].shape[1]
            dims += [Dimension(name, f"{name} {k}", None, 0, 1) for k in range(width)]
            continue
        kl, ends = subject.nats(name), traversal_values(*code, num_values=2)
        dims += [
            Dimension(name, dimension_name(name, j), float(kl[j]), *ends[j].tolist())
            for j in range(len(kl))
        ]
    points = [subject.points[name][:bases] for name in decoder.codes]
    return Section(
        "Traversals",
        "The decoder runs in this page, so all dimensions can be moved together. Each "
        "strip shows one dimension over two standard deviations of the data in both "
        "directions, with the others as they are set now. In a disentangled code each "
        "dimension changes only one factor.",
        explorer_block(
            decoder,
            to_uint8(subject.images[:bases]),
            np.concatenate(points, axis=1),
            dims,
        )
        + '<p class="note">Weights have 16 bits in the page. Pixels differ from the '
        f"model's by at most {decoder.error:.2f} of 255 grey levels, measured on codes "
        "of images and on random ones.</p>",
        scripts=("decoder.js", "explorer.js"),
    )


def _in_advance(subject: Subject, frames: dict[str, np.ndarray], why: str) -> Section:
    """Sliders over precomputed frames, one dimension at a time."""
    body = ""
    for name in subject.moved:
        body += f"<h3>{escape_html(name)}</h3>" if len(subject.moved) > 1 else ""
        body += _sliders(subject, name, frames[name])
    body += (
        '<p class="note">These images were decoded in advance, one dimension at a time, '
        f"because this page cannot run the decoder: {escape_html(why)}.</p>"
    )
    return Section(
        "Traversals",
        "Choose an image. Each slider varies one dimension of its code by two standard "
        "deviations of the data in both directions and fixes the others. In a "
        "disentangled code each slider changes only one factor. The tick below a strip "
        "marks the value of the chosen image.",
        body,
        scripts=("sliders.js",),
    )


def _frames(subject: Subject, name: str) -> np.ndarray:
    """Traversals of all base images, as bytes; dimensions by decreasing KL."""
    mean, logvar = subject.moved[name]
    values = traversal_values(mean, logvar, num_values=_NUM_FRAMES)
    dims = by_kl(subject.nats(name))
    return np.stack(
        [
            to_uint8(
                traverse(decode_code(subject, name, b), mean[b], values, dims=dims)
            )
            for b in range(NUM_BASES)
        ]
    )


def _sliders(subject: Subject, name: str, frames: np.ndarray) -> str:
    mean, logvar = subject.moved[name]
    kl = subject.nats(name)
    values = traversal_values(mean, logvar, num_values=_NUM_FRAMES)
    own = np.asarray(mean[:NUM_BASES])
    sliders = [
        Slider(dimension_name(name, j), f"{kl[j]:.2f} nats", values[j], own[:, j])
        for j in by_kl(kl)
    ]
    thumbnails = to_uint8(subject.images[:NUM_BASES])
    unused = int((kl < UNUSED_KL).sum())
    return slider_block(name, thumbnails, frames, sliders, folded=unused)


def _encode(subject: Subject, name: str) -> Callable:
    """Returns a function that returns the code `name` of the subject's own images."""
    return lambda images: subject.moved[name]


def decode_code(subject: Subject, name: str, base: int) -> Callable:
    """Returns a decoder of codes `name`, with all other codes from one base image."""
    return lambda z: _with_code(subject, name, z, np.full(len(z), base))


def _with_code(subject: Subject, name: str, z: Any, base: np.ndarray) -> np.ndarray:
    assert subject.decode is not None
    others = {other: points[base] for other, points in subject.points.items()}
    return subject.decode({**others, name: z})
