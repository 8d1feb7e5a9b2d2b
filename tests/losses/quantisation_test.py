from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

CODEBOOK = jnp.array([[-1.0, 0.0, 1.0], [0.0, 0.3, 5.0]])
Z = jnp.array([[0.4, 0.4], [-0.6, 9.0], [0.5, 0.15]])


def test_each_dimension_takes_the_nearest_value_of_its_own_codebook():
    found = jax.jit(losses.latent_quantisation)(Z, CODEBOOK)
    # the last row lies half-way twice: the first value is taken
    np.testing.assert_allclose(found, [[0, 0.3], [-1, 5], [0, 0]])


def test_its_gradient_counts_how_often_a_value_is_taken():
    total = lambda z, codebook: losses.latent_quantisation(z, codebook).sum()
    z, codebook = jax.grad(total, argnums=(0, 1))(Z, CODEBOOK)
    np.testing.assert_array_equal(z, 0)
    np.testing.assert_array_equal(codebook, [[1, 2, 0], [1, 1, 1]])


def test_straight_through_has_one_value_and_the_other_gradient():
    slope = lambda z: (losses.straight_through(z, jnp.round(z)) ** 2).sum()
    value, gradient = jax.value_and_grad(slope)(jnp.array([0.4, 1.7]))
    assert value == pytest.approx(4)
    np.testing.assert_allclose(gradient, [0, 4], atol=1e-6)  # 2 round(z)


def test_one_loss_moves_the_codebook_and_the_other_the_codes():
    def sums(z, codebook):
        quantised = losses.latent_quantisation(z, codebook)
        return [term.sum() for term in losses.quantisation_losses(z, quantised)]

    quantise, commit = sums(Z, CODEBOOK)
    squares = 0.4**2 + 0.1**2 + 0.4**2 + 4**2 + 0.5**2 + 0.15**2
    np.testing.assert_allclose([quantise, commit], squares, rtol=1e-6)
    (z1, book1), (z2, book2) = jax.jacobian(sums, argnums=(0, 1))(Z, CODEBOOK)
    distance = Z - losses.latent_quantisation(Z, CODEBOOK)
    np.testing.assert_array_equal(z1, 0)
    np.testing.assert_array_equal(book2, 0)
    np.testing.assert_allclose(z2, 2 * distance, rtol=1e-6)
    np.testing.assert_allclose(
        book1, [[-0.8, -1.8, 0], [-0.3, -0.2, -8]], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("values", "step"), [(2, 2.0), (3, 1.0), (12, 2 / 11)])
def test_finite_scalars_are_evenly_spaced_and_keep_the_gradient(values, step):
    z = jnp.linspace(-1, 1, 1001)
    found, gradient = jax.jit(
        jax.vmap(
            jax.value_and_grad(lambda z: losses.finite_scalar_quantisation(z, values))
        )
    )(z)
    wanted = np.linspace(-1, 1, values)
    np.testing.assert_allclose(np.unique(np.round(found, 5)), wanted, atol=1e-5)
    assert np.abs(found - z).max() <= step / 2 + 1e-6
    np.testing.assert_array_equal(gradient, 1)


def test_what_cannot_be_quantised_is_refused():
    with pytest.raises(ValueError, match=r"`codebook` has shape \(2, 3\).*latent = 3"):
        losses.latent_quantisation(jnp.zeros((4, 3)), CODEBOOK)
    with pytest.raises(ValueError, match="num_values is 1"):
        losses.finite_scalar_quantisation(Z, 1)
    with pytest.raises(ValueError, match="quantised"):
        losses.quantisation_losses(Z, CODEBOOK)
