"""JEMMIG and DCIMIG of codes whose information is known."""

import numpy as np
import pytest

from dis_jax.evaluation import dcimig, jemmig

H = np.log([3, 4, 5])  # of the factors of the known codes
NOTHING = 1 - np.mean(H / (H + np.log(20)))  # JEMMIG of a code without information


@pytest.mark.parametrize(
    ("kind", "of_jemmig", "of_dcimig"),
    [
        ("perfect", 1.0, 1.0),
        ("permuted", 1.0, 1.0),
        ("constant", NOTHING, 0.0),
        # a factor in two dimensions: no gap for JEMMIG, no loss for DCIMIG
        ("redundant", NOTHING, 1.0),
        # two factors in one dimension: the smaller one belongs to no dimension
        (
            "merged",
            1 - (H[1] / (H[0] + np.log(20)) + H[0] / (H[1] + np.log(20))) / 3,
            (H[1] - H[0] + H[2]) / H.sum(),
        ),
    ],
)
def test_score_of_known_codes(known, kind, of_jemmig, of_dcimig):
    codes, factors = known(kind)
    assert jemmig(codes, factors).score == pytest.approx(of_jemmig, abs=1e-9)
    assert dcimig(codes, factors).score == pytest.approx(of_dcimig, abs=1e-9)


def test_noise_and_rotation_score_low(known):
    assert dcimig(*known("noise", copies=100)).score < 0.02
    assert jemmig(*known("noise", copies=100)).score < NOTHING
    assert dcimig(*known("rotated")).score < 0.5
    assert jemmig(*known("rotated")).score < 0.6


def test_jemmig_in_nats_by_hand(known):
    found = jemmig(*known("merged"))
    np.testing.assert_allclose(found.nats, [H[1], H[0], 0], atol=1e-9)
    assert found.best_dim.tolist() == [0, 0, 1]
    assert dcimig(*known("merged")).factor_of.tolist() == [1, 2]


def test_order_scale_and_labels_do_not_matter(random_codes):
    codes, factors = random_codes()
    moved = codes[:, [2, 0, 3, 1]] * np.array([4.0, -0.5, -2.0, 8.0])
    for score in (jemmig, dcimig):
        expected = score(codes, factors).score
        assert score(moved, factors).score == pytest.approx(expected, abs=1e-12)
        assert score(codes, 9 - 3 * factors).score == pytest.approx(expected, abs=1e-12)


def test_one_dimension_and_one_factor(known):
    codes, factors = known("perfect")
    assert jemmig(codes[:, :1], factors[:, :1]).score == pytest.approx(1)
    assert dcimig(codes[:, :1], factors[:, :1]).score == pytest.approx(1)
