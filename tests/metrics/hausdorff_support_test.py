"""Distances of supports that are known in closed form."""

import numpy as np
import pytest

from dis_jax.evaluation import evaluate_codes, hausdorff_support

LINE = np.linspace(0, 1, 101)


def grid(points):
    return np.stack(np.meshgrid(points, points), axis=-1).reshape(-1, 2)


def test_a_full_grid_is_factorised():
    found = hausdorff_support(grid(np.arange(7)) * [1, 100] - 3)
    assert found.score == 0
    assert 0 < found.factorised < 0.5  # random pairs miss some combinations


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (np.stack([LINE, -3 * LINE + 1], axis=1), np.sqrt(0.5)),  # to the diagonal
        (np.array([[0, 0], [1, 1]]), 1),  # from a corner to a corner
        # An empty quarter of the square: its corner is half a side from the rest.
        (np.array([p for p in grid(LINE) if min(p) <= 0.5]), 0.5),
    ],
)
def test_distance_of_known_supports(codes, expected):
    found = hausdorff_support(codes, rows=20_000)
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.pairwise[0, 1] == found.pairwise[1, 0] == found.score


def test_a_uniform_square_has_gaps_of_its_sample():
    # Two of 16 x 16 cells would have to be empty for a distance above their diagonal:
    # of 2,000 rows that has a probability below 256 (1 - 1/256)^2000 = 0.1.
    codes = np.random.default_rng(0).uniform(size=(2000, 2))
    found = hausdorff_support(codes)
    assert found.score < np.sqrt(2) / 16
    assert found.factorised == pytest.approx(found.score, abs=0.03)
    # Correlated, but all combinations occur: only the shape of the support counts.
    codes[:1000, 1] = codes[:1000, 0]
    assert hausdorff_support(codes).score < 2 * np.sqrt(2) / 16


def test_blocks_find_what_all_combinations_give():
    codes = np.random.default_rng(1).normal(size=(40, 3)) @ np.diag([1, 2, 3])
    codes[:, 2] += codes[:, 0]
    unit = (codes - codes.min(axis=0)) / np.ptp(codes, axis=0)
    found = hausdorff_support(codes)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        corners = np.stack(np.meshgrid(unit[:, i], unit[:, j]), axis=-1)
        apart = np.linalg.norm(corners[:, :, None] - unit[:, [i, j]], axis=-1)
        assert found.pairwise[i, j] == pytest.approx(apart.min(axis=-1).max())


def test_constant_dimensions_and_single_ones_are_named():
    codes = np.stack([LINE, LINE, 0 * LINE], axis=1)
    found = hausdorff_support(codes)
    assert found.score == pytest.approx(np.sqrt(0.5))
    assert np.isnan(found.pairwise[2]).all()
    assert found.left_out == {"dimension 2": "constant"}
    assert np.isnan(hausdorff_support(codes[:, :1]).score)
    with pytest.raises(ValueError, match="rows must be at least 2"):
        hausdorff_support(codes, rows=1)


def test_no_labels_are_needed():
    factors = np.zeros((101, 1), int)  # does not vary
    found = evaluate_codes(np.stack([LINE, LINE], 1), factors, 0, "hausdorff_support")
    score = found["metrics"]["hausdorff_support"]["result"]["score"]
    assert score == pytest.approx(np.sqrt(0.5), abs=0.01)
