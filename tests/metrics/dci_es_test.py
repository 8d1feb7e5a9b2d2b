"""Explicitness of curves known by hand, and of codes whose probes are known."""

import numpy as np
import pytest

from dis_jax.evaluation import dci_es
from dis_jax.probing.capacity_probes import Probes, forest_probes

FACTORS = np.arange(100)[:, None] % 2


def family(capacities, losses):
    """Probes with the given error rates on a factor of two equally frequent values."""

    def fit(codes, target, test_codes, seed):
        del codes, test_codes, seed
        wrong = [np.arange(100) < round(100 * loss) for loss in losses]
        return Probes(np.array(capacities, float), np.abs(target - np.array(wrong)))

    return fit


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0, 0, 0], 1),  # the smallest probe is perfect
        ([0.2, 0.2, 0.2], 1),  # or as good as the largest
        ([0.5, 0.375, 0], 0),  # on the line from the baseline to 0
        ([0.5, 0.5, 0], -0.25),  # only the largest predicts the factor
        # a larger probe that does worse does not count
        ([0.2, 0.1, 0.3], 1 - 0.1 * 1 / (4 * 0.5)),
    ],
)
def test_explicitness_by_hand(losses, expected):
    found = dci_es(*(np.ones((100, 4)), FACTORS) * 2, probes=family([0, 1, 4], losses))
    assert found.explicitness == pytest.approx(expected, abs=0.011)
    assert found.informativeness == pytest.approx(1 - min(losses))
    assert found.baseline == pytest.approx(0.5)
    assert found.size == 0.25


def test_a_factor_that_no_probe_predicts_is_left_out():
    found = dci_es(*(np.ones((100, 1)), FACTORS) * 2, probes=family([0, 1], [0.5, 0.6]))
    assert np.isnan(found.explicitness)
    assert set(found.left_out) == {"factor 0", "explicitness"}


def test_a_cut_forest_is_a_forest_of_smaller_depth():
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    codes, test = rng.normal(size=(200, 3)), rng.normal(size=(40, 3))
    target = np.sin(3 * codes[:, :1]) + codes[:, 1:2]
    found = forest_probes(codes, target, test, 5, sizes=(1, 2, 4))
    for depth in (1, 2):  # nodes of few rows have ties, which are broken at random
        model = RandomForestRegressor(max_depth=depth, random_state=5)
        expected = model.fit(codes, target[:, 0]).predict(test)
        np.testing.assert_allclose(
            found.predicted[depth - 1, :, 0], expected, atol=1e-12
        )


def test_linear_codes_are_explicit_and_products_need_capacity():
    rng = np.random.default_rng(0)
    codes = rng.uniform(-1, 1, (1200, 2))
    parts = codes[:800], codes[800:]
    kinds = ("continuous", "continuous", "categorical", ("circular", 2.0))

    def factors(z):
        other = (z[:, 0] * z[:, 1] > 0).astype(float)
        return np.stack([z[:, 0] + z[:, 1], z[:, 1], other, z[:, 0]], axis=1)

    a, b = parts
    found = dci_es(
        a, factors(a), b, factors(b), probes="mlp", sizes=(0, 32), kinds=kinds
    )
    assert found.per_factor[:2] == pytest.approx(1, abs=1e-9)
    # a linear probe cannot predict the sign of the product
    assert found.losses[2, 0] == pytest.approx(found.baseline[2], abs=0.1)
    assert found.losses[2].min() < 0.1
    assert found.per_factor[2] < 0.95
    assert found.losses[3].min() < 0.05
    assert found.size == 2


def test_wrong_family_is_named():
    with pytest.raises(ValueError, match="probes must be one of"):
        dci_es(*(np.ones((100, 1)), FACTORS) * 2, probes="tree")
    with pytest.raises(ValueError, match="increasing"):
        dci_es(*(np.ones((100, 1)), FACTORS) * 2, sizes=(4, 2))
    with pytest.raises(ValueError, match="set them inside your own function"):
        dci_es(*(np.ones((100, 1)), FACTORS) * 2, probes=print, sizes=(2, 4))
