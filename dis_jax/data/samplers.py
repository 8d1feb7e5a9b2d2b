"""Samplers, which draw batches from an image set: pure functions of a key and a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from dis_jax.data.correlated import own_weights, with_weights
from dis_jax.data.epoch_order import epoch_index
from dis_jax.data.image_set import Batch, ImageSet, Pick
from dis_jax.data.labels import class_subset
from dis_jax.data.warps import DIGIT_DEGREES, DIGIT_ZOOM, rotate_and_zoom

Order = Literal["keyed", "epoch"]


class Sampler(NamedTuple):
    """A way to draw batches: functions to compile, and the arrays to pass to them.

    Attributes:
      sample: `(image_set, key, step, args) -> batch`, pure; fuses into the training
        program. `key` is constant in a run, `step` counts the batches from 0.
      args: arrays that `sample` reads (class probabilities, index sets). If the members
        of a population differ in them, they are stacked along a leading axis.
      plan: the first half of `sample`, with the same arguments: a batch in which images
        are a `Pick` of their positions. A stream plans ahead and reads images from disk.
      finish: the second half, `(batch, key, step) -> batch`, on the loaded images.
    """

    sample: Callable[[ImageSet, Key[Array, ""], Int[Array, ""], Any], Batch]
    args: Any
    plan: Callable[[ImageSet, Key[Array, ""], Int[Array, ""], Any], dict[str, Any]]
    finish: Callable[[Batch, Key[Array, ""], Int[Array, ""]], Batch]


def make_sampler(
    plan: Callable[..., dict[str, Any]],
    *,
    args: Any = (),
    finish: Callable[..., Batch] = lambda batch, key, step: batch,
) -> Sampler:
    """Makes a sampler from the plan of its batches and a final transformation.

    Args:
      plan: see `Sampler`.
      args: see `Sampler`.
      finish: see `Sampler`.

    Returns:
      The sampler.
    """

    def sample(image_set, key, step, args):
        planned = plan(image_set, key, step, args)
        return finish(_with_images(image_set, planned), key, step)

    return Sampler(sample, args, plan, finish)


def with_own_weights(
    samplers: Sequence[Sampler], sets: Sequence[ImageSet]
) -> list[Sampler]:
    """Samplers with the weights of their sets among their arguments.

    One program can then draw from any of these sets, which differ only in their weights,
    such as the width of a correlation.

    Args:
      samplers: one for each set.
      sets: weighted sets, see `weighted`.

    Returns:
      The samplers; their arguments have the same structure and shapes.

    Raises:
      ValueError: if the sets differ in more than their weights.

    Example:
      >>> words = ("(pos_x,pos_y,.1)", "(pos_x,pos_y,.4)")
      >>> sets = [data.load(f"rendered_dsprites+correlated{word}") for word in words]
      >>> narrow, wide = with_own_weights([data.images(s, 500) for s in sets], sets)
      >>> args = jax.tree.map(lambda *a: jnp.stack(a), narrow.args, wide.args)
      >>> draw = lambda args: narrow.plan(sets[0], jax.random.key(0), 0, args)["factors"]
      >>> factors = jax.vmap(draw)(args)
      >>> apart = abs(factors[..., 3] - factors[..., 4]).mean(axis=1)
      >>> (apart[0] < apart[1]).item()
      True
    """

    def with_args(fn: Callable[..., Any]) -> Callable[..., Any]:
        def run(image_set, key, step, args):
            own = with_weights(image_set, args["weights"])
            return fn(own, key, step, args["sampler"])

        return run

    return [
        Sampler(
            with_args(sampler.sample),
            {"sampler": sampler.args, "weights": weights},
            with_args(sampler.plan),
            sampler.finish,
        )
        for sampler, weights in zip(samplers, own_weights(sets), strict=True)
    ]


def _with_images(image_set: ImageSet, planned: dict[str, Any]) -> Batch:
    return {
        field: image_set.take(value.index)[0] if isinstance(value, Pick) else value
        for field, value in planned.items()
    }


def batch_index(
    num_images: int,
    key: Key[Array, ""],
    step: Int[Array, ""] | int,
    *,
    batch_size: int,
    order: Order = "keyed",
) -> Int[Array, " batch"]:
    """Indices of the images of a batch.

    Args:
      num_images: number of images in the set.
      key: constant in a run.
      step: number of the batch, from 0.
      batch_size: images per batch.
      order: "keyed", uniform draws with replacement; "epoch", every image once per epoch,
        and each epoch in a different order.

    Returns:
      Positions in [0, num_images).

    Raises:
      ValueError: if `order` is neither.

    Example:
      >>> batch_index(737_280, jax.random.key(0), 0, batch_size=4).shape
      (4,)
    """
    if order == "epoch":
        return epoch_index(key, step, batch_size=batch_size, num_images=num_images)
    if order == "keyed":
        key = jax.random.fold_in(key, step)
        return jax.random.randint(key, (batch_size,), 0, num_images)
    raise ValueError(f'order is {order!r}; take "keyed" or "epoch".')


class IndexDraw(NamedTuple):
    """How the positions of single images are drawn.

    Attributes:
      draw: `(image_set, key, step, args) -> index`.
      args: see `Sampler`.
    """

    draw: Callable[[ImageSet, Key[Array, ""], Int[Array, ""], Any], Array]
    args: Any


def index_draw(
    image_set: ImageSet,
    batch_size: int,
    *,
    order: Order = "keyed",
    class_counts: Sequence[int] | None = None,
    class_factor: str | None = None,
    subset_seed: int = 0,
) -> IndexDraw:
    """The draw of positions in the single-image samplers.

    Args:
      image_set: the set that is drawn from.
      batch_size: images per batch.
      order: "keyed" or "epoch", see `batch_index`.
      class_counts: number of images of each class in a subset, or None for all images.
      class_factor: the factor that is the class; optional if there is only one.
      subset_seed: chooses the images of each class.

    Returns:
      The draw. Its arguments are the images of the subset, if there is one: members of a
      population may have different class counts.

    Raises:
      ValueError: if a class has fewer images than requested; if `class_counts` is given for
        a weighted set; if `order` is "epoch" and either is used.
    """
    if image_set.draw_fn is not None and (order != "keyed" or class_counts is not None):
        raise ValueError(
            f"{image_set.name!r} draws its factors with weights, with replacement; take "
            'order="keyed" and no class_counts.'
        )
    if class_counts is None:

        def draw(image_set, key, step, args):
            del args
            if order == "keyed":
                return image_set.draw(jax.random.fold_in(key, step), batch_size)
            size = image_set.num_images
            return batch_index(size, key, step, batch_size=batch_size, order=order)

        return IndexDraw(draw, ())

    if order != "keyed":
        raise ValueError(
            f'order is {order!r} and class_counts are given; use order="keyed": the '
            "members of a population differ in the length of an epoch."
        )
    chosen = class_subset(image_set, class_counts, class_factor, subset_seed)
    # Padded to one shape, so that members with different counts can be stacked.
    padded = jnp.zeros(image_set.num_images, jnp.int32).at[: len(chosen)].set(chosen)

    def draw_subset(image_set, key, step, args):
        del image_set
        key = jax.random.fold_in(key, step)
        return args["subset"][jax.random.randint(key, (batch_size,), 0, args["size"])]

    args = {"subset": padded, "size": jnp.int32(len(chosen))}
    return IndexDraw(draw_subset, args)


def picked(image_set: ImageSet, index: Int[Array, " batch"]) -> dict[str, Any]:
    """The plan of images at positions, and `factors` if the set has any."""
    planned: dict[str, Any] = {"image": Pick(index)}
    if image_set.factor_names:
        planned["factors"] = image_set.factors(index)
    return planned


def next_key(key: Key[Array, ""], step: Int[Array, ""] | int) -> Key[Array, ""]:
    """A key for draws after the indices; the key of the indices only folds in `step`."""
    return jax.random.fold_in(jax.random.fold_in(key, step), 1)


def images(image_set: ImageSet, batch_size: int, **draw: Any) -> Sampler:
    """Single images: `image`, and `factors` if the set has any.

    Args:
      image_set: the set that is drawn from.
      batch_size: images per batch.
      **draw: how they are drawn, see `index_draw`.

    Returns:
      The sampler.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = data.images(sprites, batch_size=4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["image"].shape, batch["factors"].shape
      ((4, 64, 64, 1), (4, 5))
    """
    index = index_draw(image_set, batch_size, **draw)

    def plan(image_set, key, step, args):
        return picked(image_set, index.draw(image_set, key, step, args))

    return make_sampler(plan, args=index.args)


def two_batches(image_set: ImageSet, batch_size: int, **draw: Any) -> Sampler:
    """Two independent batches, `image` and `image2`: one to encode, one to permute.

    Args:
      image_set: the set that is drawn from.
      batch_size: images in each of the two.
      **draw: how they are drawn, see `index_draw`; in epoch order the two batches have
        different orders.

    Returns:
      The sampler.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = data.two_batches(sprites, batch_size=4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> sorted(batch)
      ['factors', 'image', 'image2']
    """
    index = index_draw(image_set, batch_size, **draw)

    def plan(image_set, key, step, args):
        keys = [jax.random.fold_in(key, i) for i in range(2)]
        first, second = (index.draw(image_set, k, step, args) for k in keys)
        return picked(image_set, first) | {"image2": Pick(second)}

    return make_sampler(plan, args=index.args)


def augmented(
    image_set: ImageSet,
    batch_size: int,
    *,
    degrees: int = DIGIT_DEGREES,
    zoom: tuple[float, float] = DIGIT_ZOOM,
    **draw: Any,
) -> Sampler:
    """Images and their transformed copies: `image` and `transformed`.

    Args:
      image_set: the set that is drawn from.
      batch_size: images per batch.
      degrees: see `rotate_and_zoom`.
      zoom: see `rotate_and_zoom`.
      **draw: how the images are drawn, see `index_draw`.

    Returns:
      The sampler.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = data.augmented(sprites, batch_size=4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["transformed"].shape
      (4, 64, 64, 1)
    """
    single = images(image_set, batch_size, **draw)

    def finish(batch, key, step):
        key = next_key(key, step)
        image = rotate_and_zoom(key, batch["image"], degrees=degrees, zoom=zoom)
        return batch | {"transformed": image}

    return make_sampler(single.plan, args=single.args, finish=finish)
