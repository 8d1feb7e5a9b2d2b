from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses


def test_by_hand():
    real = jnp.log(jnp.array([3.0, 1.0]))  # D = 3/4, 1/2
    fake = jnp.log(jnp.array([[0.25], [1.0]]))  # D = 1/5, 1/2
    expected = -np.log([0.75, 0.5]).mean() - np.log([0.8, 0.5]).mean()
    np.testing.assert_allclose(losses.discriminator_loss(real, fake), expected, 1e-6)
    np.testing.assert_allclose(
        losses.generator_loss(fake), -np.log([0.2, 0.5]).mean(), rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.generator_loss(fake, saturating=True),
        np.log([0.8, 0.5]).mean(),
        rtol=1e-6,
    )


def test_the_gradient_of_a_losing_generator():
    lost = jnp.array([-20.0])
    np.testing.assert_allclose(jax.grad(losses.generator_loss)(lost), -1, rtol=1e-6)
    saturated = jax.grad(lambda x: losses.generator_loss(x, saturating=True))(lost)
    np.testing.assert_allclose(saturated, 0, atol=1e-8)


def test_jit_gradient_and_extremes(normal, check_gradient, check_finite):
    real, fake = normal(0, 2, 6)
    loss = losses.discriminator_loss
    np.testing.assert_allclose(jax.jit(loss)(real, fake), loss(real, fake), rtol=1e-6)
    check_gradient(loss, (real, fake))
    check_gradient(losses.generator_loss, (fake,))
    value = check_finite(loss, jnp.array([-1e9]), jnp.array([1e9]))
    np.testing.assert_allclose(value, 2e9)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"`fake_logits` has shape \(\)"):
        losses.discriminator_loss(jnp.zeros(2), jnp.array(0.0))
    with pytest.raises(ValueError, match=r"`fake_logits` has shape \(\)"):
        losses.generator_loss(jnp.array(0.0))
