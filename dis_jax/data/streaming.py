"""Sets that are read from disk while a model trains."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from dis_jax.data.arrays import checked_factors, grid_position
from dis_jax.data.image_set import Batch, ImageSet, Pick, index_of_factors
from dis_jax.data.samplers import Sampler

_AHEAD = 2  # batches in transfer to the device


def from_source(
    read: Callable[[np.ndarray], np.ndarray],
    factors: np.ndarray,
    *,
    name: str,
    factor_names: Sequence[str],
    sizes: Sequence[int],
    image_shape: tuple[int, int, int],
) -> ImageSet:
    """An image set whose images are read when they are needed.

    `take` and `images` call the host, even from compiled code, and wait for it; training
    reads ahead instead: see `stream`.

    Args:
      read: positions, (n,) -> uint8 images (n, height, width, channels). Called from
        several threads.
      factors: (num_images, factor), unknown = -1.
      name: of the set.
      factor_names: a name for each column of `factors`.
      sizes: the number of values of each factor.
      image_shape: (height, width, channels).

    Returns:
      The image set; its `read` is not None.

    Raises:
      ValueError: if factors are not as described above; the message says what was found.

    Example:
      >>> read = lambda index: np.full((len(index), 2, 2, 1), 255, np.uint8)
      >>> white = from_source(
      ...     read, np.zeros((5, 0), np.int32), name="white", factor_names=(), sizes=(),
      ...     image_shape=(2, 2, 1),
      ... )
      >>> float(white.take(jnp.array([3, 4]))[0].min())
      1.0
    """
    labels, sizes = checked_factors(factors, len(factors), factor_names, sizes, name)
    position = grid_position(labels, sizes)
    arrays = {"factors": jnp.asarray(labels)}
    if position is not None:
        arrays["position"] = jnp.asarray(position)
    reader = _Reader(read, image_shape)
    return ImageSet(
        arrays=arrays,
        name=name,
        factor_names=tuple(factor_names),
        sizes=sizes,
        image_shape=image_shape,
        num_images=len(labels),
        take_fn=reader.take,
        images_fn=None if position is None else reader.images(sizes),
        read=read,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Reader:
    read: Callable[[np.ndarray], np.ndarray]
    shape: tuple[int, int, int]

    def take(self, arrays: dict, index: Array) -> tuple[Array, Array]:
        return self._images(index), arrays["factors"][index]

    def images(self, sizes: tuple[int, ...]) -> Callable[..., Array]:
        return lambda arrays, factors: self._images(
            arrays["position"][index_of_factors(factors, sizes)]
        )

    def _images(self, index: Array) -> Array:
        # "expand_dims": under vmap one call reads the images of all members.
        result = jax.ShapeDtypeStruct((*index.shape, *self.shape), jnp.uint8)
        images = jax.pure_callback(
            self._on_host, result, index, vmap_method="expand_dims"
        )
        return images.astype(jnp.float32) / 255

    def _on_host(self, index: Any) -> np.ndarray:
        index = np.asarray(index)
        return self.read(index.ravel()).reshape(*index.shape, *self.shape)


def stream(
    image_set: ImageSet,
    sampler: Sampler,
    key: Key[Array, ""],
    start_step: int = 0,
    *,
    sharding: jax.sharding.NamedSharding | None = None,
    threads: int = 2,
    buffer: int = 16,
) -> Iterator[Batch]:
    """The batches that a sampler draws, read ahead of the step that uses them.

    Batch t is the one that `sampler.sample(image_set, key, t, sampler.args)` draws.
    A stream can therefore resume at any step, and a run is the same whether its set is
    streamed or kept on the device. Images are uint8; the second half of a sampler runs in
    the training program: see `finished`.

    Args:
      image_set: the source of the images, with a `read`.
      sampler: draws the batches.
      key: constant in a run.
      start_step: the step of the first batch.
      sharding: how the leading axis of batches is divided among devices. Each process
        reads the rows of its own devices. By default batches go to the default device.
      threads: number of reading threads; more than a few slow each other down, unless the
        disk has a high latency.
      buffer: number of batches that are read ahead.

    Yields:
      Batches, without end.

    Raises:
      ValueError: if the set's images are not read from the host.

    Example:
      >>> images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
      >>> numbers = from_source(
      ...     lambda index: images[index], np.zeros((6, 0), np.int32), name="numbers",
      ...     factor_names=(), sizes=(), image_shape=(1, 1, 1),
      ... )
      >>> sampler = data.images(numbers, 3, order="epoch")
      >>> batches = stream(numbers, sampler, jax.random.key(0))
      >>> epoch = [next(batches)["image"] for _ in range(2)]
      >>> sorted(np.concatenate(epoch).ravel().tolist())
      [0, 1, 2, 3, 4, 5]
    """
    planner, rows = _opened(
        image_set, sampler, key, start_step, sharding, threads, buffer
    )
    waiting = collections.deque()
    for batch in rows:
        waiting.append(jax.tree.map(planner.place, batch))
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


def stream_calls(
    image_set: ImageSet,
    sampler: Sampler,
    key: Key[Array, ""],
    start_step: int = 0,
    *,
    sharding: jax.sharding.NamedSharding | None = None,
    threads: int = 2,
    buffer: int = 16,
) -> Callable[[int], Batch]:
    """A function that returns the next n batches of a `stream`, stacked.

    Args:
      image_set: see `stream`.
      sampler: see `stream`.
      key: see `stream`.
      start_step: see `stream`.
      sharding: see `stream`; of one batch.
      threads: see `stream`.
      buffer: see `stream`; ideally the batches of two calls.

    Returns:
      `n -> the next n batches`, each array (n, batch, ...).

    Raises:
      ValueError: if the set's images are not read from the host.

    Example:
      >>> images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
      >>> numbers = from_source(
      ...     lambda index: images[index], np.zeros((6, 0), np.int32), name="numbers",
      ...     factor_names=(), sizes=(), image_shape=(1, 1, 1),
      ... )
      >>> sampler = data.images(numbers, 3, order="epoch")
      >>> epoch = stream_calls(numbers, sampler, jax.random.key(0))(2)["image"]
      >>> epoch.shape, sorted(epoch.ravel().tolist())
      ((2, 3, 1, 1, 1), [0, 1, 2, 3, 4, 5])
    """
    planner, rows = _opened(
        image_set, sampler, key, start_step, sharding, threads, buffer
    )

    def take(n: int) -> Batch:
        batches = [next(rows) for _ in range(n)]
        stacked = jax.tree.map(lambda *parts: np.stack(parts), *batches)
        return jax.tree.map(planner.place_calls, stacked)

    return take


def _opened(
    image_set: ImageSet,
    sampler: Sampler,
    key: Key[Array, ""],
    start_step: int,
    sharding: jax.sharding.NamedSharding | None,
    threads: int,
    buffer: int,
) -> tuple[_Planner, Iterator[dict[str, np.ndarray]]]:
    """A planner, and this process's rows of the batches from a step on, read ahead."""
    if image_set.read is None:
        raise ValueError(
            f"{image_set.name!r} is on the device; use `sampler.sample`, or load it with "
            "resident=False."
        )
    import grain

    planner = _Planner(image_set, image_set.read, sampler, key, sharding)
    rows = grain.MapDataset.range(start_step, np.iinfo(np.int32).max).map(planner)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=buffer)
    return planner, iter(rows.to_iter_dataset(options))


