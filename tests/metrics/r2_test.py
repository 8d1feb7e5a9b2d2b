import numpy as np
import pytest

from dis_jax.evaluation import r2


@pytest.fixture(scope="module")
def gaussians():
    return np.random.default_rng(0).normal(size=(2000, 3))


def test_an_affine_map_scores_1_and_its_dimensions_alone_what_is_left(gaussians):
    c, s = np.cos(0.5), np.sin(0.5)
    codes = gaussians[:, :2] @ [[c, -s], [s, c]] * 7 + 3
    found = r2(codes, gaussians[:, :2])
    assert found.score == pytest.approx(1, abs=1e-9)
    assert found.matched == pytest.approx(c**2, abs=0.03)  # squared correlation
    assert found.matching.tolist() == [0, 1]


def test_noise_is_subtracted(gaussians):
    noisy = gaussians + 0.5 * np.random.default_rng(1).normal(size=(2000, 3))
    assert r2(noisy, gaussians).score == pytest.approx(1 / 1.25, abs=0.02)


def test_noise_alone_scores_at_most_0(gaussians):
    codes = np.random.default_rng(1).normal(size=(2000, 3))
    assert -0.02 < r2(codes, gaussians).score < 0.005
    assert r2(np.ones((2000, 2)), gaussians).score == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("model", ["mlp", "gbt", "kernel"])
def test_a_spiral_is_read_by_models_that_bend(model):
    turns = np.random.default_rng(0).uniform(1, 4, 2000)
    codes = turns[:, None] * np.stack([np.cos(4 * turns), np.sin(4 * turns)], axis=1)
    assert r2(codes, turns[:, None]).score < 0.2
    assert r2(codes, turns[:, None], model=model).score > 0.9


@pytest.mark.parametrize("model", ["linear", "mlp", "gbt", "kernel"])
def test_a_target_that_is_constant_in_a_half_is_predicted_there(model):
    rng = np.random.default_rng(0)
    factors = np.c_[rng.normal(size=400), np.zeros(400)]
    factors[7, 1] = 1  # one half of the rows has only zeros
    codes = factors[:, :1] + 0.01 * rng.normal(size=(400, 2))
    found = r2(codes, factors, kinds=["continuous", "ordered"], model=model)
    assert found.per_factor[0] > 0.9
    assert found.per_factor[1] < 0.1


def test_an_angle_is_predicted_as_cosine_and_sine():
    angle = np.random.default_rng(0).uniform(0, 40, 2000)
    radians = 2 * np.pi * angle / 40
    both = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    found = r2(both, angle[:, None], kinds=[("circular", 40)])
    assert found.score == pytest.approx(1)
    assert found.matched == pytest.approx(0.5, abs=0.03)  # one of two coordinates
    # a line cannot follow the wrap: corr^2 is 6 / pi^2 for the sine, 0 for the cosine
    itself = r2(angle[:, None], angle[:, None], kinds=[("circular", 40)])
    assert itself.score == pytest.approx(3 / np.pi**2, abs=0.02)


def test_blocks_are_scored_each_by_itself(gaussians):
    found = r2(gaussians, gaussians, blocks={"content": [0, 1], "style": [2]})
    np.testing.assert_allclose(found.blocks["content"], [1, 1, 0], atol=0.02)
    np.testing.assert_allclose(found.blocks["style"], [0, 0, 1], atol=0.02)
    with pytest.raises(
        ValueError, match=r"block 'style' is \[3\]; expected dimensions"
    ):
        r2(gaussians, gaussians, blocks={"style": [3]})


def test_scale_and_mean_do_not_matter(gaussians):
    noisy = gaussians + 0.5 * np.random.default_rng(1).normal(size=(2000, 3))
    expected = r2(noisy, gaussians).per_factor
    for scale in (1e-30, 1e19):
        found = r2(scale * (noisy + 1e4), gaussians / scale)
        np.testing.assert_allclose(found.per_factor, expected, atol=1e-6)


def test_categories_take_no_part(gaussians):
    found = r2(gaussians, gaussians, kinds=["continuous", "categorical", "ordered"])
    assert found.score == pytest.approx(1)
    assert np.isnan(found.per_factor[1])
    assert list(found.left_out) == ["factor 1"]


def test_an_unknown_model_is_named(gaussians):
    with pytest.raises(ValueError, match=r"model must be one of .* found 'svm'"):
        r2(gaussians, gaussians, model="svm")
