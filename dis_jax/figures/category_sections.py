"""Sections of the report page for models that generate from a category."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linear_sum_assignment

from dis_jax import evaluation, training
from dis_jax.figures import page
from dis_jax.figures.charts import prior_bars
from dis_jax.figures.curves import loss_curves
from dis_jax.figures.matrices import confusion_matrix
from dis_jax.figures.page import Section
from dis_jax.figures.pixels import image_grid, to_png
from dis_jax.figures.report_inputs import Subject
from dis_jax.figures.swaps import interpolations, nearest, retrieval_grid
from dis_jax.markup import escape_html
from dis_jax.methods import Categorical

_METHODS = ("infogan", "joint_vae")
_NUM_DRAWS = 12  # images of each category
_NUM_NEAREST = 6


def generated(subject: Subject) -> Section:
    """Generated images, a row per category, and the real images nearest to some."""
    title = "Generated images"
    if not _generates(subject):
        return Section(title, _missing(subject))
    count = _num_categories(subject)
    names = [str(category) for category in range(count)]
    images = _draw(subject, np.repeat(np.arange(count), _NUM_DRAWS))
    images = images.reshape(count, _NUM_DRAWS, *images.shape[1:])
    grid = image_grid(images, row_labels=names)

    queries = images[:, 0]
    found = nearest(
        queries.reshape(count, -1),
        subject.images.reshape(len(subject.images), -1),
        _NUM_NEAREST,
    )
    close = retrieval_grid(queries, subject.images[found], row_labels=names)
    lines = _paths(subject, count)
    pictures = {
        "generated": (
            grid,
            "Each row is one category; images in a column are unrelated.",
        ),
        "nearest": (
            close,
            f"A generated image of each category, and its {_NUM_NEAREST} nearest among "
            f"{len(subject.images):,} real images, by pixel distance.",
        ),
        "generated_paths": (
            lines,
            "Each row fixes a category and interpolates between two samples of the other "
            "codes.",
        ),
    }
    body = "".join(
        f'<p class="note">{escape_html(about)}</p>{page.picture(picture, about)}'
        for picture, about in pictures.values()
    )
    return Section(
        title,
        "Images generated from the prior. If categories match classes, each row shows one "
        "class. The nearest real images show whether the model memorised them.",
        body,
        {f"{name}.png": to_png(picture) for name, (picture, _) in pictures.items()},
    )


def classes(subject: Subject) -> Section:
    """Predicted categories of real images against their classes; the prior."""
    title = "Categories and classes"
    if not _generates(subject):
        return Section(title, _missing(subject))
    column = _class_column(subject)
    if column is None:
        return Section(title, "the images have no class label.")
    labels = subject.factors[:, column]
    category = np.asarray(subject.points["category"]).argmax(axis=1)
    count, size = _num_categories(subject), subject.image_set.sizes[column]
    result = evaluation.clustering(
        category, labels, num_clusters=count, num_labels=size
    )
    draw = functools.partial(
        confusion_matrix,
        result.confusion,
        row_title="category",
        column_title=subject.image_set.factor_names[column],
    )
    body = page.chart(draw, "number of images of each class in each category")
    body += (
        f'<p class="note">Accuracy {result.accuracy:.3f} under the best matching, NMI '
        f"{result.nmi_arithmetic:.3f}, average entropy {result.average_entropy:.3f} "
        f"nats, over {len(labels):,} real images.</p>"
    )
    files = {"confusion.png": to_png(draw())}
    if count == size:
        _, matched = linear_sum_assignment(result.confusion, maximize=True)
        prior = evaluation.class_prior(subject.config, subject.state)
        draw = functools.partial(
            prior_bars, prior[np.argsort(matched)], _frequencies(subject, column)
        )
        body += page.chart(draw, "prior and true frequency of each class")
        files["prior.png"] = to_png(draw())
    moving = [name for name in subject.curves if name.startswith("prior_")]
    moving += [name for name in ("temperature",) if name in subject.curves]
    if moving:
        draw = functools.partial(
            loss_curves, subject.curves, names=moving, member=subject.member, columns=5
        )
        body += page.chart(draw, "the learned prior over training")
        files["prior_over_time.png"] = to_png(draw())
    return Section(
        title,
        "Predicted categories of real images against their classes, and the prior of the "
        "generator. In the prior chart each category is matched to its best class.",
        body,
        files,
    )


def _generates(subject: Subject) -> bool:
    categorical = isinstance(subject.codes.get("category"), Categorical)
    return categorical and subject.decode is not None and subject.name in _METHODS


def _missing(subject: Subject) -> str:
    return f"{subject.name} does not generate from a category."


def _num_categories(subject: Subject) -> int:
    return subject.points["category"].shape[1]


def _draw(subject: Subject, category: np.ndarray) -> np.ndarray:
    assert subject.decode is not None
    one_hot = jnp.eye(_num_categories(subject))[category]
    codes = evaluation.draw_codes(subject.config, jax.random.key(0), one_hot)
    return subject.decode(codes)


def _paths(subject: Subject, count: int) -> np.ndarray:
    decode = subject.decode
    assert decode is not None
    name = "z" if subject.name == "joint_vae" else "noise"
    one_hot = jnp.eye(count)
    ends = [
        evaluation.draw_codes(subject.config, jax.random.key(i), one_hot)
        for i in range(2)
    ]

    def line(codes: np.ndarray) -> np.ndarray:
        times = len(codes) // count
        still = {
            other: np.repeat(np.asarray(values), times, axis=0)
            for other, values in ends[0].items()
        }
        return decode({**still, name: codes})

    return interpolations(line, *(np.asarray(end[name]) for end in ends))


def _class_column(subject: Subject) -> int | None:
    """The factor to compare categories with: the class factor, or the only one."""
    names = subject.image_set.factor_names
    named = subject.config.sampler.get("class_factor")
    if named is None and len(names) != 1:
        return None
    column = names.index(named) if named else 0
    known = (subject.factors[:, column] != -1).all()
    return column if known else None


def _frequencies(subject: Subject, column: int) -> np.ndarray:
    """Frequencies of the classes in training; a member may have its own subset."""
    own = training.members(subject.config)[subject.member or 0].sampler
    counts = {**subject.config.sampler, **own}.get("class_counts")
    if counts is None:
        size = subject.image_set.sizes[column]
        counts = np.bincount(subject.factors[:, column], minlength=size)
    counts = np.asarray(counts)
    return counts / counts.sum()
