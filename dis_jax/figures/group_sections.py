"""Sections of the report page for group methods: style against class."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dis_jax import losses
from dis_jax.figures import page
from dis_jax.figures.charts import scatter, tsne
from dis_jax.figures.page import Section
from dis_jax.figures.pixels import Pixels, to_png
from dis_jax.figures.report_inputs import Subject
from dis_jax.figures.swaps import interpolations, swap_grid

_NUM_SWAPS = 10  # images per side, without the source row and column
_NUM_PATHS = 5
_NUM_POINTS = 800
_EVIDENCE_BATCH = 128


class _Groups(NamedTuple):
    """The images of a page in their groups."""

    label: np.ndarray  # of the factors that a group shares, (sample,)
    chosen: np.ndarray  # images of as many groups as possible, (at most _NUM_SWAPS,)


def _groups(subject: Subject) -> _Groups | None:
    """The groups; None if there are no style and class codes, or labels are unknown."""
    if not {"style", "class"} <= set(subject.gaussians) or subject.decode is None:
        return None
    shared = [subject.image_set.factor_names.index(n) for n in _shared_names(subject)]
    factors = subject.factors[:, shared]
    if (factors == -1).any():
        return None
    _, label = np.unique(factors, axis=0, return_inverse=True)
    label = label.ravel()
    _, first = np.unique(label, return_index=True)
    rest = np.setdiff1d(np.arange(len(label)), first)
    chosen = np.concatenate([first[:_NUM_SWAPS], rest])[:_NUM_SWAPS]
    return _Groups(label, chosen)


def _shared_names(subject: Subject) -> list[str]:
    shared = subject.config.sampler.shared
    return [shared] if isinstance(shared, str) else list(shared)


def _missing(subject: Subject) -> str:
    return f"{subject.name} has no style and class codes, or the images have no labels."


def swaps(subject: Subject) -> Section:
    """Images with swapped style and class codes, with and without evidence."""
    title = "Swaps"
    groups = _groups(subject)
    if groups is None:
        return Section(title, _missing(subject))
    alone = subject.points["class"][groups.chosen]
    evidence = _with_evidence(subject, groups.label)[groups.chosen]
    pictures = {
        "each class from one image": alone,
        f"each class from all its images (of {len(groups.label):,})": evidence,
    }
    body, files = "", {}
    for (about, codes), name in zip(
        pictures.items(), ("one_image", "evidence"), strict=True
    ):
        picture = _swapped(subject, groups.chosen, codes)
        body += f"<h3>{about}</h3>{page.picture(picture, f'swaps, {about}')}"
        files[f"swaps_{name}.png"] = to_png(picture)
    return Section(
        title,
        "Each image combines the class code of the image above its column with the style "
        "code of the image left of its row. If the codes are disentangled, a column "
        "keeps the class and a row keeps the style.",
        body,
        files,
    )


def _with_evidence(
    subject: Subject, label: np.ndarray, batch: np.ndarray | None = None
) -> np.ndarray:
    """Mean of the product of posteriors of an image's group, in all images or its batch."""
    group = label if batch is None else batch * (label.max() + 1) + label
    _, group = np.unique(group, return_inverse=True)
    own = subject.gaussians["class"]
    mean, _ = losses.accumulate_evidence(
        jnp.asarray(own.mean),
        jnp.asarray(own.logvar),
        jnp.asarray(group.ravel()),
        int(group.max()) + 1,
    )
    return np.asarray(mean)[group.ravel()]


def _swapped(subject: Subject, chosen: np.ndarray, classes: np.ndarray) -> Pixels:
    decode = subject.decode
    assert decode is not None
    images = subject.images[chosen]
    return swap_grid(
        lambda style, own: decode({"style": style, "class": own}),
        subject.points["style"][chosen],
        classes,
        row_images=images,
        column_images=images,
    )


def code_maps(subject: Subject) -> Section:
    """t-SNE of both codes, coloured by label."""
    title = "Codes by label"
    groups = _groups(subject)
    if groups is None:
        return Section(title, _missing(subject))
    count = min(_NUM_POINTS, len(groups.label))
    batch = np.arange(len(groups.label)) // _EVIDENCE_BATCH
    points = {
        "style": subject.points["style"],
        "class, one image": subject.points["class"],
        "class, evidence": _with_evidence(subject, groups.label, batch),
    }
    body, files = "", {}
    for name, codes in points.items():
        layout = tsne(codes[:count], perplexity=min(30.0, (count - 1) / 3))
        draw = functools.partial(scatter, layout, groups.label[:count], title=name)
        body += page.chart(draw, f"t-SNE of {name}, coloured by label")
        files[f"tsne_{name.replace(', ', '_').replace(' ', '_')}.png"] = to_png(draw())
    names = ", ".join(_shared_names(subject))
    return Section(
        title,
        f"t-SNE of the codes of {count} images, coloured by {names}. The style code should "
        "not separate colours; the class code should separate only them. Evidence is "
        f"accumulated over batches of {_EVIDENCE_BATCH} with true labels, so that plot "
        "contains the labels and says little about the encoder.",
        f'<div class="side">{body}</div>',
        files,
    )


def paths(subject: Subject) -> Section:
    """Linear interpolation between two images in one code, with the other fixed."""
    title = "Interpolations"
    groups = _groups(subject)
    if groups is None:
        return Section(title, _missing(subject))
    decode = subject.decode
    assert decode is not None
    chosen = np.resize(groups.chosen, _NUM_PATHS + 1)
    body, files = "", {}
    for name, held in (("style", "class"), ("class", "style")):
        moving, still = subject.points[name], subject.points[held][chosen[:-1]]

        def line(codes: np.ndarray, name=name, held=held, still=still) -> np.ndarray:
            times = len(codes) // len(still)
            return decode({name: codes, held: np.repeat(still, times, axis=0)})

        picture = interpolations(line, moving[chosen[:-1]], moving[chosen[1:]])
        body += f"<h3>{name}</h3>" + page.picture(picture, f"interpolations of {name}")
        files[f"interpolations_{name}.png"] = to_png(picture)
    return Section(
        title,
        "Each row interpolates one code between two images and keeps the other code of the "
        "first image.",
        body,
        files,
    )
