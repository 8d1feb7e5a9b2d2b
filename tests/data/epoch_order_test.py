import functools

import jax
import numpy as np
import pytest

from dis_jax import data


@functools.partial(jax.jit, static_argnums=(2, 3))
def batches(key, steps, num_images, batch_size):
    """The batch of each step."""
    draw = functools.partial(
        data.epoch_index, key, batch_size=batch_size, num_images=num_images
    )
    return jax.vmap(draw)(steps)


def epochs(num_images, batch_size, steps, seed=0):
    """Indices of the first batches, laid end to end."""
    key = jax.random.key(seed)
    return np.ravel(batches(key, np.arange(steps), num_images, batch_size))


# If the batch size does not divide the epoch, some batches span two epochs.
@pytest.mark.parametrize(("num_images", "batch_size"), [(7, 7), (10, 4)])
def test_every_image_once_an_epoch(num_images, batch_size):
    order = epochs(num_images, batch_size, steps=3 * num_images)
    for epoch in order[: len(order) // num_images * num_images].reshape(-1, num_images):
        assert sorted(epoch) == list(range(num_images))


def test_epochs_and_keys_differ():
    order = epochs(1000, 100, steps=20)
    first, second = order.reshape(2, 1000)
    other = epochs(1000, 100, steps=20, seed=1)[:1000]
    for one, two in ((first, second), (first, other), (first, np.arange(1000))):
        # Two independent permutations agree in 1 position on average (Poisson).
        assert (one == two).sum() < 8
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.12


def test_each_position_gets_each_image_alike():
    """Chi-square over 20 x 20 cells of 4,000 orders of 20 images."""
    order = epochs(20, 20, steps=4000).reshape(4000, 20)
    counts = np.stack([np.bincount(column, minlength=20) for column in order.T])
    chi_square = ((counts - 200.0) ** 2 / 200).sum()
    assert chi_square < 361 + 5 * np.sqrt(2 * 361)


def test_neighbours_are_not_kept_together():
    order = epochs(1000, 1000, steps=40).reshape(40, 1000)
    adjacent = (np.abs(np.diff(order, axis=1)) == 1).mean()
    assert adjacent == pytest.approx(2 / 1000, abs=0.001)


def test_late_steps_do_not_overflow():
    num_images, batch_size = 737_280, 64
    steps = num_images // batch_size
    late = 2**31 - 1 - steps
    start = late - late % steps  # the first step of an epoch, at 137 billion images
    late_steps = start + np.arange(steps)
    index = batches(jax.random.key(0), late_steps, num_images, batch_size)
    assert np.array_equal(np.sort(np.ravel(index)), np.arange(num_images))


def test_batch_larger_than_the_set_is_refused():
    with pytest.raises(ValueError, match="batch_size is 5 and the set has 4 images"):
        data.epoch_index(jax.random.key(0), 0, batch_size=5, num_images=4)


def test_common_multiple_beyond_32_bits_is_refused():
    with pytest.raises(ValueError, match="rounder batch_size"):
        data.epoch_index(jax.random.key(0), 0, batch_size=65_535, num_images=1_000_003)


def test_the_rounds_are_compiled_once():
    """XLA of JAX 0.12 compiles them again into each use unless a barrier is between."""
    args = jax.random.key(0), 0
    draw = functools.partial(data.epoch_index, batch_size=4, num_images=10)
    (call,) = jax.make_jaxpr(draw)(*args).eqns
    assert call.params["jaxpr"].eqns[-1].primitive.name == "optimization_barrier"
