"""Codes whose structure is known, on a full grid of factors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

SIZES = (3, 4, 5)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Models this small run faster on one thread, above all on a busy machine."""
    with threadpool_limits(1):
        yield


class Known(NamedTuple):
    codes: np.ndarray
    factors: np.ndarray


def grid(sizes=SIZES, copies=1):
    factors = np.indices(sizes).reshape(len(sizes), -1).T
    return np.tile(factors, (copies, 1))


def standardise(factors):
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def codes_of(kind, factors, seed=0):
    """Codes of a kind; on a full grid the factors are exactly independent."""
    rng = np.random.default_rng(seed)
    v = standardise(factors)
    k = v.shape[1]
    if kind == "perfect":
        return v
    if kind == "permuted":  # with signs and scales of their own
        return v[:, ::-1] * np.array([-2.0, 0.5, 3.0])
    if kind == "redundant":
        return np.concatenate([v, v], axis=1)
    if kind == "merged":  # the first dimension holds the first two factors in full
        both = factors[:, 0] + (factors[:, 0].max() + 1) * factors[:, 1]
        return np.stack([both.astype(float), factors[:, 2] / 2], axis=1)
    if kind == "missing":  # the last factor
        return np.concatenate([v[:, :-1], 0.1 * rng.normal(size=(len(v), 1))], axis=1)
    if kind == "constant":
        return np.full_like(v, 0.7)
    if kind == "rotated":
        return v @ np.linalg.qr(np.random.default_rng(1).normal(size=(k, k)))[0]
    if kind == "noise":
        return rng.normal(size=v.shape)
    raise ValueError(kind)


@pytest.fixture(scope="session")
def known():
    """`known(kind, copies)`: codes and factors on `copies` full grids of 3 x 4 x 5."""

    def make(kind, copies=20, sizes=SIZES, seed=0):
        factors = grid(sizes, copies)
        return Known(codes_of(kind, factors, seed), factors)

    return make


@pytest.fixture(scope="session")
def random_codes():
    """`random_codes(n, seed)`: codes that mix random factors, without any structure."""

    def make(n=400, seed=0, sizes=(2, 3, 7), latents=4):
        rng = np.random.default_rng(seed)
        factors = np.stack([rng.integers(0, size, n) for size in sizes], axis=1)
        mix = np.random.default_rng(99).normal(size=(len(sizes), latents))
        noise = rng.normal(size=(n, latents))
        return Known(np.tanh(standardise(factors) @ mix) + 0.3 * noise, factors)

    return make
