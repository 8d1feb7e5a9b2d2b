"""Fixtures of the tests of equations."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import numpy as np
import pytest
from jax.test_util import check_grads


@pytest.fixture(scope="session")
def normal() -> Callable[..., np.ndarray]:
    """`normal(seed, *shape)`: standard normal numbers, with nothing to compile."""
    return lambda seed, *shape: np.random.default_rng(seed).standard_normal(
        shape, dtype=np.float32
    )


@pytest.fixture(scope="session")
def check_gradient() -> Callable[..., None]:
    """`check_gradient(f, args)`: both modes against finite differences in float32."""
    return lambda f, args: check_grads(
        jax.jit(f), args, order=1, eps=1e-2, rtol=1e-2, atol=1e-3
    )


@pytest.fixture(scope="session")
def check_finite() -> Callable[..., float]:
    """`check_finite(f, *args)`: the sum of f; it and all its gradients must be finite."""

    @functools.partial(jax.jit, static_argnums=0)  # one program for all extremes of f
    def derived(f, *args):
        total = lambda *args: sum(leaf.sum() for leaf in jax.tree.leaves(f(*args)))
        return jax.value_and_grad(total, argnums=tuple(range(len(args))))(*args)

    def check(f, *args):
        value, gradients = derived(f, *args)
        assert np.isfinite(value)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        return float(value)

    return check
