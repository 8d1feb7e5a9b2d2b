"""How batches are drawn from an image set: pure functions of a key and a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
from jaxtyping import Array, Int, Key

from dis_jax.data.epoch_order import epoch_index
from dis_jax.data.image_set import ImageSet

Batch = dict[str, Array]
Order = Literal["keyed", "epoch"]


class Sampler(NamedTuple):
    """A way to draw batches, split into what is compiled and what is passed to it.

    Attributes:
      sample: `(image_set, key, step, args) -> batch`, pure; fuses into the training
        program. `key` is constant in a run, `step` counts the batches from 0.
      args: arrays that `sample` reads (class probabilities, index sets). The members of
        a population may differ in them; they are stacked along a leading axis then.
    """

    sample: Callable[[ImageSet, Key[Array, ""], Int[Array, ""], Any], Batch]
    args: Any


def batch_index(
    image_set: ImageSet,
    key: Key[Array, ""],
    step: Int[Array, ""],
    *,
    batch_size: int,
    order: Order = "keyed",
) -> Int[Array, " batch"]:
    """Indices of the images of a batch.

    Args:
      image_set: the set that is drawn from.
      key: constant in a run.
      step: number of the batch, from 0.
      batch_size: images a batch.
      order: "keyed", uniform draws with replacement; "epoch", every image once an epoch
        and each epoch in an order of its own.

    Returns:
      Positions in [0, num_images).

    Raises:
      ValueError: if `order` is neither.

    Example:
      >>> from dis_jax import data
      >>> sprites = data.load("rendered_dsprites")
      >>> data.batch_index(sprites, jax.random.key(0), 0, batch_size=4).shape
      (4,)
    """
    if order == "epoch":
        n = image_set.num_images
        return epoch_index(key, step, batch_size=batch_size, num_images=n)
    if order == "keyed":
        key = jax.random.fold_in(key, step)
        return jax.random.randint(key, (batch_size,), 0, image_set.num_images)
    raise ValueError(f'order is {order!r}; take "keyed" or "epoch".')


def taken(image_set: ImageSet, index: Int[Array, " batch"]) -> Batch:
    """The batch at positions: `image`, and `factors` where the set names any."""
    image, factors = image_set.take(index)
    return {"image": image} | ({"factors": factors} if image_set.factor_names else {})


def images(image_set: ImageSet, batch_size: int, *, order: Order = "keyed") -> Sampler:
    """Single images: `image`, and `factors` where the set names any.

    Args:
      image_set: the set that is drawn from.
      batch_size: images a batch.
      order: "keyed" or "epoch", see `batch_index`.

    Returns:
      A sampler without arguments.

    Example:
      >>> from dis_jax import data
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = data.images(sprites, batch_size=4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["image"].shape, batch["factors"].shape
      ((4, 64, 64, 1), (4, 5))
    """
    del image_set

    def sample(image_set, key, step, args):
        del args
        index = batch_index(image_set, key, step, batch_size=batch_size, order=order)
        return taken(image_set, index)

    return Sampler(sample, ())


def two_batches(
    image_set: ImageSet, batch_size: int, *, order: Order = "keyed"
) -> Sampler:
    """Two independent batches, `image` and `image2`: one to encode, one to permute.

    Args:
      image_set: the set that is drawn from.
      batch_size: images in each of the two.
      order: "keyed" or "epoch", see `batch_index`; each has an epoch order of its own.

    Returns:
      A sampler without arguments.

    Example:
      >>> from dis_jax import data
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = data.two_batches(sprites, batch_size=4)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> sorted(batch)
      ['factors', 'image', 'image2']
    """
    first = images(image_set, batch_size, order=order)

    def sample(image_set, key, step, args):
        keys = [jax.random.fold_in(key, i) for i in range(2)]
        batch, other = (first.sample(image_set, k, step, args) for k in keys)
        return batch | {"image2": other["image"]}

    return Sampler(sample, ())


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "images": images,
    "two_batches": two_batches,
}