def finished(
    sampler: Sampler, batch: Batch, key: Key[Array, ""], step: Int[Array, ""]
) -> Batch:
    """Turns a streamed batch into the batch of `sampler.sample`; pure, to be compiled.

    Args:
      sampler: the sampler of the stream.
      batch: a batch from the stream.
      key: constant in a run.
      step: number of the batch.

    Returns:
      The batch with images in [0, 1], after the `finish` of the sampler.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> sampler = data.images(sprites, 1)
      >>> raw = {"image": jnp.full((1, 2, 2, 1), 51, jnp.uint8)}
      >>> float(finished(sampler, raw, jax.random.key(0), 0)["image"].max().round(3))
      0.20000000298023224
    """
    scaled = {
        field: value.astype(jnp.float32) / 255 if value.dtype == jnp.uint8 else value
        for field, value in batch.items()
    }
    return sampler.finish(scaled, key, step)


class _Planner:
    """Step -> this process's rows of the batch, on the host."""

    def __init__(
        self,
        image_set: ImageSet,
        read: Callable[[np.ndarray], np.ndarray],
        sampler: Sampler,
        key: Key[Array, ""],
        sharding: jax.sharding.NamedSharding | None,
    ):
        self._read = read
        self._sharding = sharding
        self._cpu = jax.local_devices(backend="cpu")[0]
        # The plan runs on the CPU, whatever device trains: it is small and needed
        # early.
        self._arguments = jax.device_put((image_set, key, sampler.args), self._cpu)
        self._plan = jax.jit(sampler.plan)

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        image_set, key, args = self._arguments
        with jax.default_device(self._cpu):
            planned = self._plan(image_set, key, np.int32(step), args)
        return {field: self._rows(value) for field, value in planned.items()}

    def _rows(self, value: Pick | Array) -> np.ndarray:
        rows = np.asarray(value.index if isinstance(value, Pick) else value)
        # Every process makes the same plan, and reads only its own share of the images.
        rows = rows[self._local(len(rows))]
        return self._read(rows) if isinstance(value, Pick) else rows

    def _local(self, length: int) -> np.ndarray:
        """Indices of the rows on the devices of this process, in order."""
        if self._sharding is None or self._sharding.is_fully_addressable:
            return np.arange(length)
        places = self._sharding.addressable_devices_indices_map((length,)).values()
        held = [range(length)[rows] for place in places if place for rows in place[:1]]
        return np.unique(np.concatenate(held))

    def place(self, rows: np.ndarray) -> Array:
        """Rows of this process -> the global batch, on the devices."""
        if self._sharding is None:
            return jax.device_put(rows)
        return jax.make_array_from_process_local_data(self._sharding, rows)

    def place_calls(self, rows: np.ndarray) -> Array:
        """The same for rows with a leading axis of batches."""
        if self._sharding is None:
            return jax.device_put(rows)
        axes = jax.sharding.PartitionSpec(None, *self._sharding.spec)
        sharding = jax.sharding.NamedSharding(self._sharding.mesh, axes)
        return jax.make_array_from_process_local_data(sharding, rows)
