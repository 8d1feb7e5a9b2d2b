import numpy as np
import pytest
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_regression

from dis_jax.probing.neighbour_information import number_information


def information(x, y, **options):
    return number_information(x, y, **({"neighbours": 3, "seed": 0} | options))


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_gaussians_have_their_closed_form(rho):
    x, noise = np.random.default_rng(0).normal(size=(2, 4000))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    expected = -0.5 * np.log(1 - rho**2)
    assert information(x, y) == pytest.approx(expected, abs=0.04)
    assert information(-7 * x, y + 9) == pytest.approx(information(x, y), abs=1e-6)


@pytest.mark.parametrize("neighbours", [1, 10])
def test_it_equals_scikit_learn(neighbours):
    x, noise = np.random.default_rng(1).normal(size=(2, 300))
    y = np.round(x + noise, 1)  # with ties
    expected = mutual_info_regression(
        *(x[:, None], y), n_neighbors=neighbours, random_state=0
    )[0]
    found = information(x, y, neighbours=neighbours)
    # both break ties by a noise of 1e-10, in another order of draws
    assert found == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("noise", [0.05, 2.0])
def test_an_angle_by_comparing_all_pairs(noise):
    rng, k = np.random.default_rng(0), 3
    circumference = 12**0.5
    y = rng.uniform(0, circumference, 300)
    x = np.cos(2 * np.pi * y / circumference) + noise * rng.normal(size=300)
    x /= x.std()
    in_x, in_y = (np.abs(each[:, None] - each) for each in (x, y))
    in_y = np.minimum(in_y, circumference - in_y)
    for distances in (in_x, in_y):
        np.fill_diagonal(distances, np.inf)
    radius = np.sort(np.maximum(in_x, in_y), axis=1)[:, [k - 1]]
    counts = [(each < radius).sum(axis=1) + 1 for each in (in_x, in_y)]
    expected = digamma(300) + digamma(k) - np.mean(digamma(counts)) * 2
    found = number_information(
        x, y / circumference * 360, neighbours=k, seed=0, period=360
    )
    assert found == pytest.approx(expected, abs=1e-9)


def test_too_few_rows_for_the_neighbours_are_named():
    with pytest.raises(ValueError, match=r"4 rows are too few .* 3 neighbours; .* 5"):
        number_information(np.arange(4.0), np.arange(4.0), neighbours=3, seed=0)


def test_an_angle_has_no_end():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 360, 3000)
    code = np.mod(angle + 180 + rng.uniform(-20, 20, 3000), 360)
    # of a uniform angle and a uniform error of 40 degrees: log(360 / 40)
    found = number_information(code, angle, neighbours=3, seed=0, period=360)
    assert found == pytest.approx(np.log(9), abs=0.1)
    # the zero point does not matter
    turned = number_information(code, angle + 77, neighbours=3, seed=0, period=360)
    assert turned == pytest.approx(found, abs=1e-6)
