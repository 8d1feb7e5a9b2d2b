from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

permute_dims = jax.jit(losses.permute_dims)
minibatch_tc = jax.jit(losses.minibatch_total_correlation, static_argnums=3)


def test_permute_dims_keeps_each_column_and_shuffles_it_on_its_own():
    columns = np.arange(100.0)[:, None] + 1000 * np.arange(3.0)
    permuted = np.asarray(permute_dims(jax.random.key(0), columns))
    np.testing.assert_array_equal(np.sort(permuted, axis=0), columns)
    orders = [tuple(column.tolist()) for column in (permuted - columns[0]).T]
    assert len({*orders, tuple(range(100))}) == 4


def test_permute_dims_is_uniform_over_permutations():
    draw = jax.jit(jax.vmap(losses.permute_dims, (0, None)))
    z = np.arange(3.0)[:, None] * np.ones(2)
    permuted = np.asarray(draw(jax.random.split(jax.random.key(1), 18_000), z))
    codes = (permuted * np.array([9.0, 3.0, 1.0])[:, None]).sum(axis=1)
    for first, second in itertools.product(np.unique(codes[:, 0]), repeat=2):
        count = ((codes[:, 0] == first) & (codes[:, 1] == second)).sum()
        np.testing.assert_allclose(count, 500, atol=5 * np.sqrt(500))
    assert len(np.unique(codes)) == 6


def test_permute_dims_removes_dependence(normal):
    z = np.repeat(normal(2, 20_000, 1), 2, axis=1)
    permuted = permute_dims(jax.random.key(3), z)
    assert abs(np.corrcoef(np.asarray(permuted).T)[0, 1]) < 0.03


def test_permute_dims_routes_gradients_back():
    weights = np.arange(8.0).reshape(4, 2)
    value = lambda z: (weights * losses.permute_dims(jax.random.key(4), z)).sum()
    gradient = jax.jit(jax.grad(value))(np.zeros((4, 2)))
    np.testing.assert_array_equal(np.sort(gradient, axis=0), weights)


def test_density_ratio_tc_by_hand():
    logits = jnp.array([[3.0, 1.0], [-2.0, 2.0]])
    np.testing.assert_array_equal(losses.density_ratio_tc(logits), [2, -4])


def test_discriminator_loss_by_hand():
    joint = jnp.log(jnp.array([[3.0, 1.0], [1.0, 1.0]]))  # p(joint) = 3/4, 1/2
    permuted = jnp.log(jnp.array([[1.0, 4.0]]))  # p(permuted) = 4/5
    expected = 0.5 * (-(np.log(0.75) + np.log(0.5)) / 2 - np.log(0.8))
    loss = losses.density_ratio_discriminator_loss(joint, permuted)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_discriminator_loss_is_least_at_the_true_log_ratio():
    # Two outcomes with probabilities p under the joint and q under the product.
    p, q = np.array([0.8, 0.2]), np.array([0.5, 0.5])
    joint = jnp.array([0] * 8 + [1] * 2)
    permuted = jnp.array([0] * 5 + [1] * 5)

    @jax.jit
    def loss(log_ratio):
        logits = jnp.stack([log_ratio, jnp.zeros(2)], axis=1)
        return losses.density_ratio_discriminator_loss(logits[joint], logits[permuted])

    gradient = jax.grad(loss)(np.log(p / q))
    np.testing.assert_allclose(gradient, 0, atol=1e-7)
    assert loss(np.log(p / q)) < loss(np.log(p / q) + 0.1)


def test_discriminator_loss_jit_gradient_and_extremes(
    normal, check_gradient, check_finite
):
    joint, permuted = normal(5, 2, 6, 2)
    loss = losses.density_ratio_discriminator_loss
    np.testing.assert_allclose(
        jax.jit(loss)(joint, permuted), loss(joint, permuted), rtol=1e-6
    )
    check_gradient(loss, (joint, permuted))
    wrong = jnp.array([[-1e9, 1e9]])
    np.testing.assert_allclose(check_finite(loss, wrong, wrong), 1e9)


def log_normal(z, mean, logvar):
    return -0.5 * ((z - mean) ** 2 / np.exp(logvar) + logvar + np.log(2 * np.pi))


@pytest.mark.parametrize("dataset_size", [None, 1000])
def test_minibatch_total_correlation_against_a_loop(dataset_size, normal):
    z, mean, logvar = normal(6, 3, 5, 3).astype(float)
    batch, latent = z.shape
    weight = 1 if dataset_size is None else 1 / (batch * dataset_size)
    total = 0.0
    for i in range(batch):
        joint = sum(
            np.exp(sum(log_normal(z[i, d], mean[j, d], logvar[j, d]) for d in range(3)))
            for j in range(batch)
        )
        marginals = [
            sum(np.exp(log_normal(z[i, d], mean[j, d], logvar[j, d])) for j in range(5))
            for d in range(latent)
        ]
        total += np.log(weight * joint) - sum(np.log(weight * m) for m in marginals)
    tc = minibatch_tc(z, mean, logvar, dataset_size)
    np.testing.assert_allclose(tc, total / batch, rtol=1e-5)


def test_minibatch_total_correlation_of_a_whole_data_set(normal):
    # With N = 1 the weights are those of the mixture of the batch itself. Its total
    # correlation is log M if every latent separates all images and d = 2.
    mean = np.arange(8.0)[:, None] * np.array([100.0, -100.0])
    z = mean + normal(7, *mean.shape)
    tc = minibatch_tc(z, mean, np.zeros((8, 2)), 1)
    np.testing.assert_allclose(tc, np.log(8), rtol=1e-5)


def test_minibatch_total_correlation_jit_vmap_and_gradient(normal, check_gradient):
    z, mean, logvar = normal(8, 3, 4, 6, 3)
    loss = minibatch_tc
    single = [loss(*member) for member in zip(z, mean, logvar, strict=True)]
    np.testing.assert_allclose(
        jax.jit(jax.vmap(loss))(z, mean, logvar), single, rtol=1e-5
    )
    check_gradient(loss, (z[0], mean[0], logvar[0]))


def test_minibatch_total_correlation_extremes_stay_finite(check_finite):
    mean = np.array([[0.0, 1e3], [1e3, 0.0]], np.float32)
    # float32 has no exp(100), and a sample of such a narrow posterior is its mean
    for logvar in (-100.0, -20.0, 20.0):
        variances = np.full((2, 2), logvar, np.float32)
        check_finite(losses.minibatch_total_correlation, mean, mean, variances)


def test_wrong_shapes_are_named():
    key = jax.random.key(0)
    with pytest.raises(
        ValueError, match=r"`z` has shape \(3,\); expected \(batch, lat"
    ):
        losses.permute_dims(key, jnp.zeros(3))
    with pytest.raises(ValueError, match=r"`logits` has shape \(4, 3\)"):
        losses.density_ratio_tc(jnp.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"`permuted_logits` has shape \(4,\)"):
        losses.density_ratio_discriminator_loss(jnp.zeros((4, 2)), jnp.zeros(4))
    with pytest.raises(ValueError, match=r"`mean` has shape \(3, 2\).*batch = 4"):
        losses.minibatch_total_correlation(*[jnp.zeros((n, 2)) for n in (4, 3, 4)])
    with pytest.raises(ValueError, match=r"`z` has the shape \(1, 2\); expected two"):
        losses.minibatch_total_correlation(*jnp.zeros((3, 1, 2)))
