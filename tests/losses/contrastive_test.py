from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
nt_xent = jax.jit(losses.nt_xent)
transformation_distance = jax.jit(
    losses.transformation_distance, static_argnames="kind"
)
KINDS = ("squared", "symmetric_kl", "cosine")


def test_transformation_distance_by_hand():
    p, q = np.array([[0.6, 0.4]]), np.array([[0.2, 0.8]])
    expected = {
        "squared": 0.32,
        "symmetric_kl": 0.4 * np.log(3) + 0.4 * np.log(2),
        "cosine": 1 - (0.12 + 0.32) / np.sqrt(0.52 * 0.68),
    }
    for kind in KINDS:
        distance = transformation_distance(np.log(p), np.log(q), kind=kind)
        np.testing.assert_allclose(distance, [expected[kind]], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_transformation_distance_is_a_distance(kind, normal, check_gradient):
    logits, transformed = normal(0, 2, 5, 4)
    distance = functools.partial(transformation_distance, kind=kind)
    np.testing.assert_allclose(distance(logits, logits + 3), 0, atol=1e-6)
    there, back = distance(logits, transformed), distance(transformed, logits)
    np.testing.assert_allclose(there, back, rtol=1e-5)
    assert np.all(there > 0)
    by_op = losses.transformation_distance(logits, transformed, kind=kind)
    np.testing.assert_allclose(by_op, there, rtol=1e-5)
    check_gradient(distance, (logits, transformed))


@pytest.mark.parametrize("kind", KINDS)
def test_transformation_distance_extremes_stay_finite(kind, check_finite):
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    distance = functools.partial(transformation_distance, kind=kind)
    check_finite(distance, logits, -logits)
    # a category to which both give probability 0
    ruled_out = np.array([[1.0, -np.inf, 0.0]], np.float32)
    both = distance(ruled_out, ruled_out[:, ::-1])
    np.testing.assert_allclose(both, distance(ruled_out[:, ::2], ruled_out[:, 2::-2]))


def test_nt_xent_by_hand():
    # Unit vectors at right angles: similarities 1 (copy) and 0 (two others).
    features = np.array([[2.0, 0.0], [0.0, 0.5]])
    loss = nt_xent(features, 3 * features, 0.5)
    expected = np.log(np.exp(2) + 2) - 2
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_nt_xent_against_a_loop(normal):
    features, transformed = normal(1, 2, 5, 3)
    rows = np.concatenate([features, transformed]).astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    total = 0.0
    for i in range(10):
        positive = np.exp(rows[i] @ rows[(i + 5) % 10] / 0.7)
        others = sum(np.exp(rows[i] @ rows[k] / 0.7) for k in range(10) if k != i)
        total -= np.log(positive / others)
    loss = nt_xent(features, transformed, 0.7)
    np.testing.assert_allclose(loss, total / 10, rtol=1e-5)


def test_nt_xent_jit_vmap_and_gradient(normal, check_gradient):
    features, transformed = normal(2, 2, 3, 4, 5)
    loss = lambda a, b: nt_xent(a, b, 1.0)
    single = [loss(a, b) for a, b in zip(features, transformed, strict=True)]
    np.testing.assert_allclose(
        jax.jit(jax.vmap(loss))(features, transformed), single, rtol=1e-5
    )
    check_gradient(loss, (features[0], transformed[0]))


def test_nt_xent_extremes_stay_finite(check_finite):
    features = np.array([[0.0, 0.0], [1e15, 1e15], [1e-15, 0.0]], np.float32)
    check_finite(losses.nt_xent, features, -features, 1e-3)
    # after clipping, a larger gradient of the zero row would leave nothing for the others
    gradient = jax.grad(losses.nt_xent)(features, -features, 1.0)
    assert np.abs(gradient).max() < 1e8


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`kind` is 'l1'"):
        losses.transformation_distance(jnp.zeros((2, 3)), jnp.zeros((2, 3)), kind="l1")
    with pytest.raises(ValueError, match=r"`transformed_features` has shape \(3, 3\)"):
        losses.nt_xent(jnp.zeros((2, 3)), jnp.zeros((3, 3)), 1.0)
