"""Networks return at least float32, whatever precision they compute in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import networks
from dis_jax.networks.precision import widened


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("bfloat16", "float32"), ("float16", "float32"), ("float32", "float32")],
)
def test_half_precision_becomes_float32(given, wanted):
    x = widened(jnp.asarray([1.0, 0.5], given))
    assert x.dtype == wanted
    assert x.tolist() == [1.0, 0.5]


def test_a_network_in_float64_keeps_it():
    """Steps in double precision show whether two devices compute the same."""
    with jax.enable_x64(True):
        network = networks.MLPEncoder(3, widths=(4,), dtype=jnp.float64)
        images = jnp.linspace(0, 1, 32, dtype=jnp.float64).reshape(2, 4, 4, 1)
        params = network.init(jax.random.key(0), images)["params"]
        mean, _ = network.apply({"params": params}, images)
        images = images.astype(jnp.float32)
        params = jax.tree.map(lambda x: x.astype(jnp.float32), params)
    assert mean.dtype == jnp.float64
    narrow, _ = networks.MLPEncoder(3, widths=(4,)).apply({"params": params}, images)
    assert narrow.dtype == jnp.float32
    # the digits beyond float32 are computed, not padded
    apart = np.abs(np.asarray(mean) - np.asarray(narrow)).max()
    assert 0 < apart < 1e-6
