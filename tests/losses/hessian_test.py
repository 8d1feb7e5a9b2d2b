from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

KEY = jax.random.key(0)
ONE = np.ones(2, np.float32)


def penalty(function, z, spread=ONE, key=KEY, **options):
    """Jitted: without jit, JAX compiles each operation as its own program."""
    compiled = jax.jit(
        lambda key, z, spread: losses.normalised_hessian_penalty(
            key, function, z, spread, **options
        )
    )
    return compiled(key, z, spread)


def test_an_additive_function_has_none(normal):
    z = normal(0, 5, 2)
    additive = lambda z: jnp.stack([z[:, 0] ** 2 + 3 * z[:, 1] ** 2, z[:, 1] ** 3], 1)
    np.testing.assert_allclose(penalty(additive, z), 0, atol=1e-4)


def test_a_product_has_nothing_else():
    """H = [[0, 1], [1, 0]]: both variances are 4, from different draws."""
    z = np.zeros((1, 2))
    found = penalty(lambda z: z[:, 0] * z[:, 1], z, num_perturbations=20_000)
    np.testing.assert_allclose(found, 1, rtol=0.05)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, -2.0)])
def test_it_is_the_share_of_squares_off_the_diagonal(a, b):
    """f = a z1² + b z1 z2: H = [[2a, b], [b, 0]], the share 2b² / (4a² + 2b²)."""
    function = lambda z: a * z[:, 0] ** 2 + b * z[:, 0] * z[:, 1]
    z = np.array([[0.3, 0.2]])
    wanted = 2 * b**2 / (4 * a**2 + 2 * b**2)
    found = penalty(function, z, num_perturbations=20_000)
    np.testing.assert_allclose(found, wanted, rtol=0.06)
    # in units of the spread, b is multiplied by s1 s2 and a by s1²
    spread = np.array([1.0, 3.0])
    wider = 2 * (3 * b) ** 2 / (4 * a**2 + 2 * (3 * b) ** 2)
    found = penalty(function, z, spread, num_perturbations=20_000)
    np.testing.assert_allclose(found, wider, rtol=0.06)


def test_scale_cancels_and_arrays_add_up(normal):
    z = normal(1, 3, 2)
    function = lambda z: (z[:, :1] * z[:, 1:] + z**2)[:, :, None]
    many = {"num_perturbations": 8}
    one = np.asarray(penalty(function, z, **many))
    assert one.shape == (3,)
    assert (one > 0).all()
    np.testing.assert_allclose(
        penalty(lambda z: 50 * function(z), z, **many), one, rtol=1e-2, atol=1e-4
    )
    both = penalty(lambda z: {"a": function(z), "b": [7 * function(z)]}, z, **many)
    np.testing.assert_allclose(both, 2 * one, rtol=1e-2, atol=1e-4)


def test_descent_makes_a_function_additive():
    """The weight of the product falls; scaling the function down would not help."""
    z = np.zeros((1, 2))

    def loss(b, key):
        function = lambda z: z**2 + b * z[:, :1] * z[:, 1:]
        return penalty(function, z, key=key, num_perturbations=64).sum()

    step, b = jax.jit(jax.grad(loss)), 1.0
    for i in range(40):
        b -= 0.5 * step(b, jax.random.key(i))
    assert abs(b) < 0.1


def test_no_curvature_is_finite(check_finite):
    found = check_finite(lambda z: penalty(lambda z: 0 * z, z), jnp.ones((2, 2)))
    assert found == 0


def test_one_draw_or_other_spreads_are_refused():
    with pytest.raises(ValueError, match="num_perturbations is 1"):
        penalty(lambda z: z, jnp.zeros((2, 2)), num_perturbations=1)
    with pytest.raises(ValueError, match="spread"):
        penalty(lambda z: z, jnp.zeros((2, 2)), jnp.ones(3))
