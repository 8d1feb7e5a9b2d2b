from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses


def by_loops(z):
    """The definition, one combination at a time."""
    total = 0.0
    for i, j in itertools.combinations(range(z.shape[1]), 2):
        total += max(
            min((a - c[i]) ** 2 + (b - c[j]) ** 2 for c in z)
            for a in z[:, i]
            for b in z[:, j]
        )
    return total


@pytest.mark.parametrize(("batch", "latent"), [(2, 2), (5, 3), (9, 4)])
def test_loss_is_its_definition(batch, latent):
    z = np.random.default_rng(batch).normal(size=(batch, latent)).astype(np.float32)
    found = losses.factorised_support(z)
    np.testing.assert_allclose(found, by_loops(z), rtol=1e-5)
    np.testing.assert_allclose(jax.jit(losses.factorised_support)(z), found, rtol=1e-6)


def test_frequencies_do_not_matter_and_missing_corners_do():
    """Correlated but complete: 0. One corner of the square is missing: 1."""
    often = jnp.array([[0, 0]] * 8 + [[1, 1]] * 8 + [[0, 1], [1, 0]], jnp.float32)
    assert losses.factorised_support(often) == 0
    assert losses.factorised_support(often[:-1]) == 1
    # three dimensions on a diagonal: three pairs, each 1
    line = jnp.array([[0.0] * 3, [1.0] * 3])
    assert losses.factorised_support(line) == 3
    assert losses.factorised_support(2 * line) == 12


def test_one_dimension_and_equal_codes_have_no_distance():
    assert losses.factorised_support(jnp.arange(4.0)[:, None]) == 0
    assert losses.factorised_support(jnp.ones((3, 2))) == 0
    gradient = jax.grad(losses.factorised_support)(jnp.ones((3, 2)))
    assert np.isfinite(gradient).all()


def test_gradient_is_that_of_the_definition():
    z = np.random.default_rng(3).normal(size=(4, 3))
    found = jax.grad(losses.factorised_support)(jnp.asarray(z, jnp.float32))
    step, numeric = 1e-5, np.zeros_like(z)
    for at in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[at] += step
        down[at] -= step
        numeric[at] = (by_loops(up) - by_loops(down)) / (2 * step)
    np.testing.assert_allclose(found, numeric, atol=1e-4)


def test_descent_fills_the_missing_corners():
    z = jnp.array([[0.0, 0.0], [1.0, 1.0], [0.1, 0.2], [0.9, 0.8]])
    before = losses.factorised_support(z)
    down = jax.jit(lambda z: z - 0.05 * jax.grad(losses.factorised_support)(z))
    for _ in range(50):
        z = down(z)
    assert losses.factorised_support(z) < 0.2 * before


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (1, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="z"):
        losses.factorised_support(jnp.zeros(shape))
