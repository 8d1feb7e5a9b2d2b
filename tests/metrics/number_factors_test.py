"""Metrics of labels on numeric factors: the rule of each metric for them."""

import numpy as np
import pytest

from dis_jax.evaluation import (
    dci,
    dcimig,
    evaluate_codes,
    infomec,
    mig,
    modularity_explicitness,
    sap,
)
from dis_jax.probing.neighbour_information import number_information

KINDS = ("continuous", ("circular", 360.0))


@pytest.fixture(scope="module")
def numbers():
    """A normal factor and an angle; of each a noisy code, the angle's in two columns."""
    rng = np.random.default_rng(0)
    value, angle = rng.normal(size=600), rng.uniform(0, 360, 600)
    radians = np.radians(angle)
    codes = np.stack([value, np.cos(radians), np.sin(radians)], axis=1)
    codes[:, 0] += 0.5 * rng.normal(size=600)
    return codes, np.stack([value, angle], axis=1)


def test_sap_of_numbers_is_the_gap_of_squared_correlations(numbers):
    codes, factors = numbers
    found = sap(codes, factors, codes, factors, kinds=KINDS)
    expected = np.corrcoef(codes.T, factors[:, 0])[:3, 3] ** 2
    np.testing.assert_allclose(found.matrix[:, 0], expected, atol=1e-12)
    # each of the angle's two coordinates has half of their variance
    np.testing.assert_allclose(found.matrix[1:, 1], 0.5, atol=0.05)
    # only an SVM depends on the scale
    tiny = sap(1e-9 * codes, factors, codes, factors, kinds=KINDS)
    np.testing.assert_allclose(tiny.matrix, found.matrix, atol=1e-9)


def test_sap_reads_labels_and_numbers_each_by_its_rule(numbers):
    codes, factors = numbers
    labels = (codes[:, 1] > 0).astype(int)
    mixed = np.stack([factors[:, 0], labels], axis=1)
    found = sap(codes, mixed, codes, mixed, kinds=("continuous", "categorical"))
    alone = sap(codes, labels[:, None], codes, labels[:, None])
    np.testing.assert_array_equal(found.matrix[:, 1], alone.matrix[:, 0])


@pytest.mark.parametrize("trees", ["sklearn", "lightgbm"])
def test_dci_of_numbers_has_regressors(numbers, trees):
    codes, factors = numbers
    parts = codes[:400], factors[:400], codes[400:], factors[400:]
    found = dci(*parts, kinds=KINDS, trees=trees)
    assert found.importance[0, 0] > 0.8
    # cosine and sine share the angle
    np.testing.assert_allclose(found.importance[1:, 1], 0.5, atol=0.1)
    assert found.test_accuracy[1] > 0.98
    assert found.test_accuracy[0] == pytest.approx(1 / 1.25, abs=0.1)  # R2


def test_infomec_of_numbers_is_in_units_of_their_own_information(numbers):
    codes, factors = numbers
    found = infomec(codes, factors, kinds=KINDS)
    own = number_information(factors[:, 0], factors[:, 0], neighbours=10, seed=0)
    z = (codes[:, 0] - codes[:, 0].mean()) / codes[:, 0].std()
    expected = number_information(z, factors[:, 0], neighbours=10, seed=0) / own
    assert found.information[0, 0] == pytest.approx(expected)
    # R2 of a linear model: 1 / 1.25 for the noisy number, 1 for the angle
    assert found.explicitness == pytest.approx((1 / 1.25 + 1) / 2, abs=0.02)
    same = infomec(factors[:, :1], factors[:, :1], kinds=KINDS[:1])
    assert same.information[0, 0] == pytest.approx(1, abs=0.01)


