import numpy as np
import pytest

from dis_jax.data.augmented_grid import turned_and_shrunk


def small_grid(side=9):
    images = np.random.default_rng(0).integers(1, 256, (2, side, side, 3), np.uint8)
    return images, turned_and_shrunk(
        images, name="grid", factor_names=["which"], sizes=[2]
    )


def test_half_turn_and_half_size():
    images, grid = small_grid()
    drawn = grid.images(np.array([[1, 0, 0], [1, 9, 0], [0, 0, 8]])) * 255
    np.testing.assert_allclose(drawn[0], images[1], rtol=1e-6)
    np.testing.assert_allclose(drawn[1], images[1, ::-1, ::-1], rtol=1e-6)
    halved = np.zeros((9, 9, 3))
    halved[2:7, 2:7] = images[0, ::2, ::2]
    np.testing.assert_allclose(drawn[2], halved, rtol=1e-6)


def test_take_is_images_and_every_factor_changes_them():
    _, grid = small_grid(side=25)
    images, factors = grid.take(np.arange(grid.num_images))
    np.testing.assert_array_equal(images, grid.images(factors))
    assert len(np.unique(np.asarray(images), axis=0)) == grid.num_images


def test_images_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 8, 8, 1\); expected 3 square images"):
        turned_and_shrunk(
            np.zeros((2, 8, 8, 1), np.uint8), name="g", factor_names=["a"], sizes=[3]
        )
