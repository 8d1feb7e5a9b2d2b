"""Image sets and how batches are drawn from them."""

from dis_jax.data.arrays import from_arrays, from_npz
from dis_jax.data.epoch_order import epoch_index
from dis_jax.data.idx import read_idx
from dis_jax.data.image_set import ImageSet, factors_of_index, index_of_factors
from dis_jax.data.load import NAMES, load
from dis_jax.data.sampling import (
    SAMPLERS,
    Batch,
    Sampler,
    batch_index,
    images,
    two_batches,
)
from dis_jax.data.sprites import draw_sprites, rendered_dsprites

__all__ = [
    "NAMES",
    "SAMPLERS",
    "Batch",
    "ImageSet",
    "Sampler",
    "batch_index",
    "draw_sprites",
    "epoch_index",
    "factors_of_index",
    "from_arrays",
    "from_npz",
    "images",
    "index_of_factors",
    "load",
    "read_idx",
    "rendered_dsprites",
    "two_batches",
]
