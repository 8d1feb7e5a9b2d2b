"""Epoch order: every image once per epoch, as a pure function of (key, step)."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

# Rounds of the swap-or-not shuffle (Hoang, Morris & Rogaway 2012). In each round two
# images keep their distance with probability 1/2, so 32 rounds leave no visible order.
_ROUNDS = 32


@functools.partial(jax.jit, static_argnames=("batch_size", "num_images"))
def epoch_index(
    key: Key[Array, ""], step: Int[Array, ""], *, batch_size: int, num_images: int
) -> Int[Array, " batch"]:
    """Indices of the batch of a step, if every image is seen once per epoch.

    Each epoch has its own order. The epochs are concatenated and cut into batches. There
    is no state and no stored permutation: a step costs O(batch).

    Args:
      key: determines the order of every epoch; constant in a run.
      step: number of the batch, from 0.
      batch_size: images per batch, at most `num_images`.
      num_images: images in the set.

    Returns:
      Positions in [0, num_images).

    Raises:
      ValueError: if a batch is larger than an epoch.

    Example:
      >>> key = jax.random.key(0)
      >>> batches = [epoch_index(key, t, batch_size=2, num_images=6) for t in range(3)]
      >>> sorted(jnp.concatenate(batches).tolist())
      [0, 1, 2, 3, 4, 5]
    """
    if not 0 < batch_size <= num_images:
        raise ValueError(
            f"batch_size is {batch_size} and the set has {num_images} images; with "
            'order="epoch" a batch has at most as many. Use a smaller batch_size, or '
            'order="keyed".'
        )
    # After `steps` steps exactly `epochs` epochs are complete, so step * batch_size is
    # computed modulo the least common multiple, so that it does not overflow.
    common = math.gcd(batch_size, num_images)
    steps, epochs = num_images // common, batch_size // common
    if steps * batch_size + batch_size >= 2**32:
        raise ValueError(
            f"batch_size {batch_size} and num_images {num_images} have a least common "
            'multiple above 2**32; use a rounder batch_size, or order="keyed".'
        )
    step = jnp.asarray(step)
    rest = (step % steps).astype(jnp.uint32) * jnp.uint32(batch_size)
    position = rest + jnp.arange(batch_size, dtype=jnp.uint32)
    first = rest // jnp.uint32(num_images)
    epoch = (step // steps) * epochs + first.astype(step.dtype)
    position -= first * jnp.uint32(num_images)
    # A batch may reach into the next epoch, never further: batch_size <= num_images.
    is_next = position >= num_images
    position = jnp.where(is_next, position - jnp.uint32(num_images), position)
    here, there = (_round_bits(key, epoch + i, num_images) for i in range(2))
    pivots, salts = (
        jnp.where(is_next, b[:, None], a[:, None])
        for a, b in zip(here, there, strict=True)
    )
    index = shuffled(position, pivots, salts, num_images).astype(jnp.int32)
    # Otherwise XLA of JAX 0.12 compiles all rounds again into the code of each use, which
    # takes more than 10 minutes on a CPU.
    return jax.lax.optimization_barrier(index)


def shuffled(
    position: Int[Array, " batch"],
    pivots: Int[Array, "round batch"],
    salts: Int[Array, "round batch"],
    num_images: int,
) -> Int[Array, " batch"]:
    """Permutes positions by the swap-or-not permutation of [0, num_images).

    Round i swaps x with pivot_i - x (mod n) if a hash bit of the larger of the two is
    1. Both partners compute the same bit, so it is a bijection for any n: no table, and
    no loop of unknown length, which would stall a GPU.
    """
    n = jnp.uint32(num_images)
    for pivot, salt in zip(pivots, salts, strict=True):
        partner = jnp.where(pivot >= position, pivot - position, pivot + n - position)
        larger = jnp.maximum(position, partner)
        position = jnp.where(_hash_bit(larger ^ salt), partner, position)
    return position


def _round_bits(
    key: Key[Array, ""], epoch: Int[Array, ""], num_images: int
) -> tuple[Int[Array, " round"], Int[Array, " round"]]:
    """A pivot and a salt for each round of an epoch's permutation."""
    bits = jax.random.bits(jax.random.fold_in(key, epoch), (2, _ROUNDS), jnp.uint32)
    return bits[0] % jnp.uint32(num_images), bits[1]


def _hash_bit(x: Int[Array, " batch"]) -> Array:
    """One well-mixed bit of a 32-bit integer (multiply, fold, multiply)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x >> 31 == 1
