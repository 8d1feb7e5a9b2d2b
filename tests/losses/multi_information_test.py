from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

multi_information = jax.jit(losses.kernel_multi_information)
GRID = np.indices((3, 4, 2)).reshape(3, -1).T.astype(np.float32)


@pytest.mark.parametrize("width", [0.05, 0.7, 30.0])
def test_it_is_zero_where_all_combinations_occur_equally_often(width):
    """The estimate of a full grid is the product of its marginals, whatever the width."""
    widths = width * np.array([1.0, 2.0, 0.5])
    found = multi_information(GRID, widths)
    np.testing.assert_allclose(found, 0, atol=2e-5)


def test_copies_share_the_logarithm_of_the_number_of_values():
    x = np.arange(8.0)[:, None]
    for copies in (2, 3):
        z = np.tile(x, (1, copies))
        found = multi_information(z, np.full(copies, 0.05))
        np.testing.assert_allclose(found, (copies - 1) * np.log(8), rtol=1e-5)


def test_it_is_its_definition_with_widths_of_each_kind(normal):
    z, h, g = normal(1, 6, 2), np.array([0.5, 1.0]), np.array([0.9, 0.3])

    def density(z, points, widths):
        kernels = np.exp(-0.5 * ((z - points) / widths) ** 2) / widths
        return (kernels / np.sqrt(2 * np.pi)).prod(axis=-1).mean()

    ratios = [
        density(a, z, h)
        / np.prod([density(a[k : k + 1], z[:, k : k + 1], g[k]) for k in range(2)])
        for a in z
    ]
    found = multi_information(z, h, g)
    np.testing.assert_allclose(found, np.log(ratios).mean(), rtol=1e-5)


def test_scales_cancel_with_widths_in_their_units(normal, check_gradient):
    def scaled(z):
        widths = losses.silverman_bandwidths(z.std(axis=0), len(z))
        return losses.kernel_multi_information(z, widths)

    z = normal(2, 7, 3)
    units = np.array([1.0, 100.0, 0.01], np.float32)
    in_units = jax.jit(scaled)(z * units)
    np.testing.assert_allclose(in_units, scaled(z), rtol=1e-4)  # without jit
    check_gradient(scaled, (z,))


def test_silverman_narrows_with_the_batch():
    # d = 1: (4 / 3)^(1/5) N^(-1/5), 1.06 N^(-1/5) in most books
    (found,) = losses.silverman_bandwidths(jnp.array([2.0]), 32)
    assert found == pytest.approx(2 * (4 / 3) ** 0.2 / 2)


def test_far_codes_stay_finite(check_finite):
    z = jnp.array([[1e6, -1e6], [0.0, 1e6], [1e6, 0.0]])
    check_finite(losses.kernel_multi_information, z, jnp.full(2, 1e-3))


def test_one_code_or_other_widths_are_refused():
    with pytest.raises(ValueError, match="two examples"):
        losses.kernel_multi_information(jnp.zeros((1, 2)), jnp.ones(2))
    with pytest.raises(ValueError, match="bandwidths"):
        losses.kernel_multi_information(jnp.zeros((3, 2)), jnp.ones(3))
