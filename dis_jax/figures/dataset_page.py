"""The page of a data set: samples, the effect of each factor, and statistics."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dis_jax.data import ImageSet
from dis_jax.figures import page
from dis_jax.figures._axes import empty_axes
from dis_jax.figures.mask_sections import masks_section, problems_section
from dis_jax.figures.page import Section, render_page
from dis_jax.figures.pixels import Pixels, image_grid, image_rows, to_uint8
from dis_jax.markup import escape_html, escape_math
from dis_jax.probing.encoding import images_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWS = 100_000  # samples of a set with weights
_BATCH = 100  # images that are rendered at once
_MOST_VALUES = 12  # values of a factor that are shown
_BARS = 40  # largest number of bars with labels


class Statistics(NamedTuple):
    """Statistics of a sample of images.

    Attributes:
      num_sampled: number of images in the sample.
      mean: of each channel.
      std: of each channel, over pixels and images.
      mean_image: (height, width, channels).
      std_image: of each pixel over the images.
      histogram: share of pixel values in 32 equal bins of [0, 1].
    """

    num_sampled: int
    mean: np.ndarray
    std: np.ndarray
    mean_image: np.ndarray
    std_image: np.ndarray
    histogram: np.ndarray


def statistics(image_set: ImageSet, *, num: int = 10_000, seed: int = 0) -> Statistics:
    """Statistics of a set's images: of all, or of a sample without replacement.

    Args:
      image_set: the set.
      num: the largest number of images in the sample.
      seed: of the sample.

    Returns:
      The statistics, of images in [0, 1].

    Example:
      >>> from dis_jax import data
      >>> images = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
      >>> found = statistics(data.from_arrays(images, name="two"))
      >>> found.mean.tolist(), found.std.tolist()
      ([0.5], [0.5])
    """
    index = _sample(image_set, num, seed)
    total = np.zeros((2, *image_set.image_shape))
    histogram = np.zeros(32)
    for part in np.array_split(index, -(-len(index) // _BATCH)):
        images = _images(image_set, part).astype(np.float64)
        total += [images.sum(0), (images**2).sum(0)]
        histogram += np.histogram(images, 32, (0, 1))[0]
    mean, square = total / len(index)
    over_pixels = mean.mean((0, 1)), square.mean((0, 1))
    return Statistics(
        len(index),
        over_pixels[0],
        np.sqrt(np.maximum(over_pixels[1] - over_pixels[0] ** 2, 0)),
        mean,
        np.sqrt(np.maximum(square - mean**2, 0)),
        histogram / histogram.sum(),
    )


def label_counts(image_set: ImageSet) -> dict[str, Int[np.ndarray, " value"]]:
    """Number of images with each value of each factor, without unknown ones (-1).

    For a set with weights: counts in 100,000 samples.

    Args:
      image_set: the set.

    Returns:
      Counts by factor.

    Example:
      >>> from dis_jax import data
      >>> counts = label_counts(data.rendered_dsprites())
      >>> counts["shape"].tolist()
      [245760, 245760, 245760]
    """
    sizes = dict(zip(image_set.factor_names, image_set.sizes, strict=True))
    if image_set.draw_fn is not None:
        index = image_set.choose(np.random.default_rng(0), _DRAWS)
    elif image_set.is_grid:
        # Each combination has one image, so there is no need to count millions of images.
        return {
            n: np.full(size, image_set.num_images // size) for n, size in sizes.items()
        }
    else:
        index = np.arange(image_set.num_images)
    factors = np.asarray(image_set.factors(jnp.asarray(index)))
    return {
        name: np.bincount(column[column >= 0], minlength=size)
        for (name, size), column in zip(sizes.items(), factors.T, strict=True)
    }


def samples(
    image_set: ImageSet, *, rows: int = 5, columns: int = 12, seed: int = 0
) -> Float[np.ndarray, "rows columns height width channels"]:
    """A grid of randomly sampled images.

    Args:
      image_set: the set.
      rows: of the grid.
      columns: of the grid.
      seed: of the sample.

    Returns:
      Images in [0, 1]; white if the set has too few.

    Example:
      >>> from dis_jax import data
      >>> samples(data.rendered_dsprites(), rows=1, columns=2).shape
      (1, 2, 64, 64, 1)
    """
    index = _sample(image_set, rows * columns, seed)
    return image_rows(_images(image_set, index), columns=columns)


def factor_sweep(
    image_set: ImageSet, factor: str, *, rows: int = 3, seed: int = 0
) -> tuple[np.ndarray, list[int]]:
    """Rows of images in which one factor varies over its values, evenly spaced if many.

    In a full grid, the other factors are constant along a row. In other sets, each image
    has the value and agrees with the row's base image in as many other factors as possible.

    Args:
      image_set: the set.
      factor: the name of the factor.
      rows: number of base images, one per row.
      seed: of the choice of base images.

    Returns:
      Images (rows, values, height, width, channels), grey if no image has the value, and
      the values.

    Raises:
      ValueError: if the set has no such factor.

    Example:
      >>> from dis_jax import data
      >>> factor_sweep(data.rendered_dsprites(), "shape", rows=2)[1]
      [0, 1, 2]
    """
    if factor not in image_set.factor_names:
        raise ValueError(
            f"{image_set.name!r} has no factor {factor!r}; it has "
            f"{', '.join(image_set.factor_names) or 'none'}."
        )
    column = image_set.factor_names.index(factor)
    size = image_set.sizes[column]
    spaced = np.linspace(0, size - 1, min(size, _MOST_VALUES)).round()
    values = spaced.astype(int).tolist()
    shape = (rows, len(values), *image_set.image_shape)
    rng = np.random.default_rng(seed)
    if image_set.is_grid:
        factors = rng.integers(0, image_set.sizes, (rows, 1, len(image_set.sizes)))
        factors = np.repeat(factors, len(values), axis=1)
        factors[..., column] = values
        rowwise = factors.reshape(-1, len(image_set.sizes)).astype(np.int32)
        index = np.asarray(image_set.position(jnp.asarray(rowwise)))
        return _images(image_set, index).reshape(shape), values
    labels = np.asarray(image_set.factors(jnp.arange(image_set.num_images)))
    others = np.arange(len(image_set.sizes)) != column
    images = np.full(shape, 0.5, np.float32)
    known = np.flatnonzero(labels[:, column] >= 0)
    bases = rng.choice(known, rows) if len(known) else ()
    for row, base in zip(images, bases, strict=False):
        alike = (labels == labels[base])[:, others].sum(1)
        for j, value in enumerate(values):
            having = np.flatnonzero(labels[:, column] == value)
            if len(having):
                nearest = having[alike[having].argmax()]
                row[j] = _images(image_set, np.array([nearest]))[0]
    return images, values


def contact_sheet(image_set: ImageSet, *, seed: int = 0, scale: int = 1) -> Pixels:
    """One picture of a set: a row of samples, then a row for each factor.

    Args:
      image_set: the set.
      seed: which images.
      scale: side of each image pixel in the picture.

    Returns:
      (height, width, channels) uint8.

    Example:
      >>> from dis_jax import data
      >>> contact_sheet(data.rendered_dsprites()).shape[-1]
      1
    """
    names = image_set.factor_names
    labels = ["samples", *(name.replace("_", " ") for name in names)]
    rows = [samples(image_set, rows=1, columns=_MOST_VALUES, seed=seed)[0]]
    rows += [factor_sweep(image_set, name, rows=1, seed=seed)[0][0] for name in names]
    grid = np.ones((len(rows), _MOST_VALUES, *image_set.image_shape), np.float32)
    for line, row in zip(grid, rows, strict=True):
        line[: len(row)] = row
    return image_grid(
        to_uint8(grid), row_labels=labels, header_row=len(rows) > 1, scale=scale
    )


def write_dataset_page(
    image_set: ImageSet,
    path: str | os.PathLike[str],
    *,
    num: int = 10_000,
    seed: int = 0,
) -> pathlib.Path:
    """Writes a self-contained page of a set.

    Args:
      image_set: the set.
      path: the file, `.html`.
      num: the largest number of images for statistics.
      seed: of all random samples.

    Returns:
      The path.
    """
    found = statistics(image_set, num=num, seed=seed)
    height, width, channels = image_set.image_shape
    facts = {
        "images": f"{image_set.num_images:,}",
        "size": f"{height} x {width} x {channels}",
        "factors": str(len(image_set.sizes)),
        "full grid": "yes" if image_set.is_grid else "no",
        "mean": ", ".join(f"{x:.3f}" for x in found.mean),
        "standard deviation": ", ".join(f"{x:.3f}" for x in found.std),
    }
    sections = [
        _samples(image_set, seed),
        _sweeps(image_set, seed),
        _labels(image_set),
        _pixels(found),
    ]
    parts = (masks_section(image_set, seed), problems_section(image_set, seed))
    sections += [part for part in parts if part.body]
    place = "on the host" if image_set.read is not None else "on the device"
    html = render_page(image_set.name, f"images {place}", facts, sections)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return path


def _samples(image_set: ImageSet, seed: int) -> Section:
    grid = image_grid(samples(image_set, seed=seed), scale=_scale(image_set))
    return Section("Samples", "Random samples.", page.picture(grid, "samples"))


def _sweeps(image_set: ImageSet, seed: int) -> Section:
    if not image_set.factor_names:
        return Section("Factors", "the set has no factors.")
    body = ""
    for name, size in zip(image_set.factor_names, image_set.sizes, strict=True):
        images, values = factor_sweep(image_set, name, seed=seed)
        words = image_set.names_of(name)
        labels = [words[value] if words else str(value) for value in values]
        grid = image_grid(images, column_labels=labels, scale=_scale(image_set))
        title = escape_html(name.replace("_", " "))
        shown = f" ({', '.join(words)})" if 0 < len(words) <= _MOST_VALUES else ""
        body += f"<h3>{title}: {size} values{escape_html(shown)}</h3>"
        body += page.picture(grid, f"sweep of {name}")
    reading = (
        "Each row varies one factor and fixes all others."
        if image_set.is_grid or image_set.draw_fn is not None
        else "Each row varies one factor. Some combinations have no image, so a row fixes "
        "as many of the other factors as possible."
    )
    return Section("Factors", reading, body)


def _labels(image_set: ImageSet) -> Section:
    if not image_set.factor_names:
        return Section("Labels", "the set has none.")
    counts = label_counts(image_set)
    is_drawn = image_set.draw_fn is not None
    rows = [
        [
            name.replace("_", " "),
            str(len(count)),
            f"{count.min():,}",
            f"{count.max():,}",
            f"{0 if is_drawn else image_set.num_images - count.sum():,}",
        ]
        for name, count in counts.items()
    ]
    header = ["factor", "values", "fewest images", "most images", "unknown"]
    body = page.table(header, rows)
    for name, count in counts.items():
        if count.min() != count.max():
            draw = functools.partial(
                _bars, count, name.replace("_", " "), image_set.names_of(name)
            )
            body += page.chart(draw, f"images by {name}")
    of = f"{_DRAWS:,} samples" if is_drawn else "Images"
    return Section(
        "Labels", f"{of} per value of each factor; bar charts for uneven counts.", body
    )


def _pixels(found: Statistics) -> Section:
    spread = found.std_image / max(float(found.std_image.max()), 1e-9)
    pair = np.stack([found.mean_image, spread]).astype(np.float32)
    side = max(1, 192 // pair.shape[1])
    pictures = image_grid(pair[None], scale=side)
    draw = functools.partial(_histogram, found.histogram)
    body = page.picture(pictures, "mean and standard deviation")
    body += page.chart(draw, "histogram of pixel values")
    return Section(
        "Pixels",
        f"Over {found.num_sampled:,} images: mean image, standard deviation of each pixel "
        "(scaled to its maximum), and histogram of values in [0, 1].",
        body,
    )


def _bars(
    counts: Int[np.ndarray, " value"], name: str, words: Sequence[str] = ()
) -> Figure:
    figure, axes = empty_axes(6, 2)
    axes.bar(range(len(counts)), counts, width=0.8)
    axes.set_xlabel(escape_math(name))
    axes.set_ylabel("images")
    if len(counts) <= _BARS:
        axes.set_xticks(range(len(counts)), words or None)
    return figure


def _histogram(shares: np.ndarray) -> Figure:
    figure, axes = empty_axes(6, 2)
    edges = np.linspace(0, 1, len(shares) + 1)
    axes.stairs(shares, edges, fill=True)
    axes.set_yscale("log")
    axes.set_xlabel("pixel value")
    axes.set_ylabel("share")
    return figure


def _scale(image_set: ImageSet) -> int:
    """Scale of images on the page: small ones are shown at twice their size."""
    return 2 if image_set.image_shape[1] < 48 else 1


def _sample(image_set: ImageSet, num: int, seed: int) -> np.ndarray:
    count = min(num, image_set.num_images)
    rng = np.random.default_rng(seed)
    return image_set.choose(rng, count)


def _images(image_set: ImageSet, index: np.ndarray) -> np.ndarray:
    """Images at positions, in batches of `_BATCH`, so that one program renders them all."""
    padded = np.resize(index, -(-len(index) // _BATCH) * _BATCH).astype(np.int32)
    parts = [
        np.asarray(images_at(image_set, jnp.asarray(part)))
        for part in padded.reshape(-1, _BATCH)
    ]
    return np.concatenate(parts)[: len(index)]
