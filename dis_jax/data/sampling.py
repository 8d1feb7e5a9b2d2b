"""How batches are drawn from an image set: pure functions of a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array

from dis_jax.data.image_set import ImageSet

Batch = dict[str, Array]


class Sampler(NamedTuple):
    """A way to draw batches, split into what is compiled and what is passed to it.

    Attributes:
      sample: `(image_set, key, args) -> batch`, pure; fuses into the training program.
      args: arrays that `sample` reads (class probabilities, index sets). The members of a
        population may differ in them; they are stacked along a leading axis then.
    """

    sample: Callable[[ImageSet, Array, Any], Batch]
    args: Any
