import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from dis_jax.evaluation import mig


def plain_mig(codes, factors, bins):
    """The definition in loops."""
    gaps = []
    for v in factors.T:
        informations = []
        for z in codes.T:
            edges = np.histogram(z, bins)[1]
            informations.append(mutual_info_score(v, np.digitize(z, edges[:-1])))
        best, second = sorted(informations, reverse=True)[:2]
        gaps.append((best - second) / mutual_info_score(v, v))
    return np.mean(gaps)


@pytest.mark.parametrize(
    ("kind", "score"),
    [
        ("perfect", 1.0),
        ("permuted", 1.0),
        ("redundant", 0.0),
        ("merged", 1.0),  # MIG ignores that one dimension encodes two factors
        ("constant", 0.0),
    ],
)
def test_score_of_known_codes(known, kind, score):
    assert mig(*known(kind)).score == pytest.approx(score, abs=1e-12)


def test_a_missing_factor_costs_its_share(known):
    result = mig(*known("missing", copies=100))
    np.testing.assert_allclose(result.per_factor[:2], 1, atol=0.03)
    assert result.per_factor[2] < 0.02
    assert result.score == pytest.approx(2 / 3, abs=0.03)


def test_rotation_and_noise_score_low(known):
    assert mig(*known("rotated")).score < 0.5
    assert mig(*known("noise", copies=100)).score < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_definition(random_codes, seed):
    codes, factors = random_codes(seed=seed)
    expected = plain_mig(codes, factors, 20)
    assert mig(codes, factors).score == pytest.approx(expected, abs=1e-12)
    expected = plain_mig(codes, factors, 7)
    assert mig(codes, factors, bins=7).score == pytest.approx(expected, abs=1e-12)


def test_order_scale_and_labels_do_not_matter(random_codes):
    codes, factors = random_codes()
    expected = mig(codes, factors).score
    moved = codes[:, [2, 0, 3, 1]] * np.array([4.0, -0.5, -2.0, 8.0])
    assert mig(moved, factors).score == pytest.approx(expected, abs=1e-12)
    assert mig(codes, 10 - 3 * factors).score == pytest.approx(expected, abs=1e-12)


def test_twenty_bins_cannot_tell_forty_values_apart():
    # A perfect code of dSprites' factors does not reach 1: its bins merge values.
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, s, 10_000) for s in (3, 6, 40, 32, 32)], axis=1)
    result = mig(factors, factors)
    np.testing.assert_allclose(result.per_factor[:2], 1, atol=0.01)
    assert result.per_factor[2] < 0.85
    assert mig(factors, factors, bins=200).score > 0.93


def test_one_dimension_has_nothing_to_be_compared_with(known):
    codes, factors = known("perfect")
    assert mig(codes[:, :1], factors).per_factor[0] == pytest.approx(1)


def test_accepts_jax_arrays_and_reports_shapes(known):
    codes, factors = known("perfect")
    result = mig(jnp.asarray(codes), jnp.asarray(factors))
    assert isinstance(result.score, float)
    assert result.mutual_information.shape == (3, 3)
    assert result.score == pytest.approx(1, abs=1e-6)
