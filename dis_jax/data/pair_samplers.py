"""Pairs of images that share factors: `x` and `y`, and the factors that differ."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from dis_jax.data.image_set import Batch, ImageSet, Pick, factors_of_index
from dis_jax.data.labels import factor_columns, group_table
from dis_jax.data.samplers import (
    Order,
    Sampler,
    batch_index,
    index_draw,
    make_sampler,
    next_key,
)
from dis_jax.data.transforms import coloured_pair, zoomed_in

Values = int | Sequence[int]


def pairs(
    image_set: ImageSet,
    batch_size: int,
    *,
    num_changed: int | None = 1,
    must_differ: bool = False,
    order: Order = "keyed",
) -> Sampler:
    """Pairs in which some factors are resampled: `x`, `y`, `changed`, `changed_factor`.

    Args:
      image_set: a full grid.
      batch_size: pairs per batch.
      num_changed: how many factors are redrawn, or None for a number drawn for each
        pair from 1 to one less than there are.
      must_differ: whether a redrawn factor always takes another value; otherwise it may
        keep its value.
      order: "keyed" or "epoch", how `x` is drawn; see `batch_index`.

    Returns:
      A sampler of `x` and `y`, their `factors_x` and `factors_y`, the mask `changed`
      (batch, factor) of the redrawn factors, and `changed_factor` (batch,), the first
      of them.

    In a set that draws its factors with weights (`weighted`), x and y each follow these
    weights (y approximately, with `must_differ`): the redrawn factors of y are drawn given
    the others.

    Raises:
      ValueError: if the set is not a full grid, or has too few factors.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = pairs(sprites, 4, num_changed=2, must_differ=True)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> (batch["factors_x"] != batch["factors_y"]).sum(1).tolist()
      [2, 2, 2, 2]
    """
    if image_set.draw_fn is None:
        _want_grid(image_set, "pairs")
    draw = index_draw(image_set, batch_size, order=order).draw
    free = [i for i, size in enumerate(image_set.sizes) if size > 1]
    most = len(free) if num_changed is not None else len(free) - 1
    if not 1 <= (1 if num_changed is None else num_changed) <= most:
        raise ValueError(
            f"num_changed is {num_changed} and {image_set.name!r} has {len(free)} "
            "factors of more than one value; expected 1 to that many, or None and at "
            "least two factors."
        )
    is_free = jnp.zeros(len(image_set.sizes), bool).at[jnp.asarray(free)].set(True)

    def plan(image_set, key, step, args):
        index = draw(image_set, key, step, args)
        which, value, number = jax.random.split(next_key(key, step), 3)
        factors = image_set.factors(index)
        count = num_changed
        if count is None:
            count = jax.random.randint(number, (batch_size, 1), 1, most + 1)
        changed = _random_mask(which, factors.shape, is_free, count)
        if image_set.redraw_fn is not None:
            other = image_set.redraw_fn(
                image_set.arrays, value, factors, changed, must_differ
            )
        else:
            other = _redrawn(value, factors, image_set.sizes, must_differ)
            other = jnp.where(changed, other, factors)
        return _pair(image_set, factors, other) | {
            "changed": changed,
            "changed_factor": jnp.argmax(changed, axis=1).astype(jnp.int32),
        }

    return make_sampler(plan)


def transitions(
    image_set: ImageSet,
    batch_size: int,
    *,
    rate: float = 1.0,
    shape: float = 1.0,
    order: Order = "keyed",
) -> Sampler:
    """Pairs in which every factor may move a little: `x`, `y`, `changed`.

    From the value v, a factor of n values moves to w with a probability proportional to
    `exp(-(rate |w - v| / log n)^shape)`: a Laplace distribution, truncated to the grid
    (shape 1: the LAP transitions of Klindt et al. 2021), or a generalised one. Shapes
    below 1 have more small moves and more large ones, as the objects of natural videos.
    If no factor moves, one, chosen uniformly, is drawn again among its other values.
    Categorical factors keep their values; distances of angles are not taken around the
    circle.

    Eq.: Klindt et al. 2021, transitions with Laplace differences

    Args:
      image_set: a full grid.
      batch_size: pairs per batch.
      rate: the larger, the smaller the moves.
      shape: exponent of the generalised Laplace distribution.
      order: "keyed" or "epoch", how `x` is drawn; see `batch_index`.

    Returns:
      A sampler of `x` and `y`, their `factors_x` and `factors_y`, and the mask `changed`
      (batch, factor) of the factors that differ.

    Raises:
      ValueError: if the set is not a full grid or has no factor that can move, or if
        `rate` or `shape` is not positive.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = transitions(sprites, 4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["changed"][:, 0].tolist()  # a shape is a category
      [False, False, False, False]
    """
    _want_grid(image_set, "transitions")
    for name, value in {"rate": rate, "shape": shape}.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}; expected a number above 0.")
    moves = [
        size > 1 and kind != "categorical"
        for size, kind in itertools.zip_longest(image_set.sizes, image_set.kinds)
    ]
    if not any(moves):
        raise ValueError(
            f"{image_set.name!r} has no factor that can move: all of its factors are "
            "categories or have one value."
        )
    draw = index_draw(image_set, batch_size, order=order).draw
    size, can_move = jnp.asarray(image_set.sizes), jnp.asarray(moves)
    scale = jnp.log(jnp.maximum(size, 2)) / rate
    value = jnp.arange(max(image_set.sizes))

    def plan(image_set, key, step, args):
        x = image_set.factors(draw(image_set, key, step, args))
        first, which, second = jax.random.split(next_key(key, step), 3)
        # (batch, factor, value); values that a smaller factor lacks are never drawn.
        distance = jnp.abs(value - x[:, :, None])
        log_p = -((distance / scale[:, None]) ** shape)
        log_p = jnp.where(value < size[:, None], log_p, -jnp.inf)
        y = jnp.where(can_move, jax.random.categorical(first, log_p), x)
        other = jax.random.categorical(second, jnp.where(distance, log_p, -jnp.inf))
        still = (y == x).all(axis=1, keepdims=True)
        y = jnp.where(still & _random_mask(which, x.shape, can_move, 1), other, y)
        y = y.astype(x.dtype)
        return _pair(image_set, x, y) | {"changed": x != y}

    return make_sampler(plan)


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
      shared: the factors in which `x` and `y` agree.
      values: the values that a factor may take on both sides; by default all.
      left: the same for `x` alone; a single value fixes the factor.
      right: the same for `y` alone.
      zoom: the largest zoom into a view, drawn for each on its own, see `zoomed_in`; 1
        leaves views as they are.
      order: "keyed", or "epoch": every possible pair once an epoch, so that no pair
        comes twice before all have come.

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
    _want_grid(image_set, "attribute_pairs")
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
        return _pair(image_set, jnp.stack(x, axis=-1), jnp.stack(y, axis=-1))

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
      same: the factors in which the two images agree, e.g. "digit"; by default one
        image is used twice.
      foreground: how it is found, see `coloured_pair`.
      zoom: the largest zoom into a coloured view, drawn for each on its own, see
        `zoomed_in`; 1 leaves views as they are.
      **draw: how the left image is drawn, see `index_draw`.

    Returns:
      A sampler of `x` and `y`, the numbers `colour_x` and `colour_y` of their colours,
      and `factors_x` and `factors_y` where the set names any.

    Raises:
      ValueError: if the images have colours, a factor is not there or not known, or
        `zoom` is below 1, or both `same` and `class_counts` are given. If the set draws
        its images with weights, and `same` is given.

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


def partners(
    key: Key[Array, ""], table: Mapping[str, Array], index: Int[Array, "*shape"]
) -> Int[Array, "*shape"]:
    """A random member of each image's group, itself included, by a `group_table`."""
    offset = jax.random.randint(key, index.shape, 0, table["size"][index])
    return table["order"][table["start"][index] + offset]


def _zoom_into_views(zoom: float) -> Callable[[Batch, Any, Any], Batch]:
    """The `finish` of a sampler that zooms into x and y independently, if at all."""
    if zoom < 1:
        raise ValueError(f"zoom is {zoom}; expected 1 (no zoom) or more.")

    def finish(batch: Batch, key: Key[Array, ""], step: Int[Array, ""]) -> Batch:
        if zoom == 1:
            return batch
        keys = jax.random.split(jax.random.fold_in(next_key(key, step), 2))
        views = zip("xy", keys, strict=True)
        return batch | {side: zoomed_in(k, batch[side], zoom) for side, k in views}

    return finish


def _pair(image_set: ImageSet, x: Array, y: Array) -> dict[str, Any]:
    picks = {"x": Pick(image_set.position(x)), "y": Pick(image_set.position(y))}
    return picks | {"factors_x": x, "factors_y": y}


def _random_mask(
    key: Key[Array, ""], shape: tuple[int, ...], allowed: Array, count: Array | int
) -> Bool[Array, "batch factor"]:
    """Masks with `count` places set, chosen uniformly among the allowed ones."""
    # Ranks of random scores are a random order; a score of 2 puts a place last.
    score = jnp.where(allowed, jax.random.uniform(key, shape), 2.0)
    rank = jnp.argsort(jnp.argsort(score, axis=1), axis=1)
    return rank < count


def _redrawn(
    key: Key[Array, ""], factors: Array, sizes: tuple[int, ...], must_differ: bool
) -> Int[Array, "batch factor"]:
    size = jnp.asarray(sizes)
    if must_differ:
        step = jax.random.randint(key, factors.shape, 1, jnp.maximum(size, 2))
        return (factors + step) % size
    return jax.random.randint(key, factors.shape, 0, size)


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


def _want_grid(image_set: ImageSet, sampler: str) -> None:
    if not image_set.is_grid:
        raise ValueError(
            f"{sampler!r} samples images by their factors, but {image_set.name!r} is not a "
            "full grid of its factors; use a set that is, e.g. rendered_dsprites."
        )
