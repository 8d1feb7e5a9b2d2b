"""Mask variance: whether a change of one image region changes only one dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from dis_jax.data.image_set import ImageSet
from dis_jax.probing.checks import random_key
from dis_jax.probing.encoding import Encode, SharedGrid
from dis_jax.probing.scenes import Scenes, factor_scenes


class MaskVariance(NamedTuple):
    """Result of `mask_variance`.

    Attributes:
      concentration: share of the variance in the dimension that varies most when one
        region is altered, averaged over regions.
      invariance: how often the dimension that varies least predicts the held region.
      chance_concentration: 1 / active dimensions: all vary equally.
      chance_invariance: 1 / regions.
      variances: (region, latent), variance when the region is altered, over the variance
        in the data set; 0 for inactive dimensions.
      votes: (latent, region): how often each dimension varied least.
      active: which dimensions are used, (latent,).
      regions: their names.
    """

    concentration: float
    invariance: float
    chance_concentration: float
    chance_invariance: float
    variances: np.ndarray
    votes: np.ndarray
    active: np.ndarray
    regions: tuple[str, ...]


def mask_variance(
    encode: Encode,
    scenes: ImageSet | SharedGrid | Scenes,
    key: Key[Array, ""] | int,
    *,
    batch_size: int = 32,
    num_groups: int = 100,
    num_variance: int = 5_000,
    min_std: float = 0.05,
) -> MaskVariance:
    """Mask variance: alters or holds one region; one dimension should respond.

    Altered: `v_mj = E[Var(z_j)] / Var_set(z_j)` over groups of images that differ in region
    m alone; the concentration is `mean_m max_j v_mj / sum_j v_mj`. Held: in a group that
    shares region m and differs elsewhere, the dimension `argmin_j Var(z_j) / Var_set(z_j)`
    votes; the invariance is the accuracy, on fresh groups, of the majority classifier from
    dimensions to regions. The concentration is 1 for any code of one dimension, so
    read both.

    Eq.: Swain & Mahajan 2022, Section 3.1

    Args:
      encode: any function from a batch of images to codes (batch, latent).
      scenes: a rendered set with masks, see `factor_scenes`; or images whose regions are
        recoloured, see `recoloured_scenes`.
      key: source of the images; or a seed.
      batch_size: images in a group.
      num_groups: groups per region, altered and held each; half of the held are fresh.
      num_variance: images from which `Var_set` is estimated.
      min_std: dimensions with a smaller standard deviation are skipped.

    Returns:
      The scores; 1 is best for both. Without any active dimension both are 0.

    Raises:
      ValueError: if there are fewer than two regions, or a count is too small.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from dis_jax import data, evaluation
      >>> scenes = data.custom_shapes3d(side=16)
      >>> corners = lambda images: jnp.stack(  # the floor, a wall, the object
      ...     [images[:, y, x] @ jnp.array([1.0, 0.3, 0.1]) for y, x in
      ...      ((15, 1), (6, 1), (10, 8))], axis=1)
      >>> found = evaluation.mask_variance(
      ...     corners, scenes, jax.random.key(0),
      ...     batch_size=4, num_groups=2, num_variance=64)
      >>> found.regions
      ('floor', 'walls', 'object')
    """
    key = random_key(key)
    for name, value, least in (
        ("batch_size", batch_size, 2),
        ("num_groups", num_groups, 2),
        ("num_variance", num_variance, 2),
    ):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, found {value}.")
    if isinstance(scenes, SharedGrid):
        # its own images: a baseline shuffles them
        scenes = factor_scenes(scenes.image_set, scenes.images)
    scenes = factor_scenes(scenes) if isinstance(scenes, ImageSet) else scenes
    if len(scenes.names) < 2:
        raise ValueError(
            f"{len(scenes.names)} region(s) can change: "
            f"{', '.join(scenes.names) or 'none'}; expected at least 2. "
            "`recoloured_scenes` changes regions within masks."
        )
    set_key, altered_key, held_key = jax.random.split(key, 3)
    variance = _set_variance(encode, scenes, set_key, num_variance)
    active = np.sqrt(variance) >= min_std

    def ratios(draw: Callable[..., Any], key: Array) -> np.ndarray:
        """Relative variances in groups, (region, group, latent)."""
        found = []
        for region in range(len(scenes.names)):
            # fold_in: the groups of a region do not depend on the number of regions.
            keys = jax.random.split(jax.random.fold_in(key, region), num_groups)
            codes = [np.asarray(encode(draw(k, region, batch_size))) for k in keys]
            found.append(np.var(codes, axis=1, ddof=1))
        return np.where(active, np.stack(found) / np.where(active, variance, 1), 0)

    return score_ratios(
        ratios(scenes.altered, altered_key),
        ratios(scenes.held, held_key),
        active,
        scenes.names,
    )


def score_ratios(
    altered: Float[np.ndarray, "region group latent"],
    held: Float[np.ndarray, "region group latent"],
    active: Bool[np.ndarray, " latent"],
    names: tuple[str, ...],
) -> MaskVariance:
    """`mask_variance`, given the relative variances within groups."""
    variances = altered.mean(axis=1)
    regions, groups, latents = held.shape
    votes = np.zeros((2, latents, regions), int)
    concentration = 0.0
    if active.any():
        total = np.maximum(variances.sum(axis=1), np.finfo(float).tiny)
        concentration = float((variances.max(axis=1) / total).mean())
        stillest = np.where(active, held, np.inf).argmin(axis=2)
        # The first half of the groups defines the majority, the second half scores it.
        fresh = np.broadcast_to(np.arange(groups) >= groups // 2, (regions, groups))
        region = np.broadcast_to(np.arange(regions)[:, None], (regions, groups))
        # `+=` would count repeated indices once.
        np.add.at(votes, (fresh.astype(int), stillest, region), 1)
    train, test = votes
    right = test[np.arange(latents), train.argmax(axis=1)].sum()
    return MaskVariance(
        concentration=concentration,
        invariance=float(right / max(1, test.sum())),
        chance_concentration=1 / max(1, int(active.sum())),
        chance_invariance=1 / regions,
        variances=variances,
        votes=train,
        active=active,
        regions=names,
    )


def _set_variance(
    encode: Encode, scenes: Scenes, key: Array, count: int
) -> Float[np.ndarray, " latent"]:
    # Batches of 500 bound the memory of the images.
    sizes = [min(500, count - start) for start in range(0, count, 500)]
    keys = jax.random.split(key, len(sizes))
    codes = [
        np.asarray(encode(scenes.sample(k, n)))
        for k, n in zip(keys, sizes, strict=True)
    ]
    return np.concatenate(codes).var(axis=0, ddof=1)