def test_mig_without_bins_is_the_squared_correlation_of_gaussians():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3000, 2))
    codes = factors + np.array([0.5, 1.0]) * rng.normal(size=factors.shape)
    # with one dimension, the gap is to 0
    for k, expected in enumerate([1 / 1.25, 1 / 2]):
        one = [k]
        found = mig(
            codes[:, one], factors[:, one], information="ksg", kinds=("continuous",)
        )
        assert found.score == pytest.approx(expected, abs=0.03)
    labels = rng.integers(0, 4, (3000, 1))
    of_labels = mig(
        *(np.c_[labels + 0.01 * rng.normal(size=labels.shape), codes], labels),
        information="ksg",
    )
    assert of_labels.score == pytest.approx(1, abs=0.03)
    with pytest.raises(ValueError, match=r"information must be one of .* found 'knn'"):
        mig(codes, labels, information="knn")


def test_an_angle_s_two_coordinates_leave_no_gap(numbers):
    codes, factors = numbers
    found = mig(codes, factors, information="ksg", kinds=KINDS)
    assert found.per_factor[1] < 0.05  # cosine and sine encode it equally


def test_dcimig_without_bins_is_the_gap_between_squared_correlations():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3000, 2))
    codes = factors @ np.array([[0.8, 0.0], [0.6, 1.0]])
    # The factors explain .64 and .36 of the variance of the first dimension; the second
    # dimension is the second factor.
    kinds = ("continuous",) * 2
    found = dcimig(codes, factors, information="ksg", neighbours=20, kinds=kinds)
    np.testing.assert_allclose(found.per_factor, [0.64 - 0.36, 1], atol=0.05)
    assert found.factor_of.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"information must be one of .* found 'knn'"):
        dcimig(codes, factors, information="knn")


def test_modularity_without_bins_is_a_ratio_of_nats():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(3000, 2))
    codes = factors @ np.array([[0.8, 0.0], [0.6, 1.0]]) + [0, 0.1] * rng.normal(
        size=(3000, 2)
    )
    kinds = ("continuous",) * 2
    split = codes, factors, codes[:50], factors[:50]
    found = modularity_explicitness(
        *split, information="ksg", neighbours=20, kinds=kinds
    )
    # I = -log(1 - rho^2) / 2 of Gaussians
    first = 1 - (np.log(1 - 0.36) / np.log(1 - 0.64)) ** 2
    np.testing.assert_allclose(found.per_dim, [first, 1], atol=0.04)
    assert np.isnan(found.explicitness_test)
    assert set(found.left_out) == {
        *("factor 0", "factor 1", "explicitness_train", "explicitness_test")
    }


def test_explicitness_is_that_of_labels_beside_numbers(numbers):
    codes, factors = numbers
    labels = (codes[:, 1] > 0).astype(int)
    mixed = np.stack([factors[:, 0], labels], axis=1)
    kinds = ("continuous", "categorical")
    found = modularity_explicitness(
        *(codes, mixed, codes, mixed), information="ksg", kinds=kinds
    )
    alone = modularity_explicitness(*(codes, labels[:, None]) * 2)
    assert found.explicitness_test == alone.explicitness_test
    assert list(found.left_out) == ["factor 0"]


def test_kinds_reach_the_metrics_from_evaluate_codes(numbers):
    codes, factors = numbers
    names = ["sap", "mig_ksg", "infomec"]
    result = evaluate_codes(codes, factors, 0, names, kinds=KINDS, baselines="none")
    for name in names:
        assert result["metrics"][name]["settings"]["kinds"] == [
            "continuous",
            ["circular", 360.0],
        ]
    expected = mig(codes, factors, information="ksg", kinds=KINDS).score
    assert result["metrics"]["mig_ksg"]["result"]["score"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("factors", "kinds", "message"),
    [
        (np.ones((60, 1)), ("continuous",), "factor 0 is 1 in all rows"),
        (np.arange(60.0)[:, None] % 3, ("ordered",) * 2, r"one kind per factor \(1\)"),
        (np.linspace(0, 1, 60)[:, None], ("ordered",), "must contain whole numbers"),
    ],
)
def test_mistakes_are_named(factors, kinds, message):
    codes = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(ValueError, match=message):
        sap(codes, factors, codes, factors, kinds=kinds)
    with pytest.raises(ValueError, match=message):
        infomec(codes, factors, kinds=kinds)
