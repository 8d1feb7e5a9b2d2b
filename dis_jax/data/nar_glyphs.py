"""Glyphs of the NAR boards: 20x20 tiles, drawn from strokes or read from a file."""

from __future__ import annotations

import functools
import itertools
import math
import pathlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from dis_jax.data.arrays import read_npz

GLYPHS = (
    "b", "circle", "d", "delta", "e", "g", "k", "m", "pi", "psi",
    "r", "s", "square", "tau", "theta", "triangle", "u", "w", "x", "z",
)  # fmt: skip
TILE = 20  # pixels a side
_THIN, _THICK = 1.2, 2.0  # widths of strokes, in pixels
_FILE = "nar_images.npz"
Points = Sequence[tuple[float, float]]


def rendered_glyphs() -> UInt8[np.ndarray, "glyph 20 20"]:
    """The package's own glyphs, drawn from strokes: dark on white, antialiased.

    They have the same names as the original glyphs, but are not copies of them.

    Returns:
      One tile for each of `GLYPHS`.

    Example:
      >>> rendered_glyphs().shape
      (20, 20, 20)
    """
    return np.stack([_draw(_strokes()[name], _width(name)) for name in GLYPHS])


def read_glyphs(folder: pathlib.Path) -> UInt8[np.ndarray, "glyph 20 20"]:
    """The original glyphs of Sonwane et al. 2021, from `nar_images.npz`.

    The file also contains sheared and rotated copies. For each shape the tile without shear
    is used: the upright one, or if there is none a tile that is rotated back (delta).

    Args:
      folder: contains the file, which has the arrays `images`, `shape`, `shape_names`,
        `rotation_deg` and `affine_xy`.

    Returns:
      One tile for each of `GLYPHS`.

    Raises:
      FileNotFoundError: if there is no file.
      ValueError: if it lacks an array or a shape; the message names it.
    """
    names = ["images", "shape", "shape_names", "rotation_deg", "affine_xy"]
    arrays = read_npz(folder / _FILE, names)
    images, shape, shape_names, rotation, shear = (arrays[name] for name in names)
    plain = (shear == 0).all(axis=1)
    tiles = []
    for name in GLYPHS:
        found = np.flatnonzero(plain & (shape_names[shape] == name))
        if not len(found):
            raise ValueError(
                f"{folder / _FILE} has no glyph {name!r} without shear; it has "
                f"{', '.join(map(str, np.unique(shape_names[shape])))}."
            )
        nearest = found[rotation[found].argmin()]
        quarters = int(rotation[nearest]) // 90
        tiles.append(np.rot90(images[nearest], -quarters))
    return np.stack(tiles)


def _width(name: str) -> float:
    figures = ("circle", "square", "triangle")
    return _THICK if name in figures else _THIN


def _draw(strokes: Sequence[Points], width: float) -> np.ndarray:
    """Draws strokes; the ink falls off over one pixel at the edge of a stroke."""
    y, x = np.mgrid[:TILE, :TILE] + 0.5
    distance = np.full((TILE, TILE), np.inf)
    for points in strokes:
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            dx, dy = bx - ax, by - ay
            along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)
            along = along.clip(0, 1)
            here = np.hypot(x - ax - along * dx, y - ay - along * dy)
            distance = np.minimum(distance, here)
    ink = (width / 2 + 0.5 - distance).clip(0, 1)
    return np.rint(255 * (1 - ink)).astype(np.uint8)


def _arc(
    x: float, y: float, across: float, down: float, start: float, end: float
) -> Points:
    """Points on an ellipse; degrees clockwise from the right, as y points down."""
    count = max(2, math.ceil(abs(end - start) / 15) + 1)
    angles = np.radians(np.linspace(start, end, count))
    return [(x + across * math.cos(a), y + down * math.sin(a)) for a in angles]


@functools.cache
def _strokes() -> dict[str, Sequence[Points]]:
    """Strokes as lines through points (x, y) in pixels, y pointing down."""
    ring = _arc(10, 10, 6, 6, 0, 360)
    return {
        "b": [[(6, 3), (6, 16)], _arc(9.5, 12.5, 3.5, 3.5, 0, 360)],
        "circle": [ring],
        "d": [[(14, 3), (14, 16)], _arc(10.5, 12.5, 3.5, 3.5, 0, 360)],
        "delta": [[(3, 5), (17, 5), (10, 16), (3, 5)]],
        "e": [[(5, 10), (15, 10)], _arc(10, 10, 5, 5, 0, -310)],
        "g": [
            _arc(10, 8, 4, 4, 0, 360),
            [(14, 4), *_arc(10, 14, 4, 3, 0, 150)],
        ],
        "k": [[(6, 3), (6, 17)], [(14, 7), (6, 12), (14, 17)]],
        "m": [
            [(4, 16), (4, 6)],
            [*_arc(7, 8, 3, 2.5, 180, 360), (10, 16)],
            [*_arc(13, 8, 3, 2.5, 180, 360), (16, 16)],
        ],
        "pi": [[(4, 6), (16, 6)], [(8, 6), (7, 16)], [(13, 6), (13, 14), (15, 16)]],
        "psi": [[(10, 3), (10, 17)], [(4, 5), *_arc(10, 7, 6, 6, 180, 0), (16, 5)]],
        "r": [[(7, 6), (7, 16)], _arc(11, 9.5, 4, 3.5, 180, 320)],
        "s": [[*_arc(10, 7, 4, 3.2, -30, -270), *_arc(10, 13.4, 4, 3.2, -75, 150)]],
        "square": [[(4, 4), (16, 4), (16, 16), (4, 16), (4, 4)]],
        "tau": [[(4, 6), (16, 6)], [(10, 6), (10, 14), (12, 16), (14, 15)]],
        "theta": [_arc(10, 10, 4.5, 7, 0, 360), [(5.5, 10), (14.5, 10)]],
        "triangle": [[(3, 15), (10, 4), (17, 15), (3, 15)]],
        "u": [[(5, 5), *_arc(10, 11, 5, 5, 180, 0)], [(15, 5), (15, 16)]],
        "w": [[(3, 5), (6.5, 15), (10, 7), (13.5, 15), (17, 5)]],
        "x": [[(5, 5), (15, 15)], [(15, 5), (5, 15)]],
        "z": [[(5, 5), (15, 5), (5, 15), (15, 15)]],
    }
