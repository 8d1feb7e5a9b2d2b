"""Boards, glyphs and masks of the visual analogies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data import nar_glyphs


@pytest.fixture(scope="module")
def boards():
    return data.load("rendered_nar")


def by_hand(tiles, factors):
    """The board and the masks of one row of factors, pasted glyph by glyph."""
    board = np.full((64, 64), 255, np.uint8)
    masks = np.zeros((4, 64, 64), bool)
    for k in range(factors[0] + 1):
        shape, row, column = factors[1 + 3 * k : 4 + 3 * k]
        y, x = (2, 22, 42)[row], (2, 22, 42)[column]
        board[y : y + 20, x : x + 20] = tiles[shape]
        masks[:, y : y + 20, x : x + 20] = False
        masks[k, y : y + 20, x : x + 20] = tiles[shape] < 255
    masks[3] = ~masks[:3].any(0)
    return board / np.float32(255), masks


def test_boards_and_masks_agree_with_the_factors(boards):
    index = np.random.default_rng(0).integers(0, boards.num_images, 64)
    images, factors = boards.take(index)
    np.testing.assert_array_equal(
        np.ravel_multi_index(tuple(factors.T), boards.sizes), index
    )
    masks = boards.masks(factors)
    tiles = nar_glyphs.rendered_glyphs()
    for image, mask, row in zip(images, masks, np.asarray(factors), strict=True):
        board, regions = by_hand(tiles, row)
        np.testing.assert_allclose(image[..., 0], board, atol=1e-7)
        np.testing.assert_array_equal(mask, regions)


def test_a_later_glyph_covers_an_earlier_one(boards):
    both = jnp.array([[1, 0, 1, 1, 5, 1, 1, 0, 0, 0]])
    alone = jnp.array([[0, 5, 1, 1, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(boards.images(both), boards.images(alone))
    assert boards.masks(both).any((0, 2, 3)).tolist() == [False, True, False, True]


def test_no_two_glyphs_are_alike_and_all_leave_the_tile_s_edge_white(boards):
    tiles = nar_glyphs.rendered_glyphs()
    assert len({tile.tobytes() for tile in tiles}) == len(data.GLYPHS) == 20
    assert (tiles[:, [0, -1]] == 255).all()
    assert (tiles[..., [0, -1]] == 255).all()
    ink = (255 - tiles.astype(float)).sum((1, 2)) / 255
    assert 15 < ink.min() < ink.max() < 100  # of 400 pixels
    assert boards.image_shape == (64, 64, 1)


def test_the_original_glyphs_are_read_upright(data_dir):
    real = data.load("nar", data_dir)
    tiles = np.asarray(real.arrays["tiles"])
    assert tiles.shape == (20, 20, 20)
    with np.load(data_dir / "nar" / "nar_images.npz") as file:
        b = file["images"][
            (file["shape_names"][file["shape"]] == "b")
            & (file["rotation_deg"] == 0)
            & (file["affine_xy"] == 0).all(1)
        ]
    np.testing.assert_array_equal(tiles[0], b[0])
    # the file has delta only rotated; upright, its long side is at the top
    ink = tiles[data.GLYPHS.index("delta")] < 128
    rows = np.flatnonzero(ink.any(1))
    assert ink[rows[0]].sum() > 8 > ink[rows[-1]].sum()


def test_files_that_are_missing_or_lack_a_glyph_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nar_images.npz"):
        data.load("nar", tmp_path)
    (tmp_path / "nar").mkdir()
    np.savez(
        tmp_path / "nar" / "nar_images.npz",
        images=np.zeros((1, 20, 20), np.uint8),
        shape=np.zeros(1, int),
        shape_names=np.array(["b"]),
        rotation_deg=np.zeros(1, int),
        affine_xy=np.zeros((1, 2), int),
    )
    with pytest.raises(ValueError, match="no glyph 'circle' without shear; it has b"):
        data.load("nar", tmp_path)


def test_wrong_columns_are_refused(boards):
    with pytest.raises(ValueError, match=r"\(2, 3\); expected \(batch, 10\): number"):
        boards.images(jnp.zeros((2, 3), jnp.int32))


def test_the_source_s_colours_are_blue_on_yellow_with_a_green_rim():
    boards = data.load("rendered_nar+viridis")
    factors = jnp.array([[0, 0, 1, 1, 0, 0, 0, 0, 0, 0]])
    grey = data.load("rendered_nar").images(factors)[0, ..., 0]
    image = boards.images(factors)[0]
    assert boards.image_shape == (64, 64, 3)
    np.testing.assert_allclose(image[0, 0], [0.993, 0.906, 0.144], atol=1e-3)
    red, green, blue = image[jnp.unravel_index(grey.argmin(), grey.shape)].tolist()
    assert blue > 0.3 > max(red, green)
    between = image[(grey > 0.5) & (grey < 0.8)]
    assert (between.argmax(-1) == 1).all()
    np.testing.assert_array_equal(
        boards.masks(factors), data.load("rendered_nar").masks(factors)
    )


@pytest.fixture(scope="module")
def problems():
    return jax.tree.map(np.asarray, data.nar_problems(jax.random.key(0), 500))


def glyphs_of(board):
    """(shape, row, column) of each glyph on a board."""
    rows = board[1:].reshape(3, 3)[: board[0] + 1]
    return sorted(map(tuple, rows.tolist()))


def test_programs_do_what_they_say(problems):
    primitives = {  # one step of each, on (shape, row, column)
        "up": lambda s, r, c: (s, r - 1, c),
        "down": lambda s, r, c: (s, r + 1, c),
        "left": lambda s, r, c: (s, r, c - 1),
        "right": lambda s, r, c: (s, r, c + 1),
    }
    for i in range(100):
        rows, columns, shape = problems.program[i]
        steps = ["down" if rows > 0 else "up"] * abs(rows)
        steps += ["right" if columns > 0 else "left"] * abs(columns)
        assert problems.length[i] == len(steps) + (shape >= 0)
        pairs = [*zip(problems.inputs[i], problems.outputs[i], strict=True)]
        pairs.append((problems.query[i], problems.options[i][problems.solution[i]]))
        for before, after in pairs:
            glyphs = glyphs_of(before)
            for step in steps:
                glyphs = [primitives[step](*glyph) for glyph in glyphs]
            if shape >= 0:
                glyphs = [(shape, r, c) for _, r, c in glyphs]
            assert sorted(glyphs) == glyphs_of(after)


def test_glyphs_stay_on_the_grid_in_cells_of_their_own(problems):
    boards = np.concatenate(
        [
            problems.inputs.reshape(-1, 10),
            problems.outputs.reshape(-1, 10),
            problems.options.reshape(-1, 10),
            problems.query,
        ]
    )
    for board in boards:
        cells = [glyph[1:] for glyph in glyphs_of(board)]
        assert len(set(cells)) == len(cells)
        assert all(0 <= place <= 2 for cell in cells for place in cell)
    assert set(boards[:, 0]) == {0, 1, 2}


def test_the_solution_is_one_of_four_options_that_all_differ(problems):
    for options, query in zip(problems.options, problems.query, strict=True):
        shown = {tuple(glyphs_of(board)) for board in options}
        assert len(shown) == 4
        assert tuple(glyphs_of(query)) not in shown
    place = np.bincount(problems.solution, minlength=4) / 500
    length = np.bincount(problems.length, minlength=4)[1:] / 500
    assert abs(place - 1 / 4).max() < 4 * np.sqrt(0.25 * 0.75 / 500)
    assert abs(length - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 500)


def test_problems_are_a_function_of_the_key():
    draw = lambda seed: data.nar_problems(jax.random.key(seed), 500)
    again, other = draw(0), draw(1)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, again, draw(0)))
    assert not jnp.array_equal(again.query, other.query)
    with pytest.raises(ValueError, match="num_problems is 0"):
        data.nar_problems(jax.random.key(0), 0)
