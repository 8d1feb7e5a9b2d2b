import io

import numpy as np
import pytest
from PIL import Image

from dis_jax import figures


def read(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def ramp(rows, columns, channels=1, size=4):
    """Images of one grey level each, a different one for each cell."""
    levels = np.arange(rows * columns).reshape(rows, columns, 1, 1, 1) * 7
    return np.broadcast_to(levels, (rows, columns, size, size, channels)).astype(
        np.uint8
    )


def test_to_uint8_rounds_to_the_nearest_byte():
    values = np.array([0.0, 1 / 255, 1.4 / 255, 1.6 / 255, 1.0, 1 + 1e-6])
    images = figures.to_uint8(values.reshape(1, 6, 1))
    assert images.dtype == np.uint8
    assert images.ravel().tolist() == [0, 1, 1, 2, 255, 255]


def test_to_uint8_takes_half_precision():
    import jax.numpy as jnp

    images = jnp.array([0.0, 0.25, 1.0], jnp.bfloat16).reshape(1, 3, 1)
    assert figures.to_uint8(images).ravel().tolist() == [0, 64, 255]


def test_to_uint8_leaves_bytes_alone():
    images = ramp(1, 3)
    np.testing.assert_array_equal(figures.to_uint8(images), images)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan, np.inf])
def test_to_uint8_refuses_what_is_no_image(bad):
    images = np.full((2, 4, 4, 1), 0.5)
    images[1, 0, 0, 0] = bad
    with pytest.raises(ValueError, match=r"images has values .* expected finite"):
        figures.to_uint8(images)


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (4, 4, 2), (0, 4, 4, 1)])
def test_to_uint8_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="images has shape"):
        figures.to_uint8(np.zeros(shape))


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_holds_every_pixel_in_its_place(channels):
    images = ramp(2, 3, channels)
    grid = figures.image_grid(images, gap=2, background=250)
    assert grid.shape == (2 + 2 * 6, 2 + 3 * 6, channels)
    free = np.ones(grid.shape[:2], bool)
    for i in range(2):
        for j in range(3):
            at = np.s_[2 + 6 * i : 6 + 6 * i, 2 + 6 * j : 6 + 6 * j]
            np.testing.assert_array_equal(grid[at], images[i, j])
            free[at] = False
    assert (grid[free] == 250).all()


def test_grid_scales_by_whole_pixels():
    images = np.random.default_rng(0).random((1, 1, 3, 3, 1))
    grid = figures.image_grid(images, gap=0, scale=2)
    np.testing.assert_array_equal(grid[::2, ::2], figures.to_uint8(images)[0, 0])
    np.testing.assert_array_equal(grid[1::2, 1::2], grid[::2, ::2])


def test_labels_lie_outside_the_images():
    images = ramp(2, 2, size=20)
    grid = figures.image_grid(images, row_labels=["a", "z3 σ"], column_labels=["x", ""])
    plain = figures.image_grid(images)
    height, width, _ = plain.shape
    np.testing.assert_array_equal(grid[-height:, -width:], plain)
    left, top = grid[-height:, :-width], grid[:-height, -width:]
    assert left.min() < 128  # ink
    assert top[:, : 2 + 20].min() < 128
    assert top[:, 2 + 20 :].min() == 255  # an empty label has none


def test_a_label_too_wide_is_cut_and_stays_in_its_column():
    images = ramp(1, 2, size=24)
    grid = figures.image_grid(images, column_labels=["a very long label", ""], gap=2)
    top = grid[: -(24 + 4)]
    assert top[:, :26].min() < 128
    assert top[:, 27:].min() == 255


def test_header_stands_apart():
    grid = figures.image_grid(ramp(2, 3), gap=2, header_row=True)
    assert grid.shape == (2 + 2 * 6 + 6, 2 + 3 * 6, 1)
    grid = figures.image_grid(ramp(2, 3), gap=2, header_column=True)
    assert grid.shape == (2 + 2 * 6, 2 + 3 * 6 + 6, 1)


def test_grid_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"row_labels has 1 texts; expected 2"):
        figures.image_grid(ramp(2, 3), row_labels=["a"])
    with pytest.raises(ValueError, match=r"images has shape \(3, 4, 4, 1\)"):
        figures.image_grid(np.zeros((3, 4, 4, 1)))


def test_rows_are_filled_up_with_white():
    rows = figures.image_rows(np.zeros((5, 4, 4, 1)), columns=3)
    assert rows.shape == (2, 3, 4, 4, 1)
    assert rows.reshape(6, -1).max(axis=1).tolist() == [0, 0, 0, 0, 0, 1]
    assert figures.image_rows(ramp(1, 2)[0], columns=8).shape == (1, 2, 4, 4, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_returns_the_same_pixels(channels):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    found = read(figures.to_png(picture)).reshape(picture.shape)
    np.testing.assert_array_equal(found, picture)


def test_webp_is_close_and_small():
    grid = np.linspace(0, 1, 64)
    picture = figures.to_uint8(
        np.stack(np.broadcast_arrays(grid, grid[:, None], 0.5), axis=-1)
    )
    data = figures.to_webp(picture)
    assert np.abs(read(data).astype(int) - picture).mean() < 3
    assert len(data) < 2000


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_plays_forth_and_back(channels):
    levels = np.array([0, 80, 160, 240], np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (4, 6, 6, channels))
    image = Image.open(io.BytesIO(figures.to_gif(frames, milliseconds=50)))
    assert image.n_frames == 6  # pyright: ignore[reportAttributeAccessIssue]
    assert image.info["loop"] == 0
    assert image.info["duration"] == 50
    shown = []
    for i in range(image.n_frames):  # pyright: ignore[reportAttributeAccessIssue]
        image.seek(i)
        shown.append(np.asarray(image.convert("L"))[3, 3])
    assert shown == [0, 80, 160, 240, 160, 80]


def test_pictures_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"picture is float64 of shape \(4, 4, 1\)"):
        figures.to_png(np.zeros((4, 4, 1)))
    with pytest.raises(ValueError, match=r"picture is uint8 of shape \(4, 4\)"):
        figures.to_gif(np.zeros((2, 4, 4), np.uint8))
