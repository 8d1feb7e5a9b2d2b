"""Correlated factors: samples follow the distribution that the name gives."""

import functools

import jax
import numpy as np
import pytest
from scipy import stats

from dis_jax import data
from dis_jax.data.correlated import read_ridges

SIZES = (4, 3, 5)


@pytest.fixture(scope="module")
def grid():
    factors = np.stack(np.unravel_index(np.arange(60), SIZES), axis=1)
    order = np.random.default_rng(0).permutation(60)  # positions differ from cells
    images = np.arange(60, dtype=np.uint8)[order].reshape(60, 1, 1)
    return data.from_arrays(
        *(images, factors[order]), name="grid", factor_names=["a", "b", "c"]
    )


@functools.partial(jax.jit, static_argnums=1)
def draw_factors(image_set, count, key):
    return image_set.factors(image_set.draw(key, count))


def drawn(image_set, count=20_000):
    return np.asarray(draw_factors(image_set, count, jax.random.key(0)))


def agrees(factors, probabilities):
    """Whether a chi-square test accepts; cells of probability 0 must be empty."""
    cells = np.ravel_multi_index(tuple(factors.T), SIZES)
    counts = np.bincount(cells, minlength=60)
    wanted = np.broadcast_to(probabilities, SIZES).ravel()
    wanted = wanted / wanted.sum()
    assert not counts[wanted == 0].any()
    some = wanted > 0
    return stats.chisquare(counts[some], len(factors) * wanted[some]).pvalue > 1e-3


def ridge(first, second, size_first, size_second, width):
    x = np.arange(size_first) / (size_first - 1)
    y = np.arange(size_second) / (size_second - 1)
    if first > second:
        return ridge(second, first, size_second, size_first, width)
    table = np.exp(-((x[:, None] - y) ** 2) / (2 * width**2))
    return np.expand_dims(table, 3 - first - second)


def test_weights_are_probabilities(grid):
    weights = np.random.default_rng(1).uniform(size=SIZES)
    weights[weights < 0.3] = 0
    assert agrees(drawn(data.weighted(grid, weights)), weights)
    # an axis of size 1: that factor is independent and uniform
    weights = np.array([[0.0, 1.0, 3.0]])[..., None]
    assert agrees(drawn(data.weighted(grid, weights)), weights)


def test_a_ridge_has_its_width(grid):
    found = drawn(data.varied(grid, "correlated(a,c,.2)"))
    table = ridge(0, 2, 4, 5, 0.2)
    assert agrees(found, table)
    assert not agrees(found, ridge(0, 2, 4, 5, 0.3))
    falling = drawn(data.varied(grid, "anticorrelated(a,c,.2)"))
    assert agrees(falling, table[:, :, ::-1])


def test_a_confounder_goes_with_all_others(grid):
    found = drawn(data.varied(grid, "confounded(b,.3)"))
    assert agrees(found, ridge(0, 1, 4, 3, 0.3) * ridge(1, 2, 3, 5, 0.3))


def test_both_images_of_a_pair_have_the_correlations(grid):
    image_set = data.varied(grid, "correlated(a,c,.2)")
    sampler = data.pairs(image_set, 20_000, num_changed=1)
    sample = jax.jit(sampler.sample)
    batch = sample(image_set, jax.random.key(0), 3, sampler.args)
    for side in "xy":
        assert agrees(np.asarray(batch[f"factors_{side}"]), ridge(0, 2, 4, 5, 0.2))
    differ = np.asarray(batch["factors_x"] != batch["factors_y"])
    assert not differ[~np.asarray(batch["changed"])].any()
    assert differ.any(axis=0).all()
    for side in "xy":
        images = grid.images(batch[f"factors_{side}"])
        np.testing.assert_array_equal(batch[side], images)


def test_a_changed_factor_differs_where_it_can(grid):
    weights = np.ones(SIZES)
    weights[0, 1:] = 0  # with a = 0, b has one value
    image_set = data.weighted(grid, weights)
    sampler = data.pairs(image_set, 500, num_changed=1, must_differ=True)
    sample = jax.jit(sampler.sample)
    batch = sample(image_set, jax.random.key(0), 0, sampler.args)
    x, y, changed = (
        np.asarray(batch[k]) for k in ("factors_x", "factors_y", "changed")
    )
    stuck = changed[:, 1] & (x[:, 0] == 0)
    assert stuck.any()
    np.testing.assert_array_equal((x != y)[~stuck], changed[~stuck])
    np.testing.assert_array_equal(x[stuck], y[stuck])


def test_images_are_those_of_their_factors(grid):
    image_set = data.varied(grid, "correlated(a,b,.1)")
    sampler = data.images(image_set, 64)
    sample = jax.jit(sampler.sample)
    batch = sample(image_set, jax.random.key(1), 5, sampler.args)
    np.testing.assert_array_equal(batch["image"], grid.images(batch["factors"]))


def test_scores_read_the_draw_and_not_the_grid(grid):
    from dis_jax.probing.labelled_codes import draw_samples

    image_set = data.varied(grid, "correlated(a,c,.1)")
    encode = lambda images: images.reshape(len(images), -1)
    found = draw_samples(encode, image_set, jax.random.key(0), 3000, 1000)
    assert found.data is None
    a, _, c = found.factors.T
    assert np.corrcoef(a, c)[0, 1] > 0.9
    with pytest.raises(ValueError, match="samples its factors jointly"):
        image_set.images(np.zeros((1, 3), int))


def test_the_public_settings_name_factors_of_their_sets():
    for name, settings in data.CORRELATIONS.items():
        if name in ("dsprites", "shapes3d"):
            image_set = data.load(f"rendered_{name}")
            for setting in settings:
                ridges = read_ridges(image_set, "correlated", [setting, ".1"])
                assert data.correlated(image_set, ridges).draw_fn is not None


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("correlated(a,d,.1)", "has no factor 'd'"),
        ("correlated(a,b,0)", "expected a number above 0"),
        ("correlated(a,a,.1)", "with itself"),
        ("correlated(a,b)", "has no setting 'a'"),
        ("correlated(a,b,wide)", "width is 'wide'"),
        ("confounded(a,b,.1)", r"of the form confounded\(factor,width\)"),
    ],
)
def test_a_word_that_does_not_fit_is_named(grid, word, message):
    with pytest.raises(ValueError, match=message):
        data.varied(grid, word)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), "have shape"),
        (-np.ones(SIZES), "at least 0"),
        (np.zeros(SIZES), "not all 0"),
        (np.full(SIZES, np.nan), "finite"),
    ],
)
def test_weights_that_are_none_are_refused(grid, weights, message):
    with pytest.raises(ValueError, match=message):
        data.weighted(grid, weights)


def test_epochs_and_weights_exclude_each_other(grid):
    image_set = data.varied(grid, "correlated(a,b,.1)")
    with pytest.raises(ValueError, match="with replacement"):
        data.images(image_set, 8, order="epoch")
    with pytest.raises(ValueError, match="not a full grid"):
        data.varied(image_set, "correlated(a,c,.1)")
