"""The discriminator: leaky below zero, linear at the end."""

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import networks


def test_one_hidden_unit_by_hand():
    critic = networks.Discriminator(widths=(1,), outputs=1, slope=0.2)
    variables = {
        "params": {
            "Dense_0": {"kernel": jnp.array([[1.0]]), "bias": jnp.array([-1.0])},
            "Dense_1": {"kernel": jnp.array([[3.0]]), "bias": jnp.array([0.5])},
        }
    }
    # 3 leaky(x - 1) + .5
    found = critic.apply(variables, jnp.array([[3.0], [-4.0]]))
    np.testing.assert_allclose(found, [[6.5], [-2.5]], rtol=1e-6)


def test_default_is_six_layers_of_a_thousand():
    shapes = jax.eval_shape(
        networks.Discriminator().init, jax.random.key(0), jnp.zeros((1, 10))
    )
    kernels = [layer["kernel"].shape for layer in shapes["params"].values()]
    assert kernels == [(10, 1000), *[(1000, 1000)] * 5, (1000, 2)]
