import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score

from dis_jax.evaluation import infomec
from dis_jax.probing.neighbour_information import neighbour_information


@pytest.mark.parametrize(("neighbours", "seed"), [(10, 0), (3, 4)])
def test_information_equals_scikit_learn(random_codes, neighbours, seed):
    codes, factors = random_codes(n=500)
    codes[:100, 1] = 0.5  # ties
    factors[0, 1] = 9  # a label that occurs once
    for z, v in zip(codes.T, factors.T, strict=False):
        expected = mutual_info_classif(
            z[:, None],
            v,
            discrete_features=False,
            n_neighbors=neighbours,
            random_state=seed,
        )[0]
        found = neighbour_information(z, v, neighbours=neighbours, seed=seed)
        assert found == pytest.approx(expected, abs=1e-9)


def test_information_of_a_label_that_shifts_a_gaussian():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 4000)
    apart = neighbour_information(
        10.0 * y + rng.normal(size=4000), y, neighbours=5, seed=0
    )
    assert apart == pytest.approx(np.log(2), abs=0.02)
    alike = neighbour_information(rng.normal(size=4000), y, neighbours=5, seed=0)
    assert alike == pytest.approx(0, abs=0.03)


def plain_infomec(codes, factors):
    """The authors' definition, in loops over scikit-learn."""
    z = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    n = np.zeros((z.shape[1], factors.shape[1]))
    saved = []
    for k, v in enumerate(factors.T):
        for j in range(z.shape[1]):
            n[j, k] = mutual_info_classif(z[:, [j]], v, n_neighbors=10, random_state=0)[
                0
            ]
        n[:, k] /= mutual_info_score(v, v)
        model = LogisticRegression(C=np.inf, class_weight="balanced").fit(z, v)
        null = LogisticRegression(C=np.inf, class_weight="balanced").fit(0 * z, v)
        entropy = log_loss(v, null.predict_proba(0 * z))
        saved.append((entropy - log_loss(v, model.predict_proba(z))) / entropy)
    ranges = np.ptp(codes, axis=0)
    n = n[ranges > ranges.max() / 20]
    share = lambda m, axis: np.mean(m.max(axis=axis) / m.sum(axis=axis))
    scale = lambda value, number: (value - 1 / number) / (1 - 1 / number)
    return (
        scale(share(n, 1), factors.shape[1]),
        np.mean(saved),
        scale(share(n, 0), len(n)),
    )


def test_equals_the_definition(random_codes):
    codes, factors = random_codes(n=300)
    codes = np.concatenate([codes, 0.01 * codes[:, :1]], axis=1)
    found = infomec(codes, factors)
    np.testing.assert_allclose(found[:3], plain_infomec(codes, factors), atol=1e-6)
    assert found.active.tolist() == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("kind", "modularity", "compactness"),
    [("perfect", 1, 1), ("permuted", 1, 1), ("redundant", 1, 0.4), ("constant", 0, 0)],
)
def test_score_of_known_codes(known, kind, modularity, compactness):
    # Redundant: each factor prefers one of two of six: (1/2 - 1/6) / (1 - 1/6) = .4.
    found = infomec(*known(kind, copies=2), discrete=True)
    assert found.modularity == pytest.approx(modularity, abs=1e-9)
    assert found.compactness == pytest.approx(compactness, abs=1e-9)
    # A linear model separates one-hot codes: it explains all of the entropy.
    assert found.explicitness == pytest.approx(0 if kind == "constant" else 1, abs=0.01)


def test_merged_dimension_by_hand(known):
    # It encodes two of three factors fully: share 1/2, (1/2 - 1/3) / (1 - 1/3) = 1/4.
    found = infomec(*known("merged", copies=2), discrete=True)
    assert found.modularity == pytest.approx((1 / 4 + 1) / 2, abs=1e-9)
    assert found.compactness == pytest.approx(1, abs=1e-9)


def test_missing_rotated_and_noise_codes(known):
    missing = infomec(*known("missing", copies=20))
    assert missing.information[:, 2].max() < 0.1
    rotated = infomec(*known("rotated", copies=4))
    assert rotated.modularity < 0.8
    noise = infomec(*known("noise", copies=20))
    assert noise.explicitness < 0.02
    assert noise.information.max() < 0.1


def test_one_factor_or_one_dimension_cannot_be_mixed(known):
    codes, factors = known("perfect", copies=2)
    found = infomec(codes, factors[:, :1], discrete=True)
    assert np.isnan(found.modularity)
    assert list(found.left_out) == ["modularity"]
    found = infomec(codes[:, :1], factors, discrete=True)
    assert np.isnan(found.compactness)
    assert list(found.left_out) == ["compactness"]


def test_order_scale_and_sign_do_not_matter(random_codes):
    codes, factors = random_codes(n=200)
    expected = infomec(codes, factors)
    found = infomec(-3 * codes[:, ::-1], factors)
    np.testing.assert_allclose(found[:3], expected[:3], atol=5e-3)
