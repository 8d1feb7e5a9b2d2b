import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data

SIZES = (3, 6, 40, 32, 32)


def random_factors(count, seed=0):
    columns = np.random.default_rng(seed).integers(0, SIZES, (count, 5))
    return jnp.asarray(columns, jnp.int32)


def test_grid_and_order_are_the_original_ones():
    sprites = data.rendered_dsprites()
    assert sprites.is_grid
    assert (sprites.sizes, sprites.num_images) == (SIZES, 737_280)
    index = np.array([0, 1, 32, 1024, 40_960, 245_760, 737_279])
    _, factors = sprites.take(index)
    assert factors.tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [2, 5, 39, 31, 31],
    ]
    for sizes in (SIZES, list(SIZES)):
        found = data.index_of_factors(factors, sizes)
        np.testing.assert_array_equal(found, index)
        np.testing.assert_array_equal(data.factors_of_index(found, sizes), factors)


def test_take_is_images_of_its_factors():
    sprites = data.rendered_dsprites()
    images, factors = sprites.take(np.arange(0, 737_280, 9_973))
    np.testing.assert_array_equal(images, sprites.images(factors))
    assert set(np.unique(images)) == {0.0, 1.0}


def test_upright_square_by_hand():
    """Scale .5 is 9.6 pixels wide, centred at 16: it covers 11.2 to 20.8."""
    image = data.render_dsprites(jnp.zeros((1, 5), jnp.int32))[0, :, :, 0]
    expected = np.zeros((64, 64))
    expected[11:21, 11:21] = 1  # pixel centres 11.5 to 20.5
    np.testing.assert_array_equal(image, expected)


def test_areas_are_those_of_the_outlines():
    """Square 2 x 2, ellipse of axes 1.33 and 1/1.33, heart 180 pi / (16 x 14.5)."""
    factors = random_factors(3000)
    drawn = np.asarray(data.render_dsprites(factors)).sum((1, 2, 3))
    shape, scale = np.asarray(factors)[:, :2].T
    unit = np.array([4, np.pi, 180 * np.pi / (16 * 14.5)])[shape]
    area = unit * ((0.5 + 0.1 * scale) * 9.6) ** 2
    for kind in range(3):
        rows = shape == kind
        assert drawn[rows].sum() == pytest.approx(area[rows].sum(), rel=0.003)


def test_first_and_last_orientation_are_one_angle():
    factors = random_factors(50)
    first, last = (
        data.render_dsprites(factors.at[:, 2].set(angle)) for angle in (0, 39)
    )
    np.testing.assert_array_equal(first, last)


def test_every_factor_moves_pixels():
    factors = random_factors(60).at[:, 0].set(2)  # hearts: no symmetry in rotation
    base = data.render_dsprites(factors)
    for i, size in enumerate(SIZES):
        moved = factors.at[:, i].set((factors[:, i] + size // 3) % size)
        assert abs(data.render_dsprites(moved) - base).sum((1, 2, 3)).min() > 0


def test_compiled_and_mapped_are_the_same():
    factors = random_factors(12).reshape(3, 4, 5)
    mapped = jax.jit(jax.vmap(data.render_dsprites))(factors)
    for rows, images in zip(factors, mapped, strict=True):
        np.testing.assert_array_equal(data.render_dsprites(rows), images)


def test_wrong_columns_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 4\).*shape, scale, orientation"):
        data.render_dsprites(jnp.zeros((2, 4), jnp.int32))


@pytest.mark.slow
def test_agrees_with_the_real_images(data_dir):
    real, sprites = data.load("dsprites", data_dir), data.rendered_dsprites()

    @jax.jit
    def count_wrong(real, index):
        images, factors = real.take(index)
        drawn = sprites.images(factors * jnp.array([1, 1, 4, 2, 2]))
        return (drawn != images).sum((1, 2, 3))

    batches = np.arange(46_080).reshape(-1, 512)
    wrong = np.concatenate([count_wrong(real, index) for index in batches])
    assert wrong.mean() < 0.001
    assert (wrong == 0).mean() > 0.999
    assert wrong.max() <= 1
