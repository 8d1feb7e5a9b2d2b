import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics import mutual_info_score

from dis_jax.evaluation import gaussian_correlation


def correlated(rho, scale=(1.0, 1.0)):
    """Four-fold sample whose covariance (ddof 1) is exactly of correlation rho."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 2))
    z = z - z.mean(axis=0)
    z = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T
    root = np.linalg.cholesky(np.array([[1, rho], [rho, 1]]))
    return z @ root.T * np.array(scale)


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9])
def test_total_correlation_of_two_gaussians(rho):
    found = gaussian_correlation(correlated(rho, (1, 7)))
    expected = -0.5 * np.log(1 - rho**2)
    assert found.total_correlation == pytest.approx(expected, abs=1e-9)


def test_wasserstein_of_two_unit_gaussians():
    # The root of [[1, r], [r, 1]] has the trace sqrt(1 + r) + sqrt(1 - r).
    found = gaussian_correlation(correlated(0.6))
    expected = 4 - 2 * (np.sqrt(1.6) + np.sqrt(0.4))
    assert found.wasserstein == pytest.approx(expected, abs=1e-9)
    assert found.wasserstein_normalised == pytest.approx(expected / 2, abs=1e-9)


def test_equals_the_definition(random_codes):
    codes, _ = random_codes()
    s = np.cov(codes, rowvar=False)
    found = gaussian_correlation(codes, bins=10)
    expected = 0.5 * (np.log(np.diag(s)).sum() - np.log(np.linalg.det(s)))
    assert found.total_correlation == pytest.approx(expected, abs=1e-9)
    expected = 2 * np.trace(s) - 2 * np.trace(sqrtm(s * np.diag(s)[:, None]).real)  # pyright: ignore[reportAttributeAccessIssue]
    assert found.wasserstein == pytest.approx(expected, abs=1e-9)
    binned = [np.digitize(z, np.histogram(z, 10)[1][:-1]) for z in codes.T]
    pairs = [mutual_info_score(a, b) for a in binned for b in binned if a is not b]
    assert found.mutual_info == pytest.approx(np.mean(pairs), abs=1e-10)


def test_corners_are_never_nan(known):
    codes, _ = known("redundant", copies=2)
    found = gaussian_correlation(codes)
    assert found.total_correlation == np.inf
    assert found.wasserstein_normalised == pytest.approx(2 - np.sqrt(2), abs=1e-6)
    codes, _ = known("constant", copies=1)
    assert gaussian_correlation(codes)[:4] == (0, 0, 0, 0)
    assert gaussian_correlation(np.arange(5.0)[:, None])[:4] == (0, 0, 0, 0)


def test_independent_codes_score_zero_and_dead_dimensions_take_no_part(known):
    codes, _ = known("perfect", copies=2)
    found = gaussian_correlation(codes)
    np.testing.assert_allclose(found[:4], 0, atol=1e-9)
    dead = gaussian_correlation(np.pad(codes, ((0, 0), (0, 2))))
    np.testing.assert_allclose(dead[:4], 0, atol=1e-9)


def test_dead_dimensions_count_in_the_mean_of_mutual_information_alone(random_codes):
    codes, _ = random_codes()
    latent = codes.shape[1]
    found = gaussian_correlation(codes)
    assert found.mutual_info > 0.01
    dead = gaussian_correlation(np.pad(codes, ((0, 0), (0, 2))))
    assert dead[:3] == pytest.approx(found[:3])
    pairs = latent * (latent - 1), (latent + 2) * (latent + 1)
    assert dead.mutual_info == pytest.approx(found.mutual_info * pairs[0] / pairs[1])


def test_rotation_and_scale(random_codes):
    codes, _ = random_codes()
    found, scaled = (
        gaussian_correlation(codes),
        gaussian_correlation(-3 * codes[:, ::-1]),
    )
    assert scaled.total_correlation == pytest.approx(found.total_correlation, abs=1e-9)
    assert scaled.wasserstein == pytest.approx(9 * found.wasserstein, abs=1e-8)
    assert scaled.mutual_info == pytest.approx(found.mutual_info, abs=1e-9)
