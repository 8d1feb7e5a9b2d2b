import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from dis_jax.probing.histogram_information import (
    entropies,
    histogram_bins,
    mutual_information_matrix,
    relabel,
)


def official_bins(column, bins):
    """disentanglement_lib's discretisation, from its description."""
    return np.digitize(column, np.histogram(column, bins)[1][:-1]) - 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bins_are_those_of_a_histogram(dtype):
    rng = np.random.default_rng(0)
    # Multiples of a tenth fall on edges, where rounding decides.
    z = np.concatenate(
        [rng.normal(size=(500, 3)), rng.integers(0, 21, (500, 2)) / 10], 1
    )
    z = z.astype(dtype)
    expected = np.stack([official_bins(column, 20) for column in z.T], axis=1)
    np.testing.assert_array_equal(histogram_bins(z, 20), expected)


def test_constant_and_very_narrow_columns_have_bins():
    narrow = np.float32(1000) + np.array([0, 0, 1, 1]) * np.spacing(np.float32(1000))
    z = np.stack([np.full(4, 3.0), narrow.astype(np.float32)], axis=1).astype(
        np.float32
    )
    found = histogram_bins(z, 20)
    assert len(np.unique(found[:, 0])) == 1
    np.testing.assert_array_equal(found[:, 1], [0, 0, 1, 1])


def test_bins_must_be_positive():
    with pytest.raises(ValueError, match="bins must be at least 1, found 0"):
        histogram_bins(np.zeros((3, 1)), 0)


def test_matrix_equals_scikit_learn_on_random_labels():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (300, 3)), rng.integers(0, 4, (300, 2))
    b[:, 0] = a[:, 0] // 2
    expected = [[mutual_info_score(x, y) for y in b.T] for x in a.T]
    np.testing.assert_allclose(mutual_information_matrix(a, b), expected, atol=1e-12)


def test_entropy_and_information_by_hand():
    a = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_allclose(entropies(a), [np.log(2), np.log(2)])
    np.testing.assert_allclose(
        mutual_information_matrix(a, a), np.log(2) * np.eye(2), atol=1e-15
    )


def test_relabel_keeps_order_and_closes_gaps():
    np.testing.assert_array_equal(
        relabel(np.array([[7, -1], [3, 5], [7, -1]])), [[1, 0], [0, 1], [1, 0]]
    )
