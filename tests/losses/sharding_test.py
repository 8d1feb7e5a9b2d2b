"""Losses that couple examples use the whole batch, however devices split it."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from dis_jax import losses

KEY = jax.random.key(0)
COUPLED = {
    "aggregate": lambda a, b: losses.gaussian_kl_to_standard_normal(
        *losses.aggregate_gaussian(a, b)
    ),
    "all_pairs_scores": lambda a, b: losses.nwj(*losses.all_pairs_scores(a @ b.T)),
    "dip": lambda a, b: losses.dip_regulariser(
        a, b, kind="ii", lambda_off=1.0, lambda_diag=1.0
    ),
    "info_nce": lambda a, b: losses.info_nce(a @ b.T),
    "kernel_multi_information": lambda a, b: losses.kernel_multi_information(
        a * b, losses.silverman_bandwidths(b.std(axis=0), len(b))
    ),
    "minibatch_tc": lambda a, b: losses.minibatch_total_correlation(a, b, a * b),
    "nt_xent": lambda a, b: losses.nt_xent(a, b, 0.5),
    "permute_dims": lambda a, b: (losses.permute_dims(KEY, a) * b).sum(),
    "permute_negatives": lambda a, b: (losses.permute_negatives(KEY, a) * b).sum(),
    "roll_negatives": lambda a, b: (losses.roll_negatives(a) * b).sum(),
}


@pytest.mark.parametrize("name", COUPLED)
def test_eight_devices_equal_one(name, normal):
    step = jax.jit(jax.value_and_grad(COUPLED[name], argnums=(0, 1)))
    batch = tuple(normal(0, 2, 16, 3))
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    split = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
    one, many = step(*batch), step(*split)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), many, one
    )
