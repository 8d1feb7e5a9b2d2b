"""Every sampler by its name."""

from __future__ import annotations

from collections.abc import Callable

from dis_jax.data.groups import groups
from dis_jax.data.pairs import attribute_pairs, pairs, views
from dis_jax.data.sampling import Sampler, augmented, images, two_batches

# name -> (image_set, batch_size, **arguments) -> Sampler
SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "images": images,
    "two_batches": two_batches,
    "augmented": augmented,
    "pairs": pairs,
    "attribute_pairs": attribute_pairs,
    "views": views,
    "groups": groups,
}
