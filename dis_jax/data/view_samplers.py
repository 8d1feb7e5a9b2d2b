"""Samplers of two views: pairs that share chosen attributes, and coloured pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from dis_jax.data.image_set import Batch, ImageSet, Pick, factors_of_index
from dis_jax.data.labels import factor_columns, group_table, partners
from dis_jax.data.pair_samplers import pair_at, want_grid
from dis_jax.data.samplers import (
    Order,
    Sampler,
    batch_index,
    index_draw,
    make_sampler,
    next_key,
)
from dis_jax.data.transforms import coloured_pair
from dis_jax.data.warps import check_zoom, zoomed_in

Values = int | Sequence[int]


def attribute_pairs(
    image_set: ImageSet,
    batch_size: int,
    *,
    shared: Sequence[str],
    values: Mapping[str, Values] | None = None,
    left: Mapping[str, Values] | None = None,
    right: Mapping[str, Values] | None = None,
    zoom: float = 1.0,
    order: Order = "keyed",
) -> Sampler:
    """Pairs that share some factors, the others free or fixed on each side: `x`, `y`.

    Args:
      image_set: a full grid.
      batch_size: pairs per batch.
      shared: the factors that have the same value in `x` and `y`.
      values: the values that a factor may take on both sides; by default all.
      left: the same for `x` only; a single value fixes the factor.
      right: the same for `y` only.
      zoom: the largest zoom into a view, drawn independently for each view, see
        `zoomed_in`; 1 leaves views as they are.
      order: "keyed", or "epoch": every possible pair once per epoch, so that no pair
        repeats before all have occurred.

    Returns:
      A sampler of `x`, `y` and their `factors_x` and `factors_y`.

    Raises:
      ValueError: if the set is not a full grid, or lacks a factor or a value, or if
        `zoom` is below 1.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = attribute_pairs(
      ...     sprites, 4, shared=["shape"], left={"scale": 0}, right={"scale": (1, 2)}
      ... )
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["factors_x"][:, 1].tolist()
      [0, 0, 0, 0]
    """
    want_grid(image_set, "attribute_pairs")
    columns = factor_columns(image_set, shared)
    either = _allowed(image_set, values or {})
    x_values = _allowed(image_set, left or {}, either)
    y_values = _allowed(image_set, right or {}, either)
    for i in columns:
        if len(x_values[i]) != len(y_values[i]) or (x_values[i] != y_values[i]).any():
            raise ValueError(
                f"{image_set.factor_names[i]!r} is shared, but left and right allow "
                "different values of it; restrict it by `values`."
            )
    own = [i for i in range(len(image_set.sizes)) if i not in columns]
    # Pairs form a grid: all factors of x, then those of y that are not shared.
    tables = [*x_values, *(y_values[i] for i in own)]
    sizes = tuple(len(table) for table in tables)
    if order == "epoch" and math.prod(sizes) >= 2**31:
        raise ValueError(
            f"there are {math.prod(sizes):.3g} possible pairs, too many for an epoch (at "
            'most 2**31 - 1); restrict the values, or use order="keyed".'
        )

    def plan(image_set, key, step, args):
        if order == "epoch":
            count = math.prod(sizes)
            index = batch_index(count, key, step, batch_size=batch_size, order=order)
            digits = factors_of_index(index, sizes)
        else:
            key = jax.random.fold_in(key, step)
            shape = (batch_size, len(sizes))
            digits = jax.random.randint(key, shape, 0, jnp.asarray(sizes))
        drawn = [table[digits[:, i]] for i, table in enumerate(args)]
        x, rest = drawn[: len(image_set.sizes)], drawn[len(image_set.sizes) :]
        y = [rest[own.index(i)] if i in own else x[i] for i in range(len(x))]
        return pair_at(image_set, jnp.stack(x, axis=-1), jnp.stack(y, axis=-1))

    tables = tuple(jnp.asarray(table) for table in tables)
    return make_sampler(plan, args=tables, finish=_zoom_into_views(zoom))


def views(
    image_set: ImageSet,
    batch_size: int,
    *,
    same: str | Sequence[str] | None = None,
    foreground: str = "bright",
    zoom: float = 1.0,
    **draw: Any,
) -> Sampler:
    """Coloured pairs: `x` has its background coloured, `y` its foreground.

    Args:
      image_set: images with one channel.
      batch_size: pairs per batch.
      same: the factors that have the same value in the two images, e.g. "digit"; by default
        one image is used twice.
      foreground: how the foreground is found, see `coloured_pair`.
      zoom: the largest zoom into a coloured view, drawn independently for each view, see
        `zoomed_in`; 1 leaves views as they are.
      **draw: how `x` is drawn, see `index_draw`.

    Returns:
      A sampler of `x` and `y`, the numbers `colour_x` and `colour_y` of their colours,
      and `factors_x` and `factors_y` if the set has any.

    Raises:
      ValueError: if the images have colours, a factor is missing or unknown, or `zoom` is
        below 1, or both `same` and `class_counts` are given. If the set draws its images
        with weights, and `same` is given.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = views(sprites, 4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["x"].shape, batch["colour_x"].shape
      ((4, 64, 64, 3), (4,))
    """
    if image_set.image_shape[-1] != 1:
        raise ValueError(
            f"views needs images with one channel; those of {image_set.name!r} are "
            f"{image_set.image_shape}. Convert them to greyscale first."
        )
    names = [same] if isinstance(same, str) else list(same or ())
    if names and draw.get("class_counts"):
        raise ValueError(
            "same samples partners from all images, class_counts from a subset: use one "
            "of the two."
        )
    first = index_draw(image_set, batch_size, **draw)
    table = group_table(image_set, names) if names else None
    zoom_into = _zoom_into_views(zoom)

    def plan(image_set, key, step, args):
        index = first.draw(image_set, key, step, args["draw"])
        other = index
        if args["table"] is not None:
            partner, _ = jax.random.split(next_key(key, step))
            other = partners(partner, args["table"], index)
        planned = {"x": Pick(index), "y": Pick(other)}
        if image_set.factor_names:
            planned["factors_x"] = image_set.factors(index)
            planned["factors_y"] = image_set.factors(other)
        return planned

    def finish(batch, key, step):
        _, colour = jax.random.split(next_key(key, step))
        x, y = batch["x"], batch["y"]
        batch = batch | coloured_pair(colour, x, y, foreground=foreground)
        return zoom_into(batch, key, step)

    return make_sampler(plan, args={"draw": first.args, "table": table}, finish=finish)


def _zoom_into_views(zoom: float) -> Callable[[Batch, Any, Any], Batch]:
    """The `finish` of a sampler, which zooms into x and y independently if zoom > 1."""
    check_zoom(zoom)

    def finish(batch: Batch, key: Key[Array, ""], step: Int[Array, ""]) -> Batch:
        if zoom == 1:
            return batch
        keys = jax.random.split(jax.random.fold_in(next_key(key, step), 2))
        views = zip("xy", keys, strict=True)
        return batch | {side: zoomed_in(k, batch[side], zoom) for side, k in views}

    return finish


def _allowed(
    image_set: ImageSet,
    values: Mapping[str, Values],
    default: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """The values that each factor may take."""
    sizes = image_set.sizes
    allowed = list(default or [np.arange(size, dtype=np.int32) for size in sizes])
    for name, column in zip(values, factor_columns(image_set, [*values]), strict=True):
        wanted = np.atleast_1d(np.asarray(values[name], np.int32))
        if not len(wanted) or wanted.min() < 0 or wanted.max() >= sizes[column]:
            raise ValueError(
                f"values {wanted.tolist()} of {name!r}; expected some of 0 to "
                f"{sizes[column] - 1}."
            )
        allowed[column] = wanted
    return allowed
