import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from dis_jax.evaluation import sap
from dis_jax.probing.linear_svm import fit_svms


def objective(params, x, sign, weight, c):
    w, b = params
    hinge = np.maximum(0, 1 - sign * (w * x + b))
    return (w * w + b * b) / 2 + c * np.sum(weight * hinge**2)


@pytest.mark.parametrize("classes", [2, 5])
def test_machines_are_at_the_minimum_of_their_objective(classes):
    rng = np.random.default_rng(classes)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, 200)])
    x = np.stack([y + rng.normal(size=len(y)), 3 - 5 * rng.normal(size=len(y))], axis=1)
    slopes, intercepts = fit_svms(x, y, classes, c=0.01)
    counts = np.bincount(y)
    for d in range(2):
        for k in range(classes):
            balanced = len(y) / (classes * counts)
            others = balanced[1 - k] if classes == 2 else 1.0
            weight = np.where(y == k, balanced[k], others)
            sign = np.where(y == k, 1.0, -1.0)
            args = (x[:, d], sign, weight, 0.01)
            best = minimize(objective, [0, 0], args, tol=1e-12)
            found = objective((slopes[d, k], intercepts[d, k]), *args)
            assert found <= best.fun * (1 + 1e-9)


def test_machines_survive_constant_and_huge_columns():
    y = np.tile([0, 1, 2], 20)
    x = np.stack([np.full(60, 3.0), 1e6 * y, 1e-9 * y], axis=1)
    slopes, intercepts = fit_svms(x, y, 3, c=0.01)
    assert np.isfinite(slopes).all()
    assert np.isfinite(intercepts).all()
    order = np.random.default_rng(0).permutation(60)
    again = fit_svms(x[order], y[order], 3, c=0.01)
    np.testing.assert_allclose(again, (slopes, intercepts), rtol=1e-6, atol=1e-12)


def plain_sap(codes, factors, test_codes, test_factors):
    """The definition in loops, with scikit-learn's machine."""
    matrix = np.zeros((codes.shape[1], factors.shape[1]))
    for d in range(codes.shape[1]):
        for k in range(factors.shape[1]):
            model = LinearSVC(C=0.01, class_weight="balanced")
            model.fit(codes[:, [d]], factors[:, k])
            matrix[d, k] = model.score(test_codes[:, [d]], test_factors[:, k])
    ranked = np.sort(matrix, axis=0)
    return np.mean(ranked[-1] - ranked[-2]), matrix


def test_a_factor_s_values_need_not_count_from_zero(random_codes):
    codes, factors = random_codes()
    plain, renamed = (sap(codes, f, codes, f) for f in (factors, 3 * factors + 2))
    np.testing.assert_array_equal(plain.matrix, renamed.matrix)


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_definition(random_codes, seed):
    split = (*random_codes(seed=seed), *random_codes(n=1000, seed=seed + 10))
    found = sap(*split)
    score, matrix = plain_sap(*split)
    np.testing.assert_allclose(found.matrix, matrix, atol=1e-3)
    assert found.score == pytest.approx(score, abs=1e-3)


def test_score_of_known_codes(known):
    # A one-against-rest linear SVM finds the two end values of a factor, and at most one
    # of those between: a perfect code of two values gets the full score.
    codes, factors = known("perfect", copies=20, sizes=(2, 2))
    result = sap(codes, factors, codes, factors)
    np.testing.assert_allclose(result.matrix, [[1, 0.5], [0.5, 1]], atol=1e-12)
    # a guess of one of two values is right in half of the cases
    assert result.score == pytest.approx(0.5)
    redundant = known("redundant", copies=20, sizes=(2, 2))
    assert sap(*redundant, *redundant).score == pytest.approx(0, abs=1e-12)
    constant = known("constant", copies=20)
    assert sap(*constant, *constant).score == 0


def test_missing_and_noise_score_low(known):
    perfect = known("perfect", copies=20)
    whole = sap(*perfect, *perfect)
    missing = known("missing", copies=20)
    part = sap(*missing, *missing)
    np.testing.assert_allclose(part.per_factor[:2], whole.per_factor[:2], atol=0.1)
    assert part.per_factor[2] < 0.1
    noise = known("noise", copies=100)
    other = known("noise", copies=100, seed=1)
    assert sap(*noise, *other).score < 0.02


def test_order_and_sign_do_not_matter(random_codes):
    codes, factors = random_codes()
    test = random_codes(seed=7)
    flips = np.array([1, -1, -1, 1])
    order = [2, 0, 3, 1]
    moved = sap(
        (codes * flips)[:, order], factors, (test.codes * flips)[:, order], test.factors
    )
    expected = sap(codes, factors, *test)
    np.testing.assert_allclose(moved.matrix, expected.matrix[order], atol=1e-12)


def test_one_dimension_has_no_gap(known):
    codes, factors = known("perfect", copies=1)
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        sap(codes[:, :1], factors, codes[:, :1], factors)


def test_a_constant_dimension_chooses_at_random_whatever_the_names_of_the_labels():
    rng = np.random.default_rng(0)
    label = (rng.random(600) < 0.25).astype(int)
    codes = np.c_[label + 0.6 * rng.normal(size=600), np.zeros(600)]
    for names in (label, 1 - label):
        found = sap(codes, names[:, None], codes, names[:, None])
        assert found.matrix[1, 0] == 0.5
        assert found.score == pytest.approx(found.matrix[0, 0] - 0.5)
