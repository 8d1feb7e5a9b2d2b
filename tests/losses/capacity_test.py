from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses


def test_by_hand():
    kl = jnp.array([3.0, 5.0, 9.0])
    np.testing.assert_array_equal(losses.capacity_penalty(kl, 5.0, 30.0), [60, 0, 120])


def test_pushes_towards_the_capacity_from_both_sides():
    gradient = jax.jit(jax.vmap(jax.grad(losses.capacity_penalty), (0, None, None)))
    kl = jnp.array([3.0, 9.0, 1e30])
    np.testing.assert_array_equal(gradient(kl, 5.0, 30.0), [-30, 30, 30])


def test_a_capacity_for_each_code_is_refused():
    with pytest.raises(ValueError, match=r"`capacity` has shape \(2,\)"):
        losses.capacity_penalty(jnp.zeros(2), jnp.zeros(2), 1.0)
