"""Suffixes of a name that change all images of a set."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data

FACTORS = np.array([[0, 5, 3, 16, 16], [2, 0, 0, 1, 30]])


@pytest.fixture(scope="module")
def sprites():
    return data.load("rendered_dsprites")


def test_grey_three_times_and_back(sprites):
    coloured = data.load("rendered_dsprites+coloured")
    assert coloured.image_shape == (64, 64, 3)
    assert coloured.factor_names == sprites.factor_names
    images = coloured.images(FACTORS)
    np.testing.assert_array_equal(images, np.repeat(sprites.images(FACTORS), 3, -1))
    back = data.varied(coloured, "grey")
    assert back.image_shape == (64, 64, 1)
    np.testing.assert_allclose(back.images(FACTORS), sprites.images(FACTORS), rtol=1e-6)


def test_noise_belongs_to_its_image_however_it_is_asked_for(sprites):
    noisy = data.load("rendered_dsprites+noisy")
    index = sprites.position(FACTORS)
    images, factors = noisy.take(index)
    np.testing.assert_array_equal(factors, FACTORS)
    np.testing.assert_array_equal(images, noisy.images(FACTORS))
    np.testing.assert_array_equal(images[::-1], noisy.take(index[::-1])[0])
    noise = np.asarray(images)[np.asarray(sprites.images(FACTORS))[..., 0] == 0]
    np.testing.assert_allclose([noise.mean(), noise.var()], [0.5, 1 / 12], atol=0.01)
    background = np.asarray(images)[:, :4, :4]
    assert (background[0] != background[1]).any()


def test_noise_upon_noise_is_other_noise():
    once, twice = (
        data.load(f"rendered_dsprites{words}").take(np.arange(2))[0]
        for words in ("+noisy", "+noisy+noisy")
    )
    dark = np.asarray((once < 0.3) & (twice < 1))
    second = np.asarray(twice - once)[dark]
    assert np.mean(abs(second - np.asarray(once)[dark]) < 1e-3) < 0.02
    assert second.max() > 0.6


def test_noise_follows_positions_where_the_order_is_not_that_of_the_grid():
    images = np.zeros((4, 2, 2), bool)
    labels = np.array([3, 1, 0, 2])
    plain = data.from_arrays(images, labels, name="four", factor_names=["which"])
    noisy = data.varied(plain, "noisy")
    taken, factors = noisy.take(np.arange(4))
    np.testing.assert_array_equal(taken, noisy.images(factors))


@pytest.mark.parametrize("variant", ["tinted", "tinted_on_noise"])
def test_colour_is_the_first_factor(sprites, variant):
    tinted = data.load(f"rendered_dsprites+{variant}")
    assert tinted.factor_names == ("colour", *sprites.factor_names)
    assert tinted.num_images == 7 * sprites.num_images
    factors = np.concatenate([[[1], [6]], FACTORS], axis=1)
    images, found = jax.jit(data.ImageSet.take)(tinted, tinted.position(factors))
    np.testing.assert_array_equal(found, factors)
    shape = np.asarray(sprites.images(FACTORS))[..., 0] == 1
    for image, inside, colour in zip(images, shape, (1, 6), strict=True):
        wanted = np.broadcast_to(data.SPRITE_COLOURS[colour], image[inside].shape)
        np.testing.assert_allclose(image[inside], wanted, rtol=1e-6)
        outside = np.asarray(image)[~inside]
        assert outside.mean() == pytest.approx(0.5 * (variant != "tinted"), abs=0.02)


def test_words_follow_each_other_and_name_the_set(sprites):
    small = data.load("rendered_dsprites+resized32+coloured")
    assert small.name == "rendered_dsprites+resized32+coloured"
    assert small.image_shape == (32, 32, 3)
    wanted = data.coloured(data.resized(sprites.images(FACTORS), 32))
    np.testing.assert_array_equal(small.images(FACTORS), wanted)


def test_real_images_that_are_no_grid_are_changed_too():
    images = np.full((3, 8, 8), 51, np.uint8)
    plain = data.from_arrays(images, np.array([0, 0, 1]), name="a", factor_names=["b"])
    coloured = data.varied(plain, "coloured")
    taken, factors = coloured.take(jnp.array([2, 0]))
    np.testing.assert_allclose(taken, np.full((2, 8, 8, 3), 0.2), rtol=1e-6)
    assert factors.tolist() == [[1], [0]]
    assert not coloured.is_grid
    with pytest.raises(ValueError, match="no full grid; 'tinted' needs a grid"):
        data.varied(plain, "tinted")


def test_what_is_no_variant_is_refused(sprites):
    with pytest.raises(ValueError, match="unknown suffix 'loud' after mnist"):
        data.load("mnist+loud")
    with pytest.raises(ValueError, match="variant is 'loud'; expected one of"):
        data.varied(sprites, "loud")


def test_streamed_images_are_refused():
    streamed = data.from_source(
        lambda index: np.zeros((len(index), 8, 8, 1), np.uint8),
        np.zeros((5, 0), np.int32),
        name="stream",
        factor_names=(),
        sizes=(),
        image_shape=(8, 8, 1),
    )
    with pytest.raises(ValueError, match=r"'stream' is streamed.*resident=True"):
        data.varied(streamed, "coloured")
