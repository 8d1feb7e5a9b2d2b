import numpy as np
import pytest

from dis_jax.evaluation import mcc


@pytest.fixture(scope="module")
def gaussians():
    return np.random.default_rng(0).normal(size=(4000, 3))


def rotation(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def test_permuted_factors_of_other_signs_and_scales_score_1(gaussians):
    codes = gaussians[:, [2, 0, 1]] * [-3.0, 1e-9, 1e9] + [0, 5, -7]
    found = mcc(codes, gaussians)
    assert found.score == pytest.approx(1, abs=1e-9)
    assert found.matching.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.per_factor, 1)


@pytest.mark.parametrize("degrees", [0, 20, 45])
def test_a_rotation_has_the_cosine_of_its_angle(gaussians, degrees):
    found = mcc(gaussians[:, :2] @ rotation(degrees), gaussians[:, :2])
    assert found.score == pytest.approx(np.cos(np.radians(degrees)), abs=0.02)
    affine = mcc(
        gaussians[:, :2] @ rotation(degrees), gaussians[:, :2], transform="linear"
    )
    assert affine.score == pytest.approx(1, abs=1e-9)


def test_monotone_functions_score_1_by_ranks(gaussians):
    codes = np.stack([np.exp(3 * gaussians[:, 0]), -(gaussians[:, 1] ** 3)], axis=1)
    assert mcc(codes, gaussians[:, :2], correlation="spearman").score == pytest.approx(
        1
    )
    assert mcc(codes, gaussians[:, :2]).score < 0.9


def test_noise_scores_more_where_the_best_match_is_chosen_on_the_same_rows():
    rng = np.random.default_rng(0)
    held_out, chosen = [], []
    for _ in range(40):
        codes, factors = rng.normal(size=(100, 10)), rng.normal(size=(100, 3))
        held_out.append(mcc(codes, factors).score)
        chosen.append(mcc(codes, factors, held_out=False).score)
    # E|r| of n rows of noise is sqrt(2 / (pi (n - 1)))
    assert np.mean(held_out) == pytest.approx(np.sqrt(2 / (np.pi * 49)), abs=0.01)
    assert np.mean(chosen) > np.mean(held_out) + 0.04


def test_a_kernel_unbends_what_a_line_cannot(gaussians):
    bent = np.stack([gaussians[:, 0] + gaussians[:, 1], gaussians[:, 0] ** 3], axis=1)
    rows = gaussians[:1500]
    linear, kernel = (
        mcc(bent[:1500], rows[:, :2], transform=name).score
        for name in ("linear", "kernel")
    )
    assert linear < 0.93 < 0.95 < kernel


def test_a_factor_without_a_dimension_counts_0_and_is_named(gaussians):
    found = mcc(gaussians[:, :2], gaussians)
    assert found.per_factor[2] == 0
    assert found.score == pytest.approx(2 / 3)
    assert "factor 2" in found.left_out


def test_an_angle_is_one_factor():
    angle = np.random.default_rng(0).uniform(0, 360, 4000)
    radians = np.radians(angle)
    kinds = [("circular", 360.0)]
    both = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    assert mcc(both, angle[:, None], kinds=kinds).score == pytest.approx(1)
    turned = mcc(both @ rotation(30), angle[:, None] + 90, kinds=kinds)
    assert turned.score == pytest.approx(1)
    # Of the angle itself: corr with sine is -sqrt(6) / pi, with cosine 0.
    itself = mcc(angle[:, None], angle[:, None], kinds=kinds).score
    assert itself == pytest.approx(np.sqrt(6) / np.pi, abs=0.01)
    assert itself == pytest.approx(
        mcc(angle[:, None] - 180, angle[:, None], kinds=kinds).score
    )


@pytest.mark.parametrize("values", [(0, 180), (0, 90), (30, 210), (10, 11)])
def test_an_angle_of_two_values_is_one_column(values):
    angle = np.random.default_rng(0).choice(values, 400).astype(float)
    codes = np.c_[angle == values[0], np.random.default_rng(1).normal(size=400)]
    found = mcc(codes, angle[:, None], kinds=[("circular", 360)])
    assert found.score == pytest.approx(1)
    noise = mcc(codes[:, 1:], angle[:, None], kinds=[("circular", 360)])
    assert noise.score < 0.2


def test_categories_take_no_part(gaussians):
    factors = np.c_[gaussians[:, :2], np.arange(4000) % 3]
    found = mcc(gaussians, factors, kinds=["continuous", "ordered", "categorical"])
    assert found.score == pytest.approx(1)
    assert np.isnan(found.per_factor[2])
    assert found.left_out["factor 2"] == "categorical: its values have no order"
    with pytest.raises(ValueError, match="all factors are categorical"):
        mcc(gaussians, factors[:, 2:], kinds=["categorical"])


def test_constant_codes_score_0(gaussians):
    found = mcc(np.full((4000, 3), 0.1), gaussians)
    assert found.score == 0
    assert found.left_out["dimensions 0, 1, 2"] == "constant"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"correlation": "kendall"}, "correlation must be one of"),
        ({"transform": "cubic"}, "found 'pearson' and 'cubic'"),
        ({"kinds": ["ordered"]}, r"one kind per factor \(3\), found 1"),
    ],
)
def test_mistakes_are_named(gaussians, change, message):
    with pytest.raises(ValueError, match=message):
        mcc(gaussians, gaussians, **change)


def test_bad_rows_are_named(gaussians):
    with pytest.raises(ValueError, match="at least 8 rows, found 7"):
        mcc(gaussians[:7], gaussians[:7])
    with pytest.raises(ValueError, match=r"factors must have one row per code \(9\)"):
        mcc(gaussians[:9], gaussians[:8])
    with pytest.raises(ValueError, match=r"factor 0 is 1\.0 in all rows"):
        mcc(gaussians, np.ones((4000, 1)))
    bad = gaussians.copy()
    bad[5, 1] = np.nan
    with pytest.raises(ValueError, match="factors must be finite, found nan at row 5"):
        mcc(gaussians, bad)


def test_a_factor_that_is_constant_in_a_half_is_left_out():
    rng = np.random.default_rng(0)
    factors = np.c_[np.zeros(200), rng.normal(size=200)]
    factors[7, 0] = 1
    codes = factors + 0.01 * rng.normal(size=(200, 2))
    kinds = ["ordered", "continuous"]
    whole = mcc(codes, factors, kinds=kinds, held_out=False)
    assert whole.per_factor[0] > 0.98
    assert not whole.left_out
    found = mcc(codes, factors, kinds=kinds)
    assert np.isnan(found.per_factor[0])
    assert found.score == pytest.approx(found.per_factor[1])
    assert found.left_out["factor 0"].startswith("constant in half of the rows")
    assert np.isnan(mcc(codes, factors[:, :1], kinds=["ordered"]).score)
