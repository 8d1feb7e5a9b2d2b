"""One mesh with two axes: models side by side, and shares of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

POPULATION = "population"
DATA = "data"


def make_mesh(
    population: int = 1, data: int = -1, devices: Sequence[Any] | None = None
) -> Mesh:
    """The mesh (population, data) over all devices of all hosts.

    Args:
      population: over how many devices the members of a population are spread.
      data: over how many devices a batch is spread; -1 for all that are left.
      devices: by default `jax.devices()`.

    Returns:
      A mesh with automatic axes, under which batch-coupled losses mean the global batch.

    Raises:
      ValueError: if the devices do not divide so.
    """
    found = np.asarray(jax.devices() if devices is None else devices)
    size = found.size // population if data == -1 else data
    if population < 1 or size < 1 or population * size != found.size:
        raise ValueError(
            f"mesh ({population}, {data}) does not fit {found.size} devices; the product "
            "of population and data must be their number (data=-1: all that are left)."
        )
    axes = (AxisType.Auto, AxisType.Auto)
    grid = found.reshape(population, size)
    return Mesh(grid, (POPULATION, DATA), axis_types=axes)


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds all of it."""
    return NamedSharding(mesh, PartitionSpec())


def over_population(mesh: Mesh) -> NamedSharding:
    """The leading axis is spread over the population axis of the mesh."""
    return NamedSharding(mesh, PartitionSpec(POPULATION))


def over_data(mesh: Mesh) -> NamedSharding:
    """The leading axis is spread over the data axis of the mesh."""
    return NamedSharding(mesh, PartitionSpec(DATA))
