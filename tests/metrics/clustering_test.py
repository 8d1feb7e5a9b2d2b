import itertools

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from dis_jax.evaluation import average_entropy, clustering, prior_rmse


def plain_accuracy(assignment, labels):
    n = max(assignment.max(), labels.max()) + 1
    return max(
        np.mean(np.array(p)[assignment] == labels)
        for p in itertools.permutations(range(n))
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_definitions(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, 200)
    assignment = np.where(
        rng.random(200) < 0.6, (labels + 2) % 5, rng.integers(0, 5, 200)
    )
    found = clustering(assignment, labels)
    assert found.accuracy == pytest.approx(plain_accuracy(assignment, labels))
    for kind in ("arithmetic", "geometric"):
        expected = normalized_mutual_info_score(labels, assignment, average_method=kind)
        assert getattr(found, f"nmi_{kind}") == pytest.approx(expected, abs=1e-12)
    assert found.confusion.sum() == 200


def test_perfect_and_useless_clusters():
    labels = np.repeat(np.arange(10), 20)
    perfect = clustering((labels + 3) % 10, labels)
    assert perfect[:4] == pytest.approx((1, 1, 1, 0), abs=1e-12)
    useless = clustering(np.tile(np.arange(10), 20), labels)
    assert useless.accuracy == pytest.approx(0.1)
    assert useless.nmi_arithmetic == pytest.approx(0, abs=1e-12)
    assert useless.average_entropy == pytest.approx(np.log(10))


def test_one_cluster_has_no_information_and_nothing_is_nan():
    labels = np.repeat(np.arange(4), 5)
    found = clustering(np.zeros(20, int), labels, num_clusters=4)
    assert found.nmi_arithmetic == 0
    assert found.nmi_geometric == 0
    assert found.accuracy == 0.25
    # One row is even, three are empty and count as even; each column has one entry.
    assert found.average_entropy == pytest.approx(np.log(4) / 2)
    both = clustering(np.zeros(3, int), np.zeros(3, int))
    assert (both.nmi_arithmetic, both.nmi_geometric, both.accuracy) == (1, 1, 1)
    # digits of MNIST's test set, whose shares add up to 1 + 2e-16
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    labels = np.repeat(np.arange(10), counts)
    found = clustering(np.zeros(10_000, int), labels, num_clusters=10)
    assert (found.nmi_arithmetic, found.nmi_geometric) == (0, 0)


def test_more_clusters_than_labels():
    found = clustering([0, 1, 2, 2], [0, 0, 1, 1])
    assert found.accuracy == 0.75
    assert found.confusion.tolist() == [[1, 0], [1, 0], [0, 2]]


def test_average_entropy_by_hand():
    # Rows: log 2, 0. Columns: (2/3, 1/3) has .6365, (1, 0) has 0.
    third = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    found = average_entropy([[2, 2], [1, 0]])
    assert found == pytest.approx((np.log(2) + 0 + third + 0) / 4)
    assert average_entropy([[3, 0], [4, 0]]) == pytest.approx(
        (0 + 0 - 3 / 7 * np.log(3 / 7) - 4 / 7 * np.log(4 / 7) + np.log(2)) / 4
    )


def test_prior_is_compared_after_matching():
    prior, truth = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.5, 0.3])
    shifted = np.roll(np.eye(3), 1, axis=1) * 9 + 1  # cluster c is label c + 1
    found = prior_rmse(prior, truth, shifted)
    assert found.label_of_cluster.tolist() == [1, 2, 0]
    assert found.rmse == pytest.approx(0)
    straight = prior_rmse(prior, truth, np.eye(3))
    assert straight.mse == pytest.approx((0.09 + 0.04 + 0.01) / 3)
    assert straight.rmse == pytest.approx(np.sqrt(straight.mse))
    assert straight.rmse_sorted == pytest.approx(0)


def test_uniform_prior_by_hand():
    truth = np.array([0.4, 0.3, 0.2, 0.1])
    found = prior_rmse(np.full(4, 0.25), truth, np.eye(4))
    assert found.rmse == pytest.approx(np.sqrt(0.0125))
    assert found.rmse_sorted == pytest.approx(found.rmse)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"found \(2,\) and \(3,\)"):
        clustering([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="take the argmax"):
        clustering([[0.1, 0.9]], [1])
    with pytest.raises(ValueError, match="assignment must lie in 0 to 2, found 0 to 3"):
        clustering([0, 3], [0, 1], num_clusters=3)
    with pytest.raises(ValueError, match=r"found -1 to 1; drop the rows that are unk"):
        clustering([0, 1], [-1, 1])
    with pytest.raises(ValueError, match="truth must be probabilities"):
        prior_rmse([0.5, 0.5], [0.7, 0.7], np.eye(2))
    with pytest.raises(ValueError, match=r"found \(2,\), \(2,\), \(3, 3\)"):
        prior_rmse([0.5, 0.5], [0.5, 0.5], np.eye(3))
    with pytest.raises(ValueError, match="finite values from 0"):
        average_entropy([[1, -1]])
