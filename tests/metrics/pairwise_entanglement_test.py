"""Pairwise entanglement: the threshold at which two factors separate."""

import numpy as np
import pytest

from dis_jax import evaluation


def test_a_dimension_for_each_factor_entangles_none():
    np.testing.assert_array_equal(
        evaluation.pairwise_entanglement(np.eye(3)), np.eye(3)
    )


def test_a_path_is_as_strong_as_its_weakest_edge():
    # dimension 0 encodes factors 0 and 1, dimension 1 factors 1 and 2
    importance = np.array([[1.0, 0.6, 0.0], [0.0, 0.4, 1.0]])
    found = evaluation.pairwise_entanglement(importance)
    wanted = [[1, 0.6, 0.4], [0.6, 1, 0.4], [0.4, 0.4, 1]]
    np.testing.assert_allclose(found, wanted)


def test_it_is_what_thresholds_say():
    """By connected components of the thresholded graph, at every threshold."""
    from scipy.sparse.csgraph import connected_components

    importance = np.random.default_rng(0).uniform(size=(6, 4)) ** 4
    share = importance / importance.sum(0)
    found = evaluation.pairwise_entanglement(importance)
    for threshold in np.linspace(0.01, 0.9, 30):
        graph = np.zeros((10, 10))
        graph[:4, 4:] = (share > threshold).T
        label = connected_components(graph, directed=False)[1][:4]
        np.testing.assert_array_equal(label[:, None] == label, found > threshold)


def test_scales_of_factors_do_not_count_and_a_factor_that_nothing_predicts_is_apart():
    importance = np.array([[2.0, 0.03, 0.0], [2.0, 0.07, 0.0]])
    found = evaluation.pairwise_entanglement(importance)
    np.testing.assert_allclose(found, [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [[-1.0]], [[np.nan]]])
def test_what_is_no_importance_is_refused(wrong):
    with pytest.raises(ValueError, match="must be a matrix"):
        evaluation.pairwise_entanglement(wrong)
