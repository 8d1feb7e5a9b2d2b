"""Codes of known structure, whose regions are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, evaluation

REGIONS = 3
KEY = jax.random.key(0)


@functools.partial(jax.jit, static_argnums=2)
def draw(key, moving, batch):
    """ "Images" of three numbers, one per region; moving ones differ within a batch."""
    base, other = jax.random.normal(key, (2, batch, REGIONS))
    return jnp.where(jnp.asarray(moving), other, base[:1])


ONE = np.eye(REGIONS, dtype=bool)
SCENES = evaluation.Scenes(
    ("a", "b", "c"),
    lambda key, region, batch: draw(key, ONE[region], batch),
    lambda key, region, batch: draw(key, ~ONE[region], batch),
    lambda key, batch: draw(key, np.ones(REGIONS, bool), batch),
)
# orthogonal; each row has the squares 1/9, 4/9, 4/9 in some order
ROTATED = np.eye(3) - 2 / 3


def score(encode, scenes=SCENES, **settings):
    settings = {"num_groups": 20, "num_variance": 500} | settings
    # encoders in NumPy, which compiles nothing
    of_arrays = lambda images: encode(np.asarray(images))
    return evaluation.mask_variance(of_arrays, scenes, KEY, **settings)


def test_a_code_along_the_axes_is_perfect_and_constants_are_ignored():
    found = score(lambda x: np.c_[0 * x + 7, 3 * x[:, ::-1]])
    assert found.concentration == pytest.approx(1)
    assert found.invariance == 1
    assert found.active.tolist() == [False] * 3 + [True] * 3
    assert (found.variances[:, :3] == 0).all()
    assert found.chance_concentration == pytest.approx(1 / 3)
    np.testing.assert_array_equal(found.votes[3:], 10 * np.eye(3)[::-1])


def test_a_rotated_code_scores_lower():
    found = score(lambda x: x @ ROTATED)
    assert found.concentration == pytest.approx(4 / 9, abs=0.05)
    assert found.invariance < 0.9  # two dimensions vary equally little


def test_noise_is_at_the_chance_level():
    """The encoder ignores the image, so all dimensions vary equally."""
    rng = np.random.default_rng(0)
    found = score(lambda x: rng.normal(size=(len(x), 8)), num_groups=200)
    assert found.chance_concentration == 1 / 8
    assert found.concentration == pytest.approx(1 / 8, abs=0.02)
    assert found.invariance == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 300))


def test_without_an_active_dimension_all_is_0():
    found = score(lambda x: 0 * x)
    assert (found.concentration, found.invariance) == (0, 0)


# With key 42, a glyph of the first eight boards is hidden.
@pytest.mark.parametrize("seed", [0, 42])
def test_boards_of_a_group_share_all_glyphs_but_those_that_move(seed):
    scenes = evaluation.factor_scenes(data.load("rendered_nar"))
    key = jax.random.key(seed)
    altered, held = (
        (np.asarray(draw(key, 1, 4))[:, 2:62, 2:62, 0] < 1).reshape(-1, 3, 20, 3, 20)
        for draw in (scenes.altered, scenes.held)
    )
    for ink in (altered, held):  # none is covered: three glyphs on every board
        shown = ink.any((2, 4))
        assert shown.sum((1, 2)).tolist() == [3] * 4
    # a cell that one glyph leaves or enters changes; those of the others do not
    still = lambda ink: (ink == ink[:1]).all((0, 2, 4)) & ink[0].any((1, 3))
    assert still(altered).sum() >= 2
    assert still(held).sum() >= 1
    assert (altered != altered[:1]).any()
    assert (held != held[:1]).any()


def test_a_code_of_region_colours_is_perfect_on_scenes():
    scenes = data.custom_shapes3d(side=16)
    hues = np.array([1.0, 0.3, 0.1])
    corners = lambda x: np.stack(
        [np.asarray(x)[:, y, i] @ hues for y, i in ((15, 1), (6, 1), (10, 8))], axis=1
    )
    small = {"num_groups": 2, "batch_size": 4, "num_variance": 64}
    found = evaluation.evaluate(
        *(corners, scenes, KEY, "mask_variance"),
        **{"num_train": 8, "num_test": 4, "baselines": "all"},
        settings={"mask_variance": small},
    )["metrics"]["mask_variance"]
    assert found["result"]["concentration"] == pytest.approx(1, abs=1e-3)
    assert found["result"]["invariance"] == 1
    # with images of other scenes, every colour changes in each group
    assert found["baselines"]["chance"]["concentration"] < 0.7


def test_recoloured_regions_change_and_all_else_stays():
    images = np.random.default_rng(0).uniform(0.3, 0.7, (4, 6, 6, 3))
    masks = np.zeros((4, 2, 6, 6), bool)
    masks[:, 0, :3], masks[:, 1, 3:5] = True, True  # the last row is in neither
    scenes = evaluation.recoloured_scenes(images, lambda x: masks, ("up", "down"))
    altered, held = (np.asarray(f(KEY, 0, 5)) for f in (scenes.altered, scenes.held))
    for group, rows in ((altered, slice(0, 3)), (held, slice(3, 5))):
        spread = np.ptp(group, axis=0).max(-1)
        assert (spread[rows] > 0).all()
        still = np.delete(spread, np.r_[rows], axis=0)
        np.testing.assert_array_equal(still, 0)
    means = lambda x: np.stack([x[:, :3].mean((1, 2, 3)), x[:, 3:5].mean((1, 2, 3))], 1)
    assert score(means, scenes, min_std=0.001).concentration == pytest.approx(1)


def test_photographs_are_segmented_by_a_function_of_the_user_s(data_dir):
    pytest.importorskip("skimage")
    coil = data.load("coil100", data_dir)
    images = np.asarray(coil.take(np.arange(0, 1400, 140))[0])
    masks = evaluation.foreground_masks(images)
    object_, background = masks[:, 0], masks[:, 1]
    np.testing.assert_array_equal(object_, ~background)
    assert (object_.mean((1, 2)) > 0.05).all()
    brightness = images.max(-1)
    assert brightness[object_].mean() > 3 * brightness[background].mean()
    scenes = evaluation.recoloured_scenes(
        images, evaluation.foreground_masks, ("object", "background")
    )
    # the middle shows the object, a corner the background
    code = lambda x: np.stack([x[:, 32, 32].mean(-1), x[:, 0, 0].mean(-1)], axis=1)
    found = score(code, scenes, num_groups=6, min_std=0.001)
    assert found.concentration > 0.99


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match=r"1 region\(s\).*sprite; expected at least 2"):
        score(lambda x: x, data.load("rendered_dsprites"))
    with pytest.raises(ValueError, match="num_groups must be at least 2, found 1"):
        score(lambda x: x, num_groups=1)
    images = np.zeros((2, 4, 4, 1))
    with pytest.raises(ValueError, match="masks overlap"):
        evaluation.recoloured_scenes(images, np.ones((2, 2, 4, 4), bool))
    with pytest.raises(ValueError, match=r"masks have shape \(2, 4, 4\); expected"):
        evaluation.recoloured_scenes(images, np.ones((2, 4, 4), bool))
    plain = data.from_arrays(np.zeros((2, 4, 4, 1), np.uint8), name="x")
    with pytest.raises(ValueError, match="'x' has no masks; `recoloured_scenes`"):
        evaluation.factor_scenes(plain)
