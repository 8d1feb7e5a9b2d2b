import dataclasses
import gc
import types
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.data.image_set import ImageSet
from dis_jax.data.streaming import from_source
from dis_jax.probing.encoding import sample_factors
from dis_jax.probing.labelled_codes import (
    draw_samples,
    given_samples,
    labelled_images,
)

KEY = jax.random.key(0)


def grid_of(*sizes):
    return types.SimpleNamespace(
        sizes=sizes, factor_names=("a", "b", "c"), images=lambda f: 1.0 * f
    )


def photos(labels):
    """A set that is not a grid: image i is filled with i, and has the given labels."""
    labels = jnp.asarray(labels)
    return ImageSet(
        arrays={"factors": labels},
        name="photos",
        factor_names=("kind", "place"),
        sizes=(4, 4),
        image_shape=(2, 2, 1),
        num_images=len(labels),
        take_fn=lambda arrays, i: (
            jnp.broadcast_to(i[:, None, None, None], (len(i), 2, 2, 1)) * 1.0,
            arrays["factors"][i],
        ),
    )


def test_samples_of_a_grid_are_drawn_and_split():
    grid = grid_of(30, 1, 50)
    samples = draw_samples(lambda x: x, grid, KEY, 100, 40)
    assert samples.codes.shape == samples.train_codes.shape == (100, 3)
    assert samples.test_codes.shape == (40, 3)
    np.testing.assert_array_equal(samples.codes[:, [0, 2]], samples.factors)
    np.testing.assert_array_equal(samples.test_codes[:, [0, 2]], samples.test_factors)
    assert samples.factor_names == ("a", "c")
    assert samples.left_out == {"b": "takes the one value 0 in all 140 rows"}
    assert samples.data.sizes == grid.sizes


def test_no_image_of_a_small_grid_is_drawn_twice():
    """Otherwise, a probe would be tested on images that it was trained on."""
    samples = draw_samples(lambda x: x, grid_of(20, 1, 10), KEY, 100, 60)
    drawn = np.concatenate([samples.codes, samples.test_codes])
    assert len(np.unique(drawn, axis=0)) == 160
    samples = draw_samples(lambda x: x, grid_of(3, 1, 5), KEY, 100, 50)  # has 15
    parts = samples.codes, samples.train_codes, samples.test_codes
    assert [len(part) for part in parts] == [15, 10, 5]
    assert len(np.unique(samples.codes, axis=0)) == 15


def test_a_large_grid_is_drawn_with_replacement():
    grid = grid_of(60, 1, 50)  # 20 images for each that is drawn
    samples = draw_samples(lambda x: x, grid, KEY, 100, 50)
    drawn = np.concatenate([samples.codes, samples.test_codes])
    np.testing.assert_array_equal(drawn, sample_factors(KEY, (150,), grid.sizes))


def test_of_a_set_with_weights_no_test_image_is_a_training_image():
    labels = np.stack([np.arange(90) % 4, np.arange(90) % 3], axis=1)
    share = np.r_[np.full(10, 3.0), np.ones(80)] / 110

    def drawn(arrays, key, count):
        return jax.random.choice(key, 90, (count,), p=share)[:, None]

    data = dataclasses.replace(photos(labels), sizes=(90,), draw_fn=drawn)
    encode = lambda x: x.reshape(len(x), -1)[:, :1]
    samples = draw_samples(encode, data, KEY, 30, 60)
    assert len(samples.codes) == len(samples.train_codes) == 30
    assert 30 <= len(samples.test_codes) < 60
    assert not np.isin(samples.test_codes, samples.train_codes).any()
    assert len(np.unique(samples.train_codes)) < 30  # some are drawn several times
    # 90 images for 1,000 training rows: 30 of the images are held out
    samples = draw_samples(encode, data, KEY, 1000, 500)
    parts = samples.codes, samples.train_codes, samples.test_codes
    assert [len(np.unique(part)) for part in parts] == [90, 60, 30]
    assert len(parts[0]) == len(parts[1]) + len(parts[2]) == 1500
    one = dataclasses.replace(data, draw_fn=lambda a, k, n: jnp.zeros((n, 1), int))
    with pytest.raises(ValueError, match="found 1 image in 'photos'"):
        draw_samples(encode, one, KEY, 40, 9)


def test_images_of_other_sets_are_drawn_once_each():
    rng = np.random.default_rng(0)
    data = photos(np.stack([rng.integers(0, 4, 90), np.full(90, -1)], axis=1))
    encode = lambda x: x.reshape(len(x), -1)
    samples = draw_samples(encode, data, KEY, 100, 50)  # more than the set has
    parts = samples.codes, samples.train_codes, samples.test_codes
    assert [len(part) for part in parts] == [90, 60, 30]
    np.testing.assert_array_equal(samples.codes, np.concatenate(parts[1:]))
    rows = samples.codes[:, 0].astype(int)
    assert sorted(rows) == list(range(90))
    np.testing.assert_array_equal(
        samples.factors[:, 0], np.asarray(data.arrays["factors"])[rows, 0]
    )
    assert samples.left_out == {"place": "unknown (-1) in 90 of 90 rows"}
    assert samples.data is None
    samples = draw_samples(encode, data, KEY, 40, 20)
    assert len(samples.codes) == len(samples.train_codes) == 40


