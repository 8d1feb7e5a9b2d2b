import warnings

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier

from dis_jax.evaluation import dci
from dis_jax.metrics.dci import _concentration
from dis_jax.probing.boosted_trees import lightgbm_trees, sklearn_trees


def plain_scores(importance):
    """disentanglement_lib's D and C of an importance matrix, from the definition."""
    latents, factors = importance.shape
    d = [1 - entropy(row + 1e-11, base=factors) for row in importance]
    c = [1 - entropy(column + 1e-11, base=latents) for column in importance.T]
    return (
        np.sum(np.array(d) * importance.sum(axis=1)) / importance.sum(),
        np.sum(np.array(c) * importance.sum(axis=0)) / importance.sum(),
    )


def test_concentration_by_hand():
    # Rows (1, 0), (0, 1) encode one factor each, (.5, .5) both equally.
    importance = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    assert _concentration(importance) == pytest.approx(2 / 3, abs=1e-9)
    assert _concentration(np.eye(3)) == pytest.approx(1, abs=1e-9)
    assert _concentration(np.ones((4, 3))) == pytest.approx(0, abs=1e-12)
    assert _concentration(np.zeros((4, 3))) == pytest.approx(0, abs=1e-12)
    assert np.isnan(_concentration(np.ones((4, 1))))  # 1 whatever the importance


def test_equals_the_original_to_the_last_digit(random_codes):
    train, test = random_codes(n=150), random_codes(n=100, seed=1)
    found = dci(*train, *test, seed=3)
    importance, accuracy = [], []
    for k in range(3):
        model = GradientBoostingClassifier(random_state=3)
        model.fit(train.codes, train.factors[:, k])
        importance.append(np.abs(model.feature_importances_))
        accuracy.append(model.score(test.codes, test.factors[:, k]))
    np.testing.assert_array_equal(found.importance, np.stack(importance, axis=1))
    np.testing.assert_array_equal(found.test_accuracy, accuracy)
    expected = plain_scores(found.importance)
    assert (found.disentanglement, found.completeness) == pytest.approx(
        expected, abs=1e-12
    )


@pytest.mark.parametrize(
    ("trees", "kind", "disentanglement", "completeness"),
    [
        ("sklearn", "permuted", 1, 1),
        ("sklearn", "constant", 0, 0),
        ("lightgbm", "perfect", 1, 1),
        ("lightgbm", "permuted", 1, 1),
        ("lightgbm", "redundant", 1, None),
        ("lightgbm", "merged", None, 1),
        ("lightgbm", "constant", 0, 0),
    ],
)
def test_score_of_known_codes(known, trees, kind, disentanglement, completeness):
    codes, factors = known(kind, copies=2)
    found = dci(codes, factors, codes, factors, trees=trees)
    if disentanglement is not None:
        assert found.disentanglement == pytest.approx(disentanglement, abs=1e-3)
    if completeness is not None:
        assert found.completeness == pytest.approx(completeness, abs=1e-3)
    if kind == "redundant":  # a factor is spread over two of six dimensions at most
        assert 1 - np.log(2) / np.log(6) - 1e-6 <= found.completeness <= 1
    if kind == "merged":  # half of the importance is in a dimension of two factors
        assert 0.4 < found.disentanglement < 0.9
    assert found.informativeness_train == pytest.approx(
        np.mean([1 / 3, 1 / 4, 1 / 5]) if kind == "constant" else 1, abs=1e-9
    )


def test_rotated_and_noise_codes_score_low(known):
    rotated = known("rotated", copies=4)
    assert dci(*rotated, *rotated, trees="lightgbm").disentanglement < 0.6
    noise = known("noise", copies=20)
    assert dci(*noise, *noise, trees="lightgbm").disentanglement < 0.05


@pytest.mark.parametrize("labels", [2, 4])
def test_lightgbm_grows_the_same_trees_where_bins_hold_every_value(labels):
    # 120 distinct values fit into the bins: nothing is lost but the order of ties.
    rng = np.random.default_rng(0)
    y = rng.integers(0, labels, 120)
    x = np.stack([y + rng.normal(size=120), rng.normal(size=120)], axis=1)
    x_test = rng.normal(size=(50, 2)) + 1
    exact = sklearn_trees(x, y, x_test, 0)
    fast = lightgbm_trees(x, y, x_test, 0)
    np.testing.assert_allclose(fast.importance, exact.importance, atol=0.02)
    assert np.mean(fast.train == exact.train) > 0.98
    assert np.mean(fast.test == exact.test) > 0.9


def test_lightgbm_keeps_labels_that_are_no_indices():
    y = np.array([7, -3] * 30)
    x = np.stack([y + 0.0, np.zeros(60)], axis=1)
    found = lightgbm_trees(x, y, x[:4], 0)
    np.testing.assert_array_equal(found.test, y[:4])
    np.testing.assert_allclose(found.importance, [1, 0])


def test_order_scale_and_monotone_maps_do_not_matter(random_codes):
    train, test = random_codes(n=250), random_codes(n=100, seed=1)
    expected = dci(*train, *test, trees="lightgbm")
    move = lambda z: np.exp(z / 2)[:, [1, 3, 0, 2]] * np.array([1, 5, 0.1, 2])
    found = dci(
        *(move(train.codes), train.factors, move(test.codes), test.factors),
        trees="lightgbm",
    )
    np.testing.assert_allclose(
        found.importance, expected.importance[[1, 3, 0, 2]], atol=0.02
    )
    assert found.disentanglement == pytest.approx(expected.disentanglement, abs=0.02)


def test_the_seed_makes_it_repeatable(random_codes):
    train = random_codes(n=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a, b = (dci(*train, *train, seed=1, trees="lightgbm") for _ in range(2))
    np.testing.assert_array_equal(a.importance, b.importance)


def test_unknown_trees_are_named(known):
    codes, factors = known("perfect", copies=1)
    with pytest.raises(ValueError, match=r"trees must be one of .* found 'xgboost'"):
        dci(codes, factors, codes, factors, trees="xgboost")


def test_trees_of_ones_own_take_their_place(random_codes):
    train, test = random_codes(n=100), random_codes(n=50, seed=1)
    own = dci(*train, *test, trees=lightgbm_trees)
    named = dci(*train, *test, trees="lightgbm")
    np.testing.assert_array_equal(own.importance, named.importance)
    coarse = lambda *arguments: lightgbm_trees(*arguments, max_bin=3)
    other = dci(*train, *test, trees=coarse)
    assert np.abs(other.importance - named.importance).max() > 0.01
