import numpy as np
import pytest

from dis_jax.evaluation import irs


def plain_irs(codes, factors, quantile, bins):
    scores, weights = [], []
    for z in codes.T:
        largest = max(abs(z - z.mean()))
        if largest == 0:
            continue
        rows = []
        for v in factors.T:
            edges = np.histogram(v, bins)[1][:-1]
            groups = np.digitize(v, edges)
            distances = []
            for g in set(groups):
                inside = z[groups == g]
                distances.append(np.quantile(abs(inside - inside.mean()), quantile))
            rows.append(1 - np.mean(distances) / largest)
        scores.append(max(rows))
        weights.append(largest)
    return np.sum(np.multiply(scores, weights)) / np.sum(weights)


@pytest.mark.parametrize(("quantile", "bins"), [(0.99, 20), (1.0, 4)])
def test_equals_the_definition(random_codes, quantile, bins):
    codes, factors = random_codes()
    found = irs(codes, factors, quantile=quantile, bins=bins)
    expected = plain_irs(codes, factors, quantile, bins)
    assert found.score == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("kind", "score"),
    [("perfect", 1), ("permuted", 1), ("redundant", 1), ("constant", 0)],
)
def test_score_of_known_codes(known, kind, score):
    assert irs(*known(kind, copies=2)).score == pytest.approx(score, abs=1e-12)


def test_merged_by_hand():
    # z = v + 2 w of two bits differs from its mean by up to 1.5; with w fixed by up to .5,
    # with v fixed by up to 1.
    factors = np.indices((2, 2)).reshape(2, -1).T
    codes = factors @ np.array([[1.0], [2.0]])
    found = irs(codes, factors, quantile=1)
    np.testing.assert_allclose(found.matrix, [[1 - 1 / 1.5, 1 - 0.5 / 1.5]])
    assert found.score == pytest.approx(2 / 3)


def test_outliers_of_a_value_may_put_it_below_zero():
    # 98 zeros and 2 ones of the first value, and of the second the other way round
    factor = np.repeat([0, 1], 100)
    code = factor.astype(float)
    code[:2], code[-2:] = 1, 0
    # within a value, 2 % deviate by .98; from the overall mean, all deviate by .5
    found = irs(code[:, None], factor[:, None])
    assert found.score == pytest.approx(1 - 0.98 / 0.5, abs=0.01)


def test_rotation_and_noise_score_lower(known):
    perfect = irs(*known("perfect", copies=2)).score
    assert irs(*known("rotated", copies=2)).score < perfect - 0.2
    assert irs(*known("noise", copies=100), quantile=1).score < 0.2


def test_a_missing_factor_goes_unnoticed_but_for_its_noise(known):
    found = irs(*known("missing", copies=20))
    np.testing.assert_allclose(found.matrix.max(axis=1)[:2], 1, atol=1e-12)
    assert found.matrix[2].max() < 0.5


def test_constant_dimensions_have_no_weight(known):
    codes, factors = known("perfect", copies=2)
    codes = np.concatenate([codes, np.ones_like(codes[:, :1])], axis=1)
    found = irs(codes, factors)
    assert found.score == pytest.approx(1)
    assert found.matrix[3].tolist() == [0, 0, 0]


def test_order_and_sign_do_not_matter(random_codes):
    codes, factors = random_codes()
    found = irs(-2 * codes[:, ::-1], factors)
    assert found.score == pytest.approx(irs(codes, factors).score, abs=1e-12)


def test_quantile_must_be_a_share(known):
    with pytest.raises(ValueError, match=r"quantile must be in \[0, 1\], found 99"):
        irs(*known("perfect", copies=1), quantile=99)


def test_labels_may_be_any_numbers():
    factors = np.indices((3, 4)).reshape(2, -1).T
    names = np.array([7, 100, -5])  # of the values of the first factor
    spelt = np.stack([names[factors[:, 0]], factors[:, 1]], axis=1)
    for codes in (factors, factors @ np.array([[1.0, 0.5], [0.0, 1.0]])):
        assert irs(codes, spelt).score == irs(codes, factors).score
