from __future__ import annotations

import jax
import numpy as np
import pytest

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
dip = jax.jit(losses.dip_regulariser, static_argnames="kind")
MEAN = np.array([[1.0, 0.0], [3.0, 4.0]])  # covariance [[1, 2], [2, 4]]
LOGVAR = np.log([[1.0, 2.0], [3.0, 6.0]])  # mean variance [2, 4]


def test_kind_i_by_hand():
    # 10 (2² + 2²) + 100 ((1 - 1)² + (4 - 1)²)
    loss = dip(MEAN, LOGVAR, kind="i", lambda_off=10.0, lambda_diag=100.0)
    np.testing.assert_allclose(loss, 80 + 900, rtol=1e-6)


def test_kind_ii_by_hand():
    # C = [[3, 2], [2, 8]]: 10 (2² + 2²) + 100 ((3 - 1)² + (8 - 1)²)
    loss = dip(MEAN, LOGVAR, kind="ii", lambda_off=10.0, lambda_diag=100.0)
    np.testing.assert_allclose(loss, 80 + 5300, rtol=1e-6)


def test_zero_for_a_code_that_matches_the_prior():
    corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    weights = {"lambda_off": 7.0, "lambda_diag": 3.0}
    anything = np.full((4, 2), 5.0)
    assert dip(corners, anything, kind="i", **weights) == 0
    half = np.log(np.full((4, 2), 0.5))
    loss = dip(corners * np.sqrt(0.5), half, kind="ii", **weights)
    np.testing.assert_allclose(loss, 0, atol=1e-10)


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_jit_vmap_and_gradient(kind, normal, check_gradient):
    mean, logvar = normal(0, 2, 3, 8, 4)
    loss = lambda mean, logvar: losses.dip_regulariser(
        mean, logvar, kind=kind, lambda_off=2.0, lambda_diag=3.0
    )
    single = [loss(m, v) for m, v in zip(mean, logvar, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(loss))(mean, logvar), single, rtol=1e-4)
    check_gradient(loss, (mean[0], logvar[0]))


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_extremes_stay_finite(kind, check_finite):
    loss = lambda mean, logvar: losses.dip_regulariser(
        mean, logvar, kind=kind, lambda_off=1.0, lambda_diag=1.0
    )
    extremes = np.array([[[1e4, 0], [-1e4, 0]], [[-80, 20]] * 2], np.float32)
    check_finite(loss, *extremes)


def test_bad_arguments_are_named():
    weights = {"lambda_off": 1.0, "lambda_diag": 1.0}
    with pytest.raises(ValueError, match="`kind` is 'iii'"):
        losses.dip_regulariser(MEAN, LOGVAR, kind="iii", **weights)
    with pytest.raises(ValueError, match=r"`logvar` has shape \(2, 1\)"):
        losses.dip_regulariser(MEAN, LOGVAR[:, :1], kind="i", **weights)
    with pytest.raises(
        ValueError, match=r"`mean` has the shape \(1, 2\); expected two"
    ):
        losses.dip_regulariser(MEAN[:1], LOGVAR[:1], kind="i", **weights)
