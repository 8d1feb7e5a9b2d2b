import numpy as np
import pytest

from dis_jax.evaluation import held_out_r2

FIT = np.repeat(np.arange(4.0), 5)[:, None]  # 0 to 3, var 5/4


def test_errors_are_shares_of_the_variance_of_the_whole():
    values = np.array([[4.0], [5.0]])
    parts = {"same": (FIT, FIT), "beyond": (values + 0.5, values)}
    found = held_out_r2(FIT, FIT, parts)
    assert found["same"] == pytest.approx(1)
    assert found["beyond"] == pytest.approx(1 - 0.25 / 1.25)
    whole = np.arange(6.0)[:, None]  # var 35/12
    found = held_out_r2(FIT, FIT, parts, whole=whole)
    assert found["beyond"] == pytest.approx(1 - 0.25 * 12 / 35)
    # a single value has no variance: that of `whole` counts
    found = held_out_r2(FIT, FIT, {"one": ([[4.5]], [[4.0]])}, whole=whole)
    assert found["one"] == pytest.approx(1 - 0.25 * 12 / 35)


def test_rows_that_do_not_count_and_categories_are_nan():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (200, 3)).astype(float)
    kinds = ["ordered", "categorical", "ordered"]
    marked = factors.copy()
    marked[:, 2] = np.nan
    wrong = factors + np.array([0.0, 0.0, 1.0])
    parts = {"all": (factors, factors), "marked": (wrong, marked)}
    found = held_out_r2(factors, factors, parts, kinds=kinds)
    np.testing.assert_allclose(found["all"], [1, np.nan, 1])
    np.testing.assert_allclose(found["marked"], [1, np.nan, np.nan])


def test_an_angle_is_both_of_its_coordinates():
    angle = np.arange(40.0)[:, None]
    both = np.concatenate([np.cos(angle * np.pi / 20), np.sin(angle * np.pi / 20)], 1)
    turned = (angle + 20) % 40  # half a turn away: |error|² is 4, the variance 1
    parts = {"same": (both, angle), "opposite": (both, turned)}
    found = held_out_r2(both, angle, parts, kinds=[("circular", 40)])
    assert found["same"] == pytest.approx(1)
    assert found["opposite"] == pytest.approx(-3)


def test_a_model_that_bends_and_refusals():
    z = np.linspace(-1, 1, 200)[:, None]
    parts = {"same": (z, z**2)}
    assert held_out_r2(z, z**2, parts)["same"] < 0.1
    assert held_out_r2(z, z**2, parts, model="kernel")["same"] > 0.99
    with pytest.raises(ValueError, match="model must be one of"):
        held_out_r2(z, z, parts, model="forest")
    with pytest.raises(ValueError, match=r"part 'bad' has codes \(2, 1\) and factors"):
        held_out_r2(z, z, {"bad": (z[:2], z)})
