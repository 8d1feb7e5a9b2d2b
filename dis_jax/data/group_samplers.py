"""Groups of images that share given factors."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from dis_jax.data.image_set import ImageSet
from dis_jax.data.labels import factor_columns, group_table, known_labels, partners
from dis_jax.data.samplers import (
    Order,
    Sampler,
    batch_index,
    images,
    make_sampler,
    next_key,
    picked,
)


def groups(
    image_set: ImageSet,
    batch_size: int,
    *,
    shared: str | Sequence[str],
    group_size: int | None = None,
    order: Order = "keyed",
) -> Sampler:
    """Images in groups that share given factors: `image` and `group`.

    Args:
      image_set: a set whose images are all labelled with the shared factors.
      batch_size: images per batch, a multiple of `group_size`.
      shared: the factors that have the same values in all members of a group.
      group_size: members of a group. The first is drawn from all images, the others
        from those that agree with it, with replacement. None draws single images and
        groups those that agree by chance.
      order: "keyed" or "epoch", how the first members are drawn; see `batch_index`.

    Returns:
      A sampler of `image`, `factors`, and `group` (batch,): the members of a group have
      the same number, from 0 to `batch_size` - 1.

    Raises:
      ValueError: if `batch_size` is not a multiple of `group_size`, or a factor is missing
        or unknown. If the set draws its images with weights, and `group_size` is given.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = groups(sprites, 6, shared=["shape", "scale"], group_size=3)
      >>> batch = sampler.sample(sprites, jax.random.key(0), 0, sampler.args)
      >>> batch["group"].tolist()
      [0, 0, 0, 1, 1, 1]
    """
    names = [shared] if isinstance(shared, str) else list(shared)
    if not names:
        raise ValueError(
            "config.sampler.shared names no factor; expected some of "
            f"{', '.join(image_set.factor_names) or 'those of a labelled set'}."
        )
    columns = jnp.asarray(factor_columns(image_set, names))
    if group_size is None:
        if not image_set.is_grid:
            known_labels(image_set, names)
        return _found_groups(image_set, batch_size, columns, order)
    if group_size < 1 or batch_size % group_size:
        raise ValueError(
            f"batch_size is {batch_size}; expected a multiple of group_size, which is "
            f"{group_size}."
        )
    number = batch_size // group_size
    table = None if image_set.is_grid else group_table(image_set, names)

    def plan(image_set, key, step, args):
        size = image_set.num_images
        first = batch_index(size, key, step, batch_size=number, order=order)[:, None]
        others = jnp.repeat(first, group_size - 1, axis=1)
        if args is None:
            others = _agreeing(next_key(key, step), image_set, others, columns)
        else:
            others = partners(next_key(key, step), args, others)
        index = jnp.concatenate([first, others], axis=1).ravel()
        group = jnp.repeat(jnp.arange(number, dtype=jnp.int32), group_size)
        return picked(image_set, index) | {"group": group}

    return make_sampler(plan, args=table)


def _found_groups(
    image_set: ImageSet, batch_size: int, columns: Array, order: Order
) -> Sampler:
    """Single images; the number of a group is the position of its first member."""
    single = images(image_set, batch_size, order=order)

    def plan(image_set, key, step, args):
        planned = single.plan(image_set, key, step, args)
        labels = planned["factors"][:, columns]
        agree = (labels[:, None] == labels[None]).all(-1)
        return planned | {"group": jnp.argmax(agree, axis=1).astype(jnp.int32)}

    return make_sampler(plan, args=single.args)


def _agreeing(
    key: Key[Array, ""],
    image_set: ImageSet,
    index: Int[Array, "*shape"],
    columns: Int[Array, " shared"],
) -> Int[Array, "*shape"]:
    """Random images of a full grid that agree with others in some columns."""
    factors = image_set.factors(index.ravel())
    other = jax.random.randint(key, factors.shape, 0, jnp.asarray(image_set.sizes))
    other = other.at[:, columns].set(factors[:, columns])
    return image_set.position(other).reshape(index.shape)
