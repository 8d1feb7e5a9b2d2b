"""Image transformations: pure functions of (key, batch), to be compiled and mapped."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.data.image_set import Batch
from dis_jax.data.warps import Images

# Twelve saturated hues, as in the coloured MNIST pairs of Sanchez et al. 2020.
PAIR_COLOURS = tuple(
    (red / 255, green / 255, blue / 255)
    for red, green, blue in (
        (255, 0, 0), (255, 128, 0), (255, 255, 0), (128, 255, 0), (0, 255, 0),
        (0, 255, 128), (0, 255, 255), (0, 128, 255), (0, 0, 255), (128, 0, 255),
        (255, 0, 255), (255, 0, 128),
    )
)  # fmt: skip
# White and six pastels, as in the coloured dSprites of Dapueto et al. 2024.
SPRITE_COLOURS = (
    (1.0, 1.0, 1.0), (0.910, 0.588, 0.366), (0.635, 0.693, 0.363),
    (0.376, 0.728, 0.596), (0.395, 0.707, 0.787), (0.696, 0.622, 0.900),
    (0.908, 0.551, 0.749),
)  # fmt: skip

GreyImages = Float[Array, "batch height width 1"]
ColourImages = Float[Array, "batch height width 3"]


@functools.partial(jax.jit, static_argnames="foreground")
def coloured_pair(
    key: Key[Array, ""], x: GreyImages, y: GreyImages, *, foreground: str = "bright"
) -> Batch:
    """Colours the background of one batch and the foreground of another.

    Each image gets an independent colour of `PAIR_COLOURS`. With a grey value v and the
    colour c, "bright" (digits on black: the foreground is v >= .5) sets the background to
    c (1 - v) and the foreground to c v (Sanchez et al. 2020). "contrast" (objects on a
    plain background that is not black: the foreground differs from the border of the
    image) sets either to c v.

    Args:
      key: of the colours.
      x: images whose background is coloured.
      y: images whose foreground is coloured.
      foreground: "bright" or "contrast".

    Returns:
      `x`, `y`, and the numbers of their colours, `colour_x` and `colour_y`.

    Raises:
      ValueError: if `foreground` is neither.

    Example:
      >>> digit = jnp.array([0.0, 1.0]).reshape(1, 1, 2, 1)
      >>> batch = coloured_pair(jax.random.key(0), digit, digit)
      >>> batch["x"][0, 0, 1].tolist(), batch["y"][0, 0, 0].tolist()
      ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    """
    if foreground not in ("bright", "contrast"):
        raise ValueError(f'foreground is {foreground!r}; take "bright" or "contrast".')
    keys = jax.random.split(key)
    colours = jnp.asarray(PAIR_COLOURS)
    batch = {}
    for side, side_key, image in zip("xy", keys, (x, y), strict=True):
        number = jax.random.randint(side_key, image.shape[:1], 0, len(colours))
        colour = colours[number][:, None, None]
        if foreground == "bright":
            inside = image >= 0.5
            tint = colour * (1 - image if side == "x" else image)
        else:
            inside = stands_out(image)
            tint = colour * image
        coloured = ~inside if side == "x" else inside
        batch[side] = jnp.where(coloured, tint, image)
        batch[f"colour_{side}"] = number
    return batch


@jax.jit
def stands_out(
    images: GreyImages, *, contrast: float = 0.09
) -> Bool[Array, "batch height width 1"]:
    """Mask of an object that differs from the plain background around it.

    The background is the median of the image's border; small holes are closed.

    Args:
      images: grey images.
      contrast: the least difference, as a share of the background.

    Returns:
      A mask of the foreground.

    Example:
      >>> image = jnp.ones((1, 5, 5, 1)).at[0, 2, 2].set(0.2)
      >>> int(stands_out(image).sum())
      1
    """
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    background = jnp.median(jnp.concatenate(edges, axis=1), axis=1)[:, None, None]
    mask = abs(images - background) > contrast * background
    pool = functools.partial(
        jax.lax.reduce_window,
        window_dimensions=(1, 3, 3, 1),
        window_strides=(1, 1, 1, 1),
        padding="SAME",
    )
    # Morphological closing: dilation, then erosion.
    grown = pool(mask, False, jax.lax.bitwise_or)
    return pool(grown, True, jax.lax.bitwise_and)


def noisy(key: Key[Array, ""], images: Images) -> ColourImages:
    """Adds uniform noise to every pixel and channel, up to white.

    Args:
      key: of the noise.
      images: grey or coloured images.

    Returns:
      min(image + noise, 1) with noise uniform in [0, 1), three channels.

    Example:
      >>> float(noisy(jax.random.key(0), jnp.ones((1, 2, 2, 1))).min())
      1.0
    """
    images = coloured(images)
    return jnp.minimum(images + jax.random.uniform(key, images.shape), 1.0)


def tinted(
    images: GreyImages,
    colour: Int[Array, " batch"],
    colours: Sequence[Sequence[float]] = SPRITE_COLOURS,
) -> ColourImages:
    """Colours bright objects on black, each image in its own colour.

    Args:
      images: grey images.
      colour: the index of each image's colour in `colours`.
      colours: red, green and blue of every colour, in [0, 1].

    Returns:
      image x colour.

    Example:
      >>> grey = jnp.full((1, 1, 1, 1), 0.5)
      >>> tinted(grey, jnp.array([1]), [(1, 1, 1), (1, 0.5, 0)])[0, 0, 0].tolist()
      [0.5, 0.25, 0.0]
    """
    return images * jnp.asarray(colours)[colour][:, None, None]


def tinted_on_noise(
    key: Key[Array, ""],
    images: GreyImages,
    colour: Int[Array, " batch"],
    colours: Sequence[Sequence[float]] = SPRITE_COLOURS,
) -> ColourImages:
    """Colours bright objects, each image in its own colour, on a noise background.

    Args:
      key: of the noise.
      images: grey images.
      colour: the index of each image's colour in `colours`.
      colours: red, green and blue of every colour, in [0, 1].

    Returns:
      image x colour + (1 - image) x noise, with noise uniform in [0, 1).

    Example:
      >>> image = jnp.ones((1, 1, 1, 1))
      >>> tinted_on_noise(jax.random.key(0), image, jnp.array([0]))[0, 0, 0].tolist()
      [1.0, 1.0, 1.0]
    """
    noise = jax.random.uniform(key, (*images.shape[:-1], 3))
    return tinted(images, colour, colours) + (1 - images) * noise


def binarised(images: Images, *, threshold: float = 0.5) -> Images:
    """Ones where images are above a threshold, zeros elsewhere.

    Args:
      images: images in [0, 1].
      threshold: in [0, 1).

    Returns:
      Images of zeros and ones.

    Example:
      >>> binarised(jnp.array([0.2, 0.5, 0.9]).reshape(1, 1, 3, 1)).ravel().tolist()
      [0.0, 0.0, 1.0]
    """
    return (images > threshold).astype(images.dtype)


def sampled_binary(key: Key[Array, ""], images: Images) -> Images:
    """Bernoulli samples of the pixels: 1 with the probability of their brightness.

    Args:
      key: of the samples.
      images: images in [0, 1].

    Returns:
      Images of zeros and ones.

    Example:
      >>> image = jnp.array([0.0, 1.0]).reshape(1, 1, 2, 1)
      >>> sampled_binary(jax.random.key(0), image).ravel().tolist()
      [0.0, 1.0]
    """
    return jax.random.bernoulli(key, images).astype(images.dtype)


def viridis(images: GreyImages) -> ColourImages:
    """Grey values in matplotlib's default false colours.

    Black becomes dark blue, white yellow, and grey green: dark glyphs on white are blue on
    yellow, with a green rim along their antialiased edges.

    Args:
      images: grey, in [0, 1].

    Returns:
      Three channels.

    Raises:
      ValueError: if the images have another number of channels than one.

    Example:
      >>> image = viridis(jnp.ones((1, 1, 1, 1)))
      >>> [round(float(value), 2) for value in image.ravel()]
      [0.99, 0.91, 0.14]
    """
    if images.shape[-1] != 1:
        raise ValueError(
            f"images have shape {images.shape}; expected one channel (greyscale)."
        )
    level = jnp.round(images[..., 0] * 255).astype(jnp.int32)
    return jnp.asarray(_viridis())[level]


@functools.cache
def _viridis() -> np.ndarray:
    import matplotlib

    return matplotlib.colormaps["viridis"](np.arange(256))[:, :3].astype(np.float32)


def grey(images: Images) -> GreyImages:
    """Images of one channel: luma, .299 red + .587 green + .114 blue (ITU-R BT.601).

    Args:
      images: grey or coloured images.

    Returns:
      Grey images; images that are already grey are unchanged.

    Example:
      >>> red = jnp.array([1.0, 0.0, 0.0]).reshape(1, 1, 1, 3)
      >>> round(float(grey(red)[0, 0, 0, 0]), 3)
      0.299
    """
    if images.shape[-1] == 1:
        return images
    return (images * jnp.array([0.299, 0.587, 0.114])).sum(-1, keepdims=True)


def coloured(images: Images) -> ColourImages:
    """Images of three channels.

    Args:
      images: grey or coloured images.

    Returns:
      Coloured images; the channel of grey images is repeated three times.

    Example:
      >>> coloured(jnp.zeros((2, 8, 8, 1))).shape
      (2, 8, 8, 3)
    """
    return jnp.broadcast_to(images, (*images.shape[:-1], 3))
