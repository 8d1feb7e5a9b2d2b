"""Sections of the report page for models trained on pairs of views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data
from dis_jax.figures import page
from dis_jax.figures.page import Section
from dis_jax.figures.pixels import to_png
from dis_jax.figures.report_inputs import Subject
from dis_jax.figures.swaps import nearest, retrieval_grid
from dis_jax.markup import escape_html

_NUM_QUERIES, _NUM_FOUND, _NUM_PAIRS = 6, 10, 512


def retrieval(subject: Subject) -> Section:
    """Test views and the views with the nearest codes, for each code and side."""
    title = "Retrieval"
    if "wanted" not in subject.config:
        return Section(title, f"{subject.name} does not learn from pairs of views.")
    if subject.test_set is None:
        return Section(title, "no images for test pairs were given (test_set).")
    batches = _draw(subject, subject.test_set)
    encode = jax.jit(subject.method.encode)
    body, files = "", {}
    for side in "xy":
        made = [encode(subject.state, {"image": batch[side]}) for batch in batches]
        images = np.concatenate([batch[side] for batch in batches])
        for code in made[0]:
            if code.split("_")[1:] != [side]:  # of the other view, or a head's
                continue
            points = np.concatenate([codes[code] for codes in made])
            found = _NUM_QUERIES + nearest(
                points[:_NUM_QUERIES], points[_NUM_QUERIES:], _NUM_FOUND
            )
            wanted = _wanted(subject, code)
            same = None
            if wanted:
                labels = _labels(subject, batches, wanted, side)
                same = (labels[found] == labels[:_NUM_QUERIES, None]).all(axis=-1)
            picture = retrieval_grid(images[:_NUM_QUERIES], images[found], same=same)
            about = f"{code} (target: {', '.join(wanted) or 'no attribute'})"
            share = "" if same is None else f": {100 * same.mean():.0f} % agree"
            body += f"<h3>{escape_html(about + share)}</h3>"
            body += page.picture(picture, f"nearest by {code}")
            files[f"retrieval_{code}.png"] = to_png(picture)
    return Section(
        title,
        "Left: a view of a test pair. Right: its nearest neighbours by this code, among "
        "views of other pairs. Green frames agree with it in all target attributes of the "
        "code, red frames do not.",
        body,
        files,
    )


def _draw(subject: Subject, test_set: data.ImageSet) -> list[dict[str, np.ndarray]]:
    """Batches of test pairs."""
    config = subject.config
    make: Callable[..., data.Sampler] = data.SAMPLERS[subject.method.batch]
    sampler = make(test_set, config.batch_size, **config.test_sampler)
    sample = jax.jit(sampler.sample)
    count = -(-_NUM_PAIRS // config.batch_size)
    return [
        jax.device_get(sample(test_set, jax.random.key(0), jnp.int32(i), sampler.args))
        for i in range(count)
    ]


def _wanted(subject: Subject, code: str) -> tuple[str, ...]:
    wanted = subject.config.wanted
    return tuple(wanted.get(code, wanted.get(code.split("_")[0], ())))


def _labels(
    subject: Subject, batches: Any, attributes: tuple[str, ...], side: str
) -> np.ndarray:
    """Labels of attributes of the views of a side, (view, attribute)."""
    columns = []
    for attribute in attributes:
        about = subject.config.attributes[attribute]
        values = np.concatenate([b[f"{about.field}_{side}"] for b in batches])
        columns.append(values.reshape(len(values), -1)[:, about.column])
    return np.stack(columns, axis=1)
