"""Pictures of images: grids with labels, and their PNG, WebP and GIF files."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from dis_jax.markup import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Images = Float[Any, "*grid height width channels"]
Pixels = UInt8[np.ndarray, "height width channels"]

_TOLERANCE = 1e-3  # largest rounding error of an image in [0, 1]
_HEADER_GAP = 6  # pixels


def to_uint8(images: Images) -> UInt8[np.ndarray, "*grid height width channels"]:
    """Images in [0, 1] as bytes, `round(255 x)`; bytes pass through.

    Args:
      images: (..., height, width, channels) in [0, 1], or uint8; 1 or 3 channels.

    Returns:
      The same shape as uint8.

    Raises:
      ValueError: if the shape is not that of images, or values are not in [0, 1].

    Example:
      >>> to_uint8(np.array([0.0, 0.5, 1.0]).reshape(1, 3, 1)).ravel().tolist()
      [0, 128, 255]
    """
    images = np.asarray(images)
    if images.ndim < 3 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"images has shape {images.shape}; expected (..., height, width, channels) "
            "with 1 or 3 channels. Add a channel axis with `images[..., None]`."
        )
    if images.dtype == np.uint8:
        return images
    images = images.astype(np.float32)
    low, high = float(images.min()), float(images.max())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # NaN fails as well
        raise ValueError(
            f"images has values from {low:g} to {high:g}; expected finite values in "
            "[0, 1]. Logits go through a sigmoid first, bytes are passed as uint8."
        )
    return np.floor(np.clip(images, 0, 1) * 255 + 0.5).astype(np.uint8)


def image_grid(
    images: Float[Any, "rows columns height width channels"],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    gap: int = 2,
    header_row: bool = False,
    header_column: bool = False,
    scale: int = 1,
    background: int = 255,
    ink: int = 40,
) -> Pixels:
    """One picture of images in rows and columns, with labels at the edges.

    Args:
      images: (rows, columns, height, width, channels) in [0, 1] or uint8.
      row_labels: a text for each row, set to its left.
      column_labels: a text for each column, set above it; cut if it is too wide.
      gap: pixels between images, and around the grid.
      header_row: whether the first row is a header, separated from the others.
      header_column: whether the first column is a header.
      scale: side of each image pixel in the picture.
      background: grey level from 0 to 255 between the images.
      ink: grey level of the labels.

    Returns:
      (height, width, channels) uint8; one channel stays one channel.

    Raises:
      ValueError: if images are not a grid in [0, 1], or labels do not fit its size.

    Example:
      >>> image_grid(np.zeros((2, 3, 8, 8, 1)), gap=1).shape
      (19, 28, 1)
    """
    images = np.asarray(images)
    if images.ndim != 5:
        raise ValueError(
            f"images has shape {images.shape}; expected "
            "(rows, columns, height, width, channels)."
        )
    tiles = to_uint8(images).repeat(scale, axis=2).repeat(scale, axis=3)
    rows, columns, height, width, channels = tiles.shape
    _check_labels("row_labels", row_labels, rows)
    _check_labels("column_labels", column_labels, columns)
    font_size = max(10, min(14, height // 4))
    left = _text_width(row_labels, font_size) if row_labels else 0
    top = font_size + 4 if column_labels else 0
    x = left + _offsets(columns, width, gap, header_column)
    y = top + _offsets(rows, height, gap, header_row)
    canvas = np.full((y[-1], x[-1], channels), background, np.uint8)
    for i in range(rows):
        for j in range(columns):
            canvas[y[i] : y[i] + height, x[j] : x[j] + width] = tiles[i, j]
    texts = [
        (left - 4, y[i] + height / 2, "rm", text, left)
        for i, text in enumerate(row_labels or ())
    ] + [
        (x[j] + width / 2, top - 1, "ms", text, width)
        for j, text in enumerate(column_labels or ())
    ]
    return _write(canvas, texts, font_size, ink) if texts else canvas


def image_rows(
    images: Float[Any, "batch height width channels"], columns: int
) -> Float[np.ndarray, "rows columns height width channels"]:
    """A batch in rows of `columns` images; white images fill the last row.

    Args:
      images: (batch, height, width, channels) in [0, 1] or uint8.
      columns: images per row.

    Returns:
      (rows, columns, height, width, channels), for `image_grid`.

    Raises:
      ValueError: if images is not a batch.

    Example:
      >>> image_rows(np.zeros((5, 8, 8, 1)), columns=3).shape
      (2, 3, 8, 8, 1)
    """
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"images has shape {images.shape}; expected (batch, height, width, "
            "channels) with at least one image."
        )
    columns = min(columns, len(images))
    missing = -len(images) % columns
    white = np.full(
        (missing, *images.shape[1:]), 255 if images.dtype == np.uint8 else 1
    )
    filled = np.concatenate([images, white.astype(images.dtype)])
    return filled.reshape(-1, columns, *images.shape[1:])


def to_png(picture: Pixels | Figure, *, dpi: int = 160) -> bytes:
    """The PNG file of a picture, greyscale if it has one channel.

    Args:
      picture: (height, width, channels) uint8, or a matplotlib figure.
      dpi: pixels per inch, for a figure.

    Returns:
      The bytes of the file.

    Raises:
      ValueError: if an array is not (height, width, channels) uint8.

    Example:
      >>> to_png(np.zeros((8, 8, 1), np.uint8))[1:4]
      b'PNG'
    """
    file = io.BytesIO()
    if isinstance(picture, np.ndarray):
        _pillow_image(picture).save(file, format="png", optimize=True)
    else:
        picture.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def to_webp(picture: Pixels, *, quality: int = 90) -> bytes:
    """The WebP file of a picture: lossy, a tenth of the PNG's size for colour images.

    Args:
      picture: (height, width, channels) uint8.
      quality: from 0 to 100.

    Returns:
      The bytes of the file.

    Raises:
      ValueError: if picture is not (height, width, channels) uint8.

    Example:
      >>> to_webp(np.zeros((8, 8, 3), np.uint8))[:4]
      b'RIFF'
    """
    file = io.BytesIO()
    _pillow_image(picture).save(file, format="webp", quality=quality, method=6)
    return file.getvalue()


def to_gif(
    frames: UInt8[Any, "frame height width channels"], *, milliseconds: int = 90
) -> bytes:
    """The GIF file that plays frames forwards and backwards in an endless loop.

    Args:
      frames: (frame, height, width, channels) uint8.
      milliseconds: how long each frame stays.

    Returns:
      The bytes of the file.

    Raises:
      ValueError: if a frame is not (height, width, channels) uint8.

    Example:
      >>> to_gif(np.zeros((2, 8, 8, 1), np.uint8))[:3]
      b'GIF'
    """
    images = [_pillow_image(frame) for frame in frames]
    if images[0].mode == "RGB":
        images = [image.quantize(256, dither=0) for image in images]
    loop = images + images[-2:0:-1]
    file = io.BytesIO()
    loop[0].save(
        file,
        format="gif",
        save_all=True,
        append_images=loop[1:],
        duration=milliseconds,
        loop=0,
    )
    return file.getvalue()


def _check_labels(name: str, labels: Sequence[str] | None, count: int) -> None:
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"{name} has {len(labels)} texts; expected {count}, one for each."
        )


def _offsets(count: int, size: int, gap: int, header: bool) -> np.ndarray:
    """Start of each of `count` tiles, then the total length."""
    gaps = np.full(count + 1, gap)
    if header:
        gaps[1] += _HEADER_GAP
    return np.cumsum(gaps) + size * np.arange(count + 1)


def _font(size: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    # Pillow's own font has no Greek; this one comes with matplotlib.
    folder = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)


def _text_width(texts: Sequence[str], font_size: int) -> int:
    font = _font(font_size)
    return int(max(font.getlength(plain(text)) for text in texts)) + 10


def _write(canvas: Pixels, texts: list, font_size: int, ink: int) -> Pixels:
    from PIL import ImageDraw

    image, font = _pillow_image(canvas), _font(font_size)
    draw = ImageDraw.Draw(image)
    fill = ink if image.mode == "L" else (ink, ink, ink)
    for x, y, anchor, name, room in texts:
        text = plain(name)
        while text and font.getlength(text) > room:
            text = text.removesuffix("…")[:-1]
            text = text + "…" if text else text
        draw.text((x, y), text, fill=fill, font=font, anchor=anchor)
    return np.asarray(image).reshape(canvas.shape)


def _pillow_image(pixels: Pixels) -> Any:
    from PIL import Image

    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
        raise ValueError(
            f"picture is {pixels.dtype} of shape {pixels.shape}; expected uint8 of "
            "(height, width, 1 or 3). Use `to_uint8` or `image_grid` first."
        )
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
