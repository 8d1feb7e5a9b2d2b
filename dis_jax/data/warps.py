"""Resizes, rotates and zooms images: pure functions, to be compiled and mapped."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

DIGIT_DEGREES = 20
DIGIT_ZOOM = (0.9, 1.1)
Images = Float[Array, "batch height width channels"]


def resized(images: Images, side: int) -> Images:
    """Resizes images to squares by antialiased linear interpolation.

    Args:
      images: images.
      side: height and width of the result.

    Returns:
      The images, (batch, side, side, channels).

    Example:
      >>> resized(jnp.ones((2, 28, 28, 1)), 32).shape
      (2, 32, 32, 1)
    """
    batch, _, _, channels = images.shape
    shape = (batch, side, side, channels)
    # Rounding may exceed the range of the images slightly.
    return jnp.clip(jax.image.resize(images, shape, "linear"), 0.0, 1.0)


def rotate_and_zoom(
    key: Key[Array, ""],
    images: Images,
    *,
    degrees: int = DIGIT_DEGREES,
    zoom: tuple[float, float] = DIGIT_ZOOM,
) -> Images:
    """Rotates and zooms square images slightly, which keeps their class.

    Each image is rotated by a whole number of degrees, the largest square that fits into
    the rotated image is resized to full size, and the result is zoomed about its centre,
    with black outside the image (Ojha et al. 2020).

    Args:
      key: of the angles and zooms.
      images: square images.
      degrees: the largest angle, to either side.
      zoom: the smallest and the largest zoom; above 1 objects grow.

    Returns:
      Images of the same shape, by linear interpolation.

    Raises:
      ValueError: if images are not square.

    Example:
      >>> rotate_and_zoom(jax.random.key(0), jnp.ones((2, 28, 28, 1))).shape
      (2, 28, 28, 1)
    """
    if images.shape[1] != images.shape[2]:
        raise ValueError(f"images have shape {images.shape}; expected square ones.")
    batch = images.shape[:1]
    turn, size = jax.random.split(key)
    angle = jax.random.randint(turn, batch, -degrees, degrees + 1) * (jnp.pi / 180)
    scale = jax.random.uniform(size, batch, minval=zoom[0], maxval=zoom[1])
    # Side of the image over the side of the largest upright square in its rotation.
    inscribed = abs(jnp.cos(angle)) + abs(jnp.sin(angle))
    return warped(images, angle, inscribed * scale)


def check_zoom(zoom: float) -> None:
    """Raises ValueError unless a zoom leaves no part of the frame empty."""
    if zoom < 1:
        raise ValueError(f"zoom is {zoom}; expected 1 (no zoom) or more.")


@functools.partial(jax.jit, static_argnames="zoom")
def zoomed_in(key: Key[Array, ""], images: Images, zoom: float) -> Images:
    """Zooms into each image by a random factor at a random position.

    The factor is uniform in [1, zoom], and the position of the visible part is uniform in
    the image. This part fills the result, so no border appears. Images are not rotated,
    mirrored or brightened.

    Args:
      key: of the factors and positions.
      images: images.
      zoom: the largest factor, 1 or more.

    Returns:
      Images of the same shape, by linear interpolation.

    Raises:
      ValueError: if `zoom` is below 1.

    Example:
      >>> white = jnp.ones((2, 8, 8, 1))
      >>> float(zoomed_in(jax.random.key(0), white, 1.5).min())
      1.0
    """
    check_zoom(zoom)
    batch, *sides, channels = images.shape
    by, where = jax.random.split(key)
    scale = jax.random.uniform(by, (batch, 1), minval=1.0, maxval=zoom)
    hidden = jnp.asarray(sides) * (scale - 1)  # pixels of the result outside the frame
    offset = jax.random.uniform(where, (batch, 2)) * hidden

    def move(image: Array, scale: Array, offset: Array) -> Array:
        return jax.image.scale_and_translate(
            *(image, (*sides, channels), (0, 1)),
            *(jnp.broadcast_to(scale, 2), -offset, "linear"),
            antialias=False,
        )

    return jnp.clip(jax.vmap(move)(images, scale, offset), 0.0, 1.0)


@jax.jit
def warped(
    images: Images, angle: Float[Array, " batch"], scale: Float[Array, " batch"]
) -> Images:
    """Rotates and scales square images about their centre, with black outside.

    Args:
      images: square images.
      angle: radians, anticlockwise.
      scale: above 1 objects grow.

    Returns:
      Images of the same shape, by linear interpolation.

    Example:
      >>> image = jnp.arange(4.0).reshape(1, 2, 2, 1) / 4
      >>> turned = warped(image, jnp.array([jnp.pi / 2]), jnp.ones(1))
      >>> turned[0, :, :, 0].round(2).tolist()
      [[0.25, 0.75], [0.0, 0.5]]
    """
    row, column = source_points(images.shape[1], angle, scale)
    sample = functools.partial(
        jax.scipy.ndimage.map_coordinates, order=1, mode="constant", cval=0.0
    )
    over_channels = jax.vmap(sample, in_axes=(-1, None), out_axes=-1)
    return jax.vmap(over_channels)(images, (row, column))


def source_points(
    side: int, angle: Float[Array, " batch"], scale: Float[Array, " batch"]
) -> tuple[Float[Array, "batch side side"], Float[Array, "batch side side"]]:
    """Source rows and columns of each pixel of rotated and scaled square images."""
    # The inverse map: for each pixel of the result, a point in the original image.
    middle = (side - 1) / 2
    y, x = jnp.meshgrid(*[jnp.arange(side) - middle] * 2, indexing="ij")
    cos, sin = (
        f(angle)[:, None, None] / scale[:, None, None] for f in (jnp.cos, jnp.sin)
    )
    return middle + cos * y + sin * x, middle + cos * x - sin * y
