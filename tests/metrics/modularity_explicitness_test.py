import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from dis_jax.evaluation import modularity_explicitness
from dis_jax.metrics.modularity_explicitness import _mean_auc


def plain_modularity(codes, factors, bins=20):
    scores = []
    for z in codes.T:
        binned = np.digitize(z, np.histogram(z, bins)[1][:-1])
        m = np.array([mutual_info_score(v, binned) for v in factors.T])
        best = m.argmax()
        if m[best] == 0:
            scores.append(0.0)
            continue
        template = np.zeros_like(m)
        template[best] = m[best]
        scores.append(1 - np.sum((m - template) ** 2) / (m[best] ** 2 * (len(m) - 1)))
    return np.mean(scores)


def plain_explicitness(codes, factors, test_codes, test_factors):
    mean, std = codes.mean(axis=0), codes.std(axis=0)
    areas = []
    for k in range(factors.shape[1]):
        model = LogisticRegression().fit((codes - mean) / std, factors[:, k])
        scores = model.predict_proba((test_codes - mean) / std)
        hits = test_factors[:, [k]] == model.classes_
        areas.append(roc_auc_score(hits, scores))
    return np.mean(areas)


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_definition(random_codes, seed):
    train, test = random_codes(seed=seed), random_codes(n=300, seed=seed + 10)
    found = modularity_explicitness(*train, *test)
    assert found.modularity == pytest.approx(plain_modularity(*train), abs=1e-10)
    expected = plain_explicitness(*train, *test)
    assert found.explicitness_test == pytest.approx(expected, abs=1e-9)
    expected = plain_explicitness(*train, *train)
    assert found.explicitness_train == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "modularity"),
    [
        ("perfect", 1.0),
        ("permuted", 1.0),
        ("redundant", 1.0),  # modularity ignores redundancy
        ("constant", 0.0),
    ],
)
def test_modularity_of_known_codes(known, kind, modularity):
    codes, factors = known(kind, copies=2)
    found = modularity_explicitness(codes, factors, codes, factors)
    assert found.modularity == pytest.approx(modularity, abs=1e-12)
    if kind == "constant":
        assert found.explicitness_test == pytest.approx(0.5)


def test_modularity_of_a_merged_dimension_by_hand(known):
    # Its information about the factors is log 3 and log 4: 1 - (log 3 / log 4)^2 / 2.
    codes, factors = known("merged", copies=2)
    found = modularity_explicitness(codes, factors, codes, factors)
    merged = 1 - (np.log(3) / np.log(4)) ** 2 / 2
    np.testing.assert_allclose(found.per_dim, [merged, 1], atol=1e-12)


def test_dead_dimensions_count(known):
    codes, factors = known("perfect", copies=2)
    codes = np.concatenate([codes, np.zeros_like(codes[:, :1])], axis=1)
    found = modularity_explicitness(codes, factors, codes, factors)
    assert found.modularity == pytest.approx(3 / 4)


def test_rotation_lowers_modularity_and_keeps_explicitness(known):
    perfect, rotated = known("perfect", copies=2), known("rotated", copies=2)
    a = modularity_explicitness(*perfect, *perfect)
    b = modularity_explicitness(*rotated, *rotated)
    assert b.modularity < 0.9 * a.modularity
    assert b.explicitness_test == pytest.approx(a.explicitness_test, abs=0.02)
    noise, other = known("noise", copies=40), known("noise", copies=40, seed=1)
    found = modularity_explicitness(*noise, *other)
    assert found.explicitness_test == pytest.approx(0.5, abs=0.03)


def test_a_missing_factor_is_not_explicit(known):
    missing = known("missing", copies=20)
    found = modularity_explicitness(*missing, *missing)
    whole = known("perfect", copies=20)
    best = modularity_explicitness(*whole, *whole)
    assert found.explicitness_test < best.explicitness_test - 0.1


def test_area_under_the_curve_by_hand():
    # Class 1 outranks class 0 in 3 of 4 pairs, with one tie: 3.5 / 4 over both classes.
    scores = np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    labels = np.array([0, 0, 1, 1])
    assert _mean_auc(scores, labels, np.array([0, 1])) == pytest.approx(3.5 / 4)
    # A class absent from the part has no curve; a part of one class has none at all.
    three = np.c_[scores, np.zeros(4)]
    assert _mean_auc(three, labels, np.array([0, 1, 5])) == pytest.approx(3.5 / 4)
    # Rows of a class absent from training are not negatives of any class.
    more, unknown = np.r_[scores, [[0.9, 0.9]]], np.r_[labels, 7]
    assert _mean_auc(more, unknown, np.array([0, 1])) == pytest.approx(3.5 / 4)
    assert np.isnan(_mean_auc(scores, np.zeros(4, int), np.array([0, 1])))


def test_order_scale_and_sign_do_not_matter(random_codes):
    train, test = random_codes(), random_codes(seed=5)
    expected = modularity_explicitness(*train, *test)
    move = lambda z: z[:, [2, 0, 3, 1]] * np.array([4.0, -0.5, -2.0, 8.0])
    found = modularity_explicitness(
        move(train.codes), train.factors, move(test.codes), test.factors
    )
    assert found.modularity == pytest.approx(expected.modularity, abs=1e-9)
    assert found.explicitness_test == pytest.approx(
        expected.explicitness_test, abs=1e-3
    )


def test_a_single_factor_cannot_be_mixed(known):
    codes, factors = known("perfect", copies=2)
    found = modularity_explicitness(
        codes[:, :1], factors[:, :1], codes[:, :1], factors[:, :1]
    )
    assert np.isnan(found.modularity)
    assert list(found.left_out) == ["modularity"]
