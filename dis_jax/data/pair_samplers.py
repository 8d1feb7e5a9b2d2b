"""Pairs of images that share factors: `x` and `y`, and the factors that differ."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from dis_jax.data.image_set import ImageSet, Pick
from dis_jax.data.samplers import (
    Order,
    Sampler,
    index_draw,
    make_sampler,
    next_key,
)


def pairs(
    image_set: ImageSet,
    batch_size: int,
    *,
    num_changed: int | None = 1,
    must_differ: bool = False,
    order: Order = "keyed",
) -> Sampler:
    """Pairs in which some factors are resampled: `x`, `y`, `changed`, `changed_factor`.

    In a set that draws its factors with weights (`weighted`), x and y each follow these
    weights (y approximately, with `must_differ`): the redrawn factors of y are drawn given
    the others.

    Args:
      image_set: a full grid, or a weighted one.
      batch_size: pairs per batch.
      num_changed: number of redrawn factors; or None to draw it for each pair, from 1 to
        the number of factors minus 1.
      must_differ: whether a redrawn factor always takes another value; otherwise it may
        keep its value.
      order: "keyed" or "epoch", how `x` is drawn; see `batch_index`.

    Returns:
      A sampler of `x` and `y`, their `factors_x` and `factors_y`, the mask `changed`
      (batch, factor) of the redrawn factors, and `changed_factor` (batch,), the first
      redrawn factor.

    Raises:
      ValueError: if the set is neither a full grid nor a weighted one, or has too few
        factors.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = pairs(sprites, 4, num_changed=2, must_differ=True)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> (batch["factors_x"] != batch["factors_y"]).sum(1).tolist()
      [2, 2, 2, 2]
    """
    if image_set.draw_fn is None:
        want_grid(image_set, "pairs")
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
        return pair_at(image_set, factors, other) | {
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
    """Pairs in which every factor may change a little: `x`, `y`, `changed`.

    From the value v, a factor with n values moves to w with a probability proportional to
    `exp(-(rate |w - v| / log n)^shape)`: a Laplace distribution, truncated to the grid
    (shape 1: the LAP transitions of Klindt et al. 2021), or a generalised Laplace
    distribution. Shapes below 1 have more small moves and more large ones, as the objects
    of natural videos do. If no factor moves, one factor, chosen uniformly, is redrawn among
    its other values. Categorical factors keep their values; distances between angles are
    not circular.

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
    want_grid(image_set, "transitions")
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
        return pair_at(image_set, x, y) | {"changed": x != y}

    return make_sampler(plan)


def pair_at(image_set: ImageSet, x: Array, y: Array) -> dict[str, Any]:
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


def want_grid(image_set: ImageSet, sampler: str) -> None:
    if not image_set.is_grid:
        raise ValueError(
            f"{sampler!r} samples images by their factors, but {image_set.name!r} is not a "
            "full grid of its factors; use a set that is, e.g. rendered_dsprites."
        )
