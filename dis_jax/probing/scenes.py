"""Scenes that differ in chosen regions, for metrics that use masks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from dis_jax.data.image_set import ImageSet
from dis_jax.probing.encoding import sample_factors

_TRIES = 8  # draws for each image that is kept
_BASES = 64  # draws of a group's first image


class Scenes(NamedTuple):
    """Images in which one region changes, or all regions but one.

    Attributes:
      names: of the regions.
      altered: (key, region, batch) -> images of which only the region differs.
      held: (key, region, batch) -> images that share the region, and differ elsewhere.
      sample: (key, batch) -> images of the set.
    """

    names: tuple[str, ...]
    altered: Callable[[Array, int, int], Any]
    held: Callable[[Array, int, int], Any]
    sample: Callable[[Array, int], Any]


def factor_scenes(
    image_set: ImageSet | None, images: Callable[[Array], Array] | None = None
) -> Scenes:
    """Scenes of a rendered set: a region is altered by the factors that belong to it.

    Images in which other masks change too, or a region is hidden, are rejected. Factors
    that belong to no region are shared by a group.

    Args:
      image_set: a full grid with `masks` and `regions`.
      images: factors -> images, by default those of the set.

    Returns:
      The scenes, of the regions that have factors.

    Raises:
      ValueError: if the set has no masks.

    Example:
      >>> from dis_jax import data
      >>> factor_scenes(data.load("rendered_nar")).names
      ('glyph_1', 'glyph_2', 'glyph_3')
    """
    if image_set is None or image_set.masks_fn is None or not image_set.is_grid:
        name = repr(image_set.name) if image_set else "this set"
        raise ValueError(
            f"{name} has no masks; `recoloured_scenes` accepts masks from a "
            "file or a `segment` function."
        )
    places = [i for i, (_, factors) in enumerate(image_set.regions) if factors]
    # (region, factor): which factors belong to which region
    belongs = np.array(
        [np.isin(image_set.factor_names, image_set.regions[i][1]) for i in places]
    )
    one = np.eye(len(places), dtype=bool)
    render = images or image_set.images
    draw = functools.partial(_draw_factors, tuple(places), image_set, belongs)

    def altered(key: Array, region: int, batch: int) -> Array:
        return render(draw(key, one[region], batch))

    def held(key: Array, region: int, batch: int) -> Array:
        return render(draw(key, ~one[region], batch))

    def sample(key: Array, batch: int) -> Array:
        return render(sample_factors(key, (batch,), image_set.sizes))

    names = tuple(image_set.regions[i][0] for i in places)
    return Scenes(names, altered, held, sample)


@functools.partial(jax.jit, static_argnums=(0, 5))
def _draw_factors(
    places: tuple[int, ...],
    image_set: ImageSet,
    belongs: Bool[Array, "region factor"],
    key: Array,
    moving: Bool[Array, " region"],
    batch: int,
) -> Array:
    """Factors of a group in which the regions `moving` vary and no other mask does.

    `moving` is an array, so that one program serves all regions.
    """
    # Rejection sampling with static shapes: draw _TRIES times as many as needed, then
    # choose among those that fit.
    base_key, draw_key, pick_key = jax.random.split(key, 3)
    # Many, because no candidate fits a base that hides a region: a quarter of the boards
    # of rendered_nar show all regions.
    bases = sample_factors(base_key, (_BASES,), image_set.sizes)
    seen = image_set.masks(bases)[:, places].any((2, 3)).all(axis=1)
    base = bases[seen.argmax()]  # the first in which all regions are visible
    varies = (belongs & moving[:, None]).any(axis=0)
    drawn = sample_factors(draw_key, (_TRIES * batch,), image_set.sizes)
    # The base is among the candidates, because it always fits.
    drawn = jnp.concatenate([base[None], jnp.where(varies, drawn, base)])
    masks = image_set.masks(drawn)[:, places]
    # A moving region may cover a fixed one: then the fixed mask changes as well.
    same = ((masks == masks[:1]) | moving[:, None, None]).all((1, 2, 3))
    fits = same & masks.any((2, 3)).all(axis=1)
    chosen = jax.random.choice(pick_key, len(drawn), (batch,), p=fits / fits.sum())
    return drawn[chosen]


def recoloured_scenes(
    images: Float[Any, "image height width channels"],
    masks: Bool[Any, "image region height width"]
    | Callable[[Any], Bool[Any, "image region height width"]],
    names: Sequence[str] | None = None,
) -> Scenes:
    """Scenes of any images: brightness, contrast and colour of a region are altered.

    Inside its mask each channel becomes `clip(a x + b)`, a from .5 to 1.5, b from -.4 to
    .4. For photographs, masks come from a file or a segmentation model; their regions
    must have the same meaning in all images, such as object and background.

    Args:
      images: in [0, 1].
      masks: for each image and region, which pixels belong to it; or `segment(images) ->
        masks`, called once with all images.
      names: of the regions.

    Returns:
      The scenes.

    Raises:
      ValueError: if the masks do not fit the images, or cover a pixel twice.

    Example:
      >>> images = np.random.default_rng(0).uniform(size=(5, 4, 4, 1))
      >>> masks = np.stack([images[..., 0] > 0.5, images[..., 0] <= 0.5], axis=1)
      >>> recoloured_scenes(images, masks, ["bright", "dark"]).names
      ('bright', 'dark')
    """
    found = np.asarray(masks(images) if callable(masks) else masks, bool)
    shape = np.shape(images)
    if found.ndim != 4 or (len(found), *found.shape[2:]) != shape[:3]:
        raise ValueError(
            f"masks have shape {found.shape}; expected (images, regions, height, width) "
            f"for images of shape {shape}."
        )
    if found.sum(axis=1).max() > 1:
        raise ValueError("masks overlap; expected each pixel in at most one region.")
    count = found.shape[1]
    names = tuple(names or (f"region_{i}" for i in range(count)))
    if len(names) != count:
        raise ValueError(f"names has {len(names)} entries; expected {count}.")
    pixels, covers = jnp.asarray(images, jnp.float32), jnp.asarray(found)
    usable = covers.any((2, 3)).all(axis=1)
    if not usable.any():
        raise ValueError("no image shows all regions; expected at least one.")
    share = usable / usable.sum()

    def group(key: Array, moving: Array, batch: int) -> Array:
        pick, *parts = jax.random.split(key, 4)
        index = jax.random.choice(pick, len(pixels), p=share)
        image, mask = pixels[index], covers[index]
        # One draw for each image, region and channel, constant over the pixels.
        each = (batch, count, 1, 1, image.shape[-1])
        scale = jax.random.uniform(parts[0], each, minval=0.5, maxval=1.5)
        shift = jax.random.uniform(parts[1], each, minval=-0.4, maxval=0.4)
        changed = jnp.clip(scale * image + shift, 0, 1)
        for region in range(count):
            here = (mask[region] & moving[region])[..., None]
            image = jnp.where(here, changed[:, region], image)
        return jnp.broadcast_to(image, (batch, *pixels.shape[1:]))

    drawn = jax.jit(group, static_argnums=2)
    one = np.eye(count, dtype=bool)
    return Scenes(
        names,
        lambda key, region, batch: drawn(key, one[region], batch),
        lambda key, region, batch: drawn(key, ~one[region], batch),
        lambda key, batch: pixels[jax.random.choice(key, len(pixels), (batch,))],
    )


def foreground_masks(
    images: Float[Any, "image height width channels"],
) -> Bool[np.ndarray, "image 2 height width"]:
    """Object and background of photographs, by Otsu's threshold: needs scikit-image.

    A simple `segment` function for objects on a plain, dark background (COIL-100): the
    largest bright part, with its holes filled. Other images need a segmentation model.

    Args:
      images: in [0, 1].

    Returns:
      Masks (image, 2, height, width): object, background.

    Raises:
      ImportError: if scikit-image is not installed.

    Example:
      >>> image = np.zeros((1, 8, 8, 1)); image[0, 2:6, 2:6] = 0.8
      >>> foreground_masks(image).sum((0, 2, 3)).tolist()
      [16, 48]
    """
    try:
        from skimage import filters, measure  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError(
            "foreground_masks needs scikit-image: pip install scikit-image."
        ) from error
    from scipy import ndimage

    masks = []
    for image in np.asarray(images):
        level = image.max(axis=-1)
        flat = np.ptp(level) == 0
        bright = (
            np.zeros_like(level, bool)
            if flat
            else level > filters.threshold_otsu(level)
        )
        parts = np.asarray(measure.label(bright))
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0  # the label of everything that is not bright
        whole = (parts == sizes.argmax()) & bright
        object_ = np.asarray(ndimage.binary_fill_holes(whole), bool)
        masks.append([object_, ~object_])
    return np.array(masks)
