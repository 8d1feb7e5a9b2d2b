"""Source of batches: drawn inside the program, or read ahead and passed to it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from dis_jax.data import Batch, ImageSet, Sampler, stream_calls
from dis_jax.methods import State
from dis_jax.training import mesh as meshes

# Folded into a state's key to give the key of its data. `update` folds in the number of
# the step, which never reaches this value, so data and noise are independent.
_DATA_STREAM = 2**31 - 1
_THREADS = 2  # more threads slow each other down
_BUFFER = 16  # batches

# n -> the batches of the next n steps, (n, [population,] batch, ...); None if the program
# draws its own batches.
Feed = Callable[[int], Batch | None]


def data_key(state: State) -> Array:
    """The constant key from which all batches of a run are drawn."""
    return jax.random.fold_in(state.key, _DATA_STREAM)


def open_feed(
    image_set: ImageSet,
    sampler: Sampler,
    mesh: Mesh,
    state: State,
    *,
    calls: int = 1,
    feeds: int = 1,
) -> Feed:
    """Opens the feed of a run's batches, from the step of its state.

    Args:
      image_set: the source of the images.
      sampler: draws the batches.
      mesh: the devices, see `make_mesh`.
      state: of one model; gives step and key.
      calls: steps in a call; twice as many batches are read ahead.
      feeds: number of feeds that share the threads.

    Returns:
      The feed.
    """
    if image_set.read is None:
        return lambda n: None
    key = data_key(state)
    # A copy in this process: the state may be spread over devices of several processes.
    bits = jnp.asarray(np.asarray(jax.random.key_data(key)))
    return stream_calls(
        image_set,
        sampler,
        jax.random.wrap_key_data(bits, impl=jax.random.key_impl(key)),
        int(state.step),
        sharding=meshes.over_data(mesh),
        threads=max(1, _THREADS // feeds),
        buffer=max(_BUFFER, 2 * calls),
    )


def side_by_side(feeds: Sequence[Feed], mesh: Mesh) -> Feed:
    """One feed of several members: batches with axes (steps, members, batch, ...).

    Args:
      feeds: one for each member.
      mesh: the devices, see `make_mesh`.

    Returns:
      The feed.
    """
    axes = PartitionSpec(None, meshes.POPULATION, meshes.DATA)

    @functools.partial(jax.jit, out_shardings=NamedSharding(mesh, axes))
    def stacked(*batches: Batch) -> Batch:
        return jax.tree.map(lambda *x: jnp.stack(x, axis=1), *batches)

    def take(n: int) -> Batch | None:
        batches = [batch for feed in feeds if (batch := feed(n)) is not None]
        return stacked(*batches) if batches else None

    return take