def test_given_codes_are_whole_for_some_and_split_for_others():
    codes = np.arange(30.0)[:, None]
    factors = np.arange(30)[:, None] % 3
    samples = given_samples(codes, factors, KEY, None, None, None)
    np.testing.assert_array_equal(samples.codes, codes)
    assert (len(samples.train_codes), len(samples.test_codes)) == (20, 10)
    parts = np.concatenate([samples.train_codes, samples.test_codes])[:, 0]
    assert sorted(parts) == list(range(30))
    np.testing.assert_array_equal(samples.test_factors, samples.test_codes % 3)
    assert samples.factor_names == ("factor_0",)


def test_a_factor_that_is_learned_from_one_value_is_left_out():
    codes, factors = np.arange(30.0)[:, None], np.zeros((30, 2), int)
    factors[:, 0] = np.arange(30) % 3
    held_out = given_samples(codes, factors[:, :1], KEY, None, None, None).test_codes
    factors[int(held_out[0, 0]), 1] = 1  # its other value is held out
    samples = given_samples(codes, factors, KEY, None, None, None)
    assert samples.factor_names == ("factor_0",)
    assert samples.left_out == {
        "factor_1": "takes the one value 0 in all 20 rows used for training"
    }
    assert samples.train_factors.shape == (20, 1)


def test_a_set_that_is_read_from_the_host_is_let_go():
    """Its images can take gigabytes of the host's memory."""
    images = np.zeros((40, 2, 2, 1), np.uint8)
    image_set = from_source(
        lambda index, images=images: images[index],
        np.arange(40)[:, None] % 4,
        name="streamed",
        factor_names=("kind",),
        sizes=(40,),  # no grid
        image_shape=(2, 2, 1),
    )
    alive = weakref.ref(images)
    draw_samples(lambda x: x.reshape(len(x), -1), image_set, KEY, 20, 10)
    del images, image_set
    gc.collect()
    assert alive() is None


def test_a_given_test_part_is_kept():
    codes, factors = np.arange(6.0)[:, None], np.arange(6)[:, None] % 3
    samples = given_samples(codes, factors, KEY, codes[:2], factors[:2], ("size",))
    np.testing.assert_array_equal(samples.train_codes, codes)
    np.testing.assert_array_equal(samples.test_codes, codes[:2])
    assert samples.factor_names == ("size",)


def test_bad_input_is_named():
    codes = np.arange(6.0)[:, None]
    none = given_samples(codes, np.zeros((6, 1), int), KEY, None, None, None)
    assert none.left_out == {"factor_0": "takes the one value 0 in all 6 rows"}
    assert none.factors.shape == (6, 0)
    with pytest.raises(ValueError, match="factor_names must name 1 factors"):
        given_samples(codes, np.arange(6)[:, None], KEY, None, None, ("a", "b"))
    with pytest.raises(ValueError, match="2 factors, each by its own name, found"):
        given_samples(codes, np.zeros((6, 2)), KEY, None, None, ("a", "a"))
    with pytest.raises(ValueError, match="test_codes and test_factors"):
        given_samples(codes, np.arange(6)[:, None], KEY, codes, None, None)


@pytest.mark.parametrize("counts", [(60, 40), (600, 400)])
def test_no_image_is_learned_from_and_tested_on(counts):
    labels = np.random.default_rng(0).integers(0, 4, (100, 2))
    train, test = labelled_images([photos(labels)], "place", counts, seed=0)
    assert (len(train[0]), len(test[0])) == (60, 40)
    images, places = (np.concatenate(both) for both in zip(train, test, strict=True))
    index = images[:, 0, 0, 0].astype(int)
    np.testing.assert_array_equal(np.sort(index), np.arange(100))
    np.testing.assert_array_equal(places, labels[index, 1])


def test_two_sets_are_learned_from_and_tested_on_each():
    first, second = np.zeros((30, 2), int), np.ones((20, 2), int)
    train, test = labelled_images([photos(first), photos(second)], "kind", (9, 99), 0)
    assert train[1].tolist() == [0] * 9
    assert test[1].tolist() == [1] * 20
    with pytest.raises(ValueError, match="factor is 'digit'; photos has kind, place"):
        labelled_images([photos(first)], "digit", (1, 1), 0)


def test_words_have_no_order():
    codes = np.random.default_rng(0).normal(size=(60, 2))
    level = np.array(["low", "medium", "high"] * 20)[:, None]
    for kind, name in (("ordered", "ordered"), (("circular", 3), "circular")):
        with pytest.raises(
            ValueError,
            match=f"'level' is declared {name}.*'high', without a known order",
        ):
            given_samples(
                codes, level, jax.random.key(0), None, None, ("level",), [kind]
            )


def test_a_number_that_is_nearly_always_0_is_scored():
    rng = np.random.default_rng(0)
    rare = np.where(rng.random(900) < 0.96, 0, rng.random(900))
    factors = np.c_[rare, rng.normal(size=900)]
    found = given_samples(factors, factors, jax.random.key(0), None, None, None)
    assert not found.left_out
    assert (found.factors[:, 0] == 0).sum() == (rare == 0).sum()  # a bin of its own
