"""Image sets, and the samplers that draw batches from them."""

from collections.abc import Callable

from dis_jax.data.arrays import from_arrays, from_npz
from dis_jax.data.code_files import read_code_file
from dis_jax.data.correlated import CORRELATIONS, Ridge, correlated, weighted
from dis_jax.data.epoch_order import epoch_index
from dis_jax.data.factor_kinds import declared
from dis_jax.data.group_samplers import groups
from dis_jax.data.idx import read_idx
from dis_jax.data.image_files import from_folder
from dis_jax.data.image_set import (
    Batch,
    ImageSet,
    Pick,
    factors_of_index,
    index_of_factors,
)
from dis_jax.data.labels import class_subset, group_table, imbalanced_counts
from dis_jax.data.load import NAMES, load, name_and_split
from dis_jax.data.nar_glyphs import GLYPHS, read_glyphs, rendered_glyphs
from dis_jax.data.nar_problems import NarProblems, apply_program, nar_problems
from dis_jax.data.norb_values import Light
from dis_jax.data.own_files import from_path
from dis_jax.data.pair_samplers import pairs, transitions
from dis_jax.data.prepared import prepare
from dis_jax.data.rendered_dsprites import (
    custom_dsprites,
    render_dsprites,
    rendered_dsprites,
)
from dis_jax.data.rendered_nar import (
    BOARD_FACTORS,
    nar_masks,
    render_nar,
    rendered_nar,
)
from dis_jax.data.rendered_norb import (
    custom_norb,
    norb_masks,
    render_norb,
    rendered_norb,
)
from dis_jax.data.rendered_shapes3d import (
    custom_shapes3d,
    render_shapes3d,
    rendered_shapes3d,
    shapes3d_masks,
)
from dis_jax.data.samplers import (
    Sampler,
    augmented,
    batch_index,
    images,
    make_sampler,
    two_batches,
)
from dis_jax.data.streaming import finished, from_source, stream, stream_calls
from dis_jax.data.subsets import SPLITS, subset
from dis_jax.data.suffixes import VARIANTS, varied
from dis_jax.data.transforms import (
    PAIR_COLOURS,
    SPRITE_COLOURS,
    binarised,
    coloured,
    coloured_pair,
    grey,
    noisy,
    sampled_binary,
    stands_out,
    tinted,
    tinted_on_noise,
    viridis,
)
from dis_jax.data.view_samplers import attribute_pairs, views
from dis_jax.data.warps import resized, rotate_and_zoom, warped, zoomed_in

# name -> (image_set, batch_size, **arguments) -> Sampler
SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "images": images,
    "two_batches": two_batches,
    "augmented": augmented,
    "pairs": pairs,
    "transitions": transitions,
    "attribute_pairs": attribute_pairs,
    "views": views,
    "groups": groups,
}

__all__ = [
    "BOARD_FACTORS",
    "CORRELATIONS",
    "GLYPHS",
    "NAMES",
    "PAIR_COLOURS",
    "SAMPLERS",
    "SPLITS",
    "SPRITE_COLOURS",
    "VARIANTS",
    "Batch",
    "ImageSet",
    "Light",
    "NarProblems",
    "Pick",
    "Ridge",
    "Sampler",
    "apply_program",
    "attribute_pairs",
    "augmented",
    "batch_index",
    "binarised",
    "class_subset",
    "coloured",
    "coloured_pair",
    "correlated",
    "custom_dsprites",
    "custom_norb",
    "custom_shapes3d",
    "declared",
    "epoch_index",
    "factors_of_index",
    "finished",
    "from_arrays",
    "from_folder",
    "from_npz",
    "from_path",
    "from_source",
    "grey",
    "group_table",
    "groups",
    "images",
    "imbalanced_counts",
    "index_of_factors",
    "load",
    "make_sampler",
    "name_and_split",
    "nar_masks",
    "nar_problems",
    "noisy",
    "norb_masks",
    "pairs",
    "prepare",
    "read_code_file",
    "read_glyphs",
    "read_idx",
    "render_dsprites",
    "render_nar",
    "render_norb",
    "render_shapes3d",
    "rendered_dsprites",
    "rendered_glyphs",
    "rendered_nar",
    "rendered_norb",
    "rendered_shapes3d",
    "resized",
    "rotate_and_zoom",
    "sampled_binary",
    "shapes3d_masks",
    "stands_out",
    "stream",
    "stream_calls",
    "subset",
    "tinted",
    "tinted_on_noise",
    "transitions",
    "two_batches",
    "varied",
    "views",
    "viridis",
    "warped",
    "weighted",
    "zoomed_in",
]
