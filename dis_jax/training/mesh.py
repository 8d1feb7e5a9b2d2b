"""The device mesh: one axis for the members of a population, one for batch shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")

POPULATION = "population"
DATA = "data"


def make_mesh(
    population: int = 1, data: int = -1, devices: Sequence[Any] | None = None
) -> Mesh:
    """The mesh (population, data) over the devices of all hosts.

    Args:
      population: over how many devices the members of a population are spread.
      data: over how many devices a batch is spread; -1 for all remaining devices. If both
        are given, the first devices are used and the others stay idle.
      devices: by default `jax.devices()`.

    Returns:
      A mesh with automatic axes, so that batch-coupled losses see the global batch.

    Raises:
      ValueError: if there are too few devices.
    """
    found = np.asarray(jax.devices() if devices is None else devices)
    size = found.size // max(population, 1) if data == -1 else data
    used = population * size
    if population < 1 or size < 1 or used > found.size:
        raise ValueError(
            f"mesh ({population}, {data}) does not fit {found.size} devices; population "
            "times data must not exceed that number (data=-1 uses the rest)."
        )
    # Not Explicit: there, permuting the sharded batch axis (negatives, permuted
    # dimensions) fails. XLA inserts the communication that Auto axes need.
    axes = (AxisType.Auto, AxisType.Auto)
    grid = found.ravel()[:used].reshape(population, size)
    return Mesh(grid, (POPULATION, DATA), axis_types=axes)


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding that puts the whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def over_population(mesh: Mesh) -> NamedSharding:
    """The sharding that spreads the leading axis over the mesh's population axis."""
    return NamedSharding(mesh, PartitionSpec(POPULATION))


def over_data(mesh: Mesh) -> NamedSharding:
    """The sharding that spreads the leading axis over the mesh's data axis."""
    return NamedSharding(mesh, PartitionSpec(DATA))


def put(tree: Tree, sharding: NamedSharding) -> Tree:
    """Places arrays, also on other processes' devices; all must give the same arrays.

    Args:
      tree: arrays.
      sharding: of each array.

    Returns:
      The placed tree.
    """
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    # `device_put` does not take random keys across processes.
    return jax.jit(lambda tree: tree, out_shardings=sharding)(tree)
