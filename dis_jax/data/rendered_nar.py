"""Boards of visual analogies: 1 to 3 glyphs on a 3x3 grid, rendered from their factors."""

from __future__ import annotations

import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from dis_jax.data.image_set import Arrays, ImageSet, factors_of_index
from dis_jax.data.nar_glyphs import GLYPHS, TILE, read_glyphs, rendered_glyphs

MOST_GLYPHS = 3
CELLS = 3  # per side
_EDGE = 2  # pixels of white around the cells
_SIDE = 2 * _EDGE + CELLS * TILE
BOARD_FACTORS = (
    "number",
    *(
        f"{what}_{k + 1}"
        for k in range(MOST_GLYPHS)
        for what in ("shape", "row", "column")
    ),
)
_SIZES = (MOST_GLYPHS, *(len(GLYPHS), CELLS, CELLS) * MOST_GLYPHS)
_REGIONS = tuple(
    (f"glyph_{k + 1}", BOARD_FACTORS[1 + 3 * k : 4 + 3 * k]) for k in range(3)
)


def rendered_nar() -> ImageSet:
    """NAR boards with glyphs that this package draws from strokes: no download.

    A board is white, 64x64, with one to three dark glyphs in the cells of a 3x3 grid
    (Sonwane et al. 2021). Factors: `number` (0 stands for one glyph), and the shape, row
    and column of each glyph. The factors of absent glyphs do not change the image. In one
    board in seven of the full grid, glyphs share a cell; the later glyph then covers the
    earlier one, and the board shows fewer glyphs than `number` says.

    Returns:
      The full grid, images 64x64x1 in [0, 1].

    Example:
      >>> boards = rendered_nar()
      >>> boards.num_images, boards.image_shape
      (17496000, (64, 64, 1))
    """
    return _boards("rendered_nar", rendered_glyphs())


def nar(data_dir: pathlib.Path) -> ImageSet:
    """NAR boards with the original glyphs, from `nar/nar_images.npz`.

    Args:
      data_dir: the folder of real sets.

    Returns:
      As `rendered_nar`.

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it lacks a glyph.
    """
    return _boards("nar", read_glyphs(data_dir / "nar"))


def _boards(name: str, tiles: UInt8[np.ndarray, "glyph 20 20"]) -> ImageSet:
    return ImageSet(
        arrays={"tiles": jnp.asarray(tiles)},
        name=name,
        factor_names=BOARD_FACTORS,
        sizes=_SIZES,
        image_shape=(_SIDE, _SIDE, 1),
        num_images=math.prod(_SIZES),
        take_fn=_take,
        images_fn=_images,
        masks_fn=_masks,
        regions=(*_REGIONS, ("background", ())),
    )


@jax.jit
def render_nar(
    tiles: UInt8[Array, "glyph 20 20"], factors: Int[Array, "batch 10"]
) -> Float[Array, "batch 64 64 1"]:
    """Pastes tiles of glyphs onto white boards.

    Args:
      tiles: dark on white, one per glyph.
      factors: rows of (number, then shape, row, column of each of three glyphs).

    Returns:
      Images in [0, 1].

    Raises:
      ValueError: if `factors` does not have ten columns.

    Example:
      >>> tiles = jnp.zeros((20, 20, 20), jnp.uint8)  # black squares
      >>> board = render_nar(tiles, jnp.zeros((1, 10), jnp.int32))
      >>> int((board == 0).sum())  # one glyph, in the first cell
      400
    """
    _check(factors)
    blank = jnp.full((1, TILE, TILE), 255, tiles.dtype)
    cells = jnp.concatenate([tiles, blank])[_shape_of_cells(factors, len(tiles))]
    return _assembled(cells, 255)[..., None].astype(jnp.float32) / 255


@jax.jit
def nar_masks(
    tiles: UInt8[Array, "glyph 20 20"], factors: Int[Array, "batch 10"]
) -> Bool[Array, "batch 4 64 64"]:
    """Masks of the visible ink of the three glyphs, and of the background.

    Args:
      tiles: as in `render_nar`.
      factors: as in `render_nar`.

    Returns:
      Masks that cover each pixel once; the mask of an absent or covered glyph is empty.

    Raises:
      ValueError: if `factors` does not have ten columns.

    Example:
      >>> tiles = jnp.zeros((20, 20, 20), jnp.uint8)
      >>> masks = nar_masks(tiles, jnp.zeros((1, 10), jnp.int32))
      >>> masks.sum((0, 2, 3)).tolist()
      [400, 0, 0, 3696]
    """
    ink = render_nar(tiles, factors)[..., 0] < 1
    owner = _owner_of_cells(factors)[..., None, None]
    owner = _assembled(jnp.broadcast_to(owner, (*owner.shape[:2], TILE, TILE)), -1)
    masks = [ink & (owner == k) for k in range(MOST_GLYPHS)]
    return jnp.stack([*masks, ~ink], axis=1)


def _take(arrays: Arrays, index: Array) -> tuple[Array, Array]:
    factors = factors_of_index(index, _SIZES)
    return render_nar(arrays["tiles"], factors), factors


def _images(arrays: Arrays, factors: Array) -> Array:
    return render_nar(arrays["tiles"], factors)


def _masks(arrays: Arrays, factors: Array) -> Array:
    return nar_masks(arrays["tiles"], factors)


def _owner_of_cells(factors: Int[Array, "batch 10"]) -> Int[Array, "batch 9"]:
    """The number of the glyph in each cell, -1 for an empty cell."""
    glyphs = factors[:, 1:].reshape(-1, MOST_GLYPHS, 3)
    cell = CELLS * glyphs[..., 1] + glyphs[..., 2]
    here = cell[..., None] == jnp.arange(CELLS**2)
    here &= (jnp.arange(MOST_GLYPHS) <= factors[:, :1])[..., None]
    number = jnp.arange(MOST_GLYPHS)[:, None]
    return jnp.where(here, number, -1).max(axis=1)  # the later covers the earlier


def _shape_of_cells(factors: Array, blank: int) -> Int[Array, "batch 9"]:
    owner = _owner_of_cells(factors)
    shapes = factors[:, 1::3]
    shown = jnp.take_along_axis(shapes, jnp.maximum(owner, 0), axis=1)
    return jnp.where(owner < 0, blank, shown)


def _assembled(cells: Array, edge: int) -> Array:
    """(batch, 9, 20, 20) -> (batch, 64, 64), with `edge` around the cells."""
    grid = cells.reshape(-1, CELLS, CELLS, TILE, TILE).swapaxes(2, 3)
    whole = grid.reshape(-1, CELLS * TILE, CELLS * TILE)
    return jnp.pad(
        whole, ((0, 0), (_EDGE, _EDGE), (_EDGE, _EDGE)), constant_values=edge
    )


def _check(factors: Array) -> None:
    if factors.ndim != 2 or factors.shape[1] != len(_SIZES):
        raise ValueError(
            f"factors have shape {factors.shape}; expected (batch, {len(_SIZES)}): "
            f"{', '.join(BOARD_FACTORS)}."
        )
