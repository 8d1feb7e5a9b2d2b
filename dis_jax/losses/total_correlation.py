"""Total correlation of the aggregate posterior, from a discriminator or a minibatch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from dis_jax.losses._shapes import check_several, check_shapes


def permute_dims(
    key: Key[Array, ""], z: Float[Array, "batch latent"]
) -> Float[Array, "batch latent"]:
    """Samples from the product of marginals: shuffles every latent over the batch.

    Each dimension has its own permutation, which keeps its values and removes the
    dependence between dimensions. Under `pmap` or `shard_map` the shuffle stays inside
    the shard.

    Eq.: Kim & Mnih 2018, Algorithm 1

    Args:
      key: a random key.
      z: (batch, latent), samples of the joint q(z).

    Returns:
      (batch, latent), samples of Π_j q(z_j).

    Raises:
      ValueError: if `z` is not of rank 2, or has one example.

    Example:
      >>> z = jnp.arange(8.0).reshape(4, 2)
      >>> permuted = losses.permute_dims(jax.random.key(0), z)
      >>> print(permuted.sum(axis=0))  # no value is lost
      [12. 16.]
    """
    check_shapes(z=(z, "batch latent"))
    check_several(z=z)
    # Without `independent` whole rows would move, and the joint would not change.
    return jax.random.permutation(key, z, axis=0, independent=True)


def density_ratio_tc(logits: Float[Array, "batch 2"]) -> Float[Array, " batch"]:
    """Total correlation estimated by a discriminator: the log-odds of the joint.

    `log q(z) / Π_j q(z_j) ≈ l_0 - l_1` for a discriminator with class 0 = joint and
    class 1 = permuted; its mean over z ~ q(z) estimates TC(z). The estimate is as good
    as the discriminator; it is not a bound.

    Eq.: Kim & Mnih 2018, (3)

    Args:
      logits: (batch, 2), the discriminator on samples of q(z).

    Returns:
      (batch,), nats, one per example; positive where the joint is the more likely class.

    Raises:
      ValueError: if `logits` does not have exactly two columns.

    Example:
      >>> print(losses.density_ratio_tc(jnp.array([[2.0, 0.5], [0.0, 1.0]])))
      [ 1.5 -1. ]
    """
    check_shapes(logits=(logits, "batch 2"))
    return logits[:, 0] - logits[:, 1]


def density_ratio_discriminator_loss(
    joint_logits: Float[Array, "batch 2"], permuted_logits: Float[Array, "batch2 2"]
) -> Float[Array, ""]:
    """Cross-entropy that trains the discriminator of `density_ratio_tc`.

    `½ [CE(joint, class 0) + CE(permuted, class 1)]`. Give the
    discriminator z with a stopped gradient: this loss must not train the encoder.

    Eq.: Kim & Mnih 2018, Algorithm 2

    Args:
      joint_logits: (batch, 2), the discriminator on samples of q(z).
      permuted_logits: (batch2, 2), the discriminator on `permute_dims` of a second,
        independent batch.

    Returns:
      A scalar, nats, the mean over each batch; log 2 for a discriminator at chance,
      0 at best.

    Raises:
      ValueError: if an argument does not have exactly two columns.

    Example:
      >>> undecided = jnp.zeros((4, 2))
      >>> print(losses.density_ratio_discriminator_loss(undecided, undecided).round(4))
      0.6931
    """
    check_shapes(
        joint_logits=(joint_logits, "batch 2"),
        permuted_logits=(permuted_logits, "batch2 2"),
    )
    # softplus(l_1 - l_0) is the two-class cross-entropy -log softmax(l)_0.
    joint = jax.nn.softplus(joint_logits[:, 1] - joint_logits[:, 0])
    permuted = jax.nn.softplus(permuted_logits[:, 0] - permuted_logits[:, 1])
    return 0.5 * (joint.mean() + permuted.mean())


def minibatch_total_correlation(
    z: Float[Array, "batch latent"],
    mean: Float[Array, "batch latent"],
    logvar: Float[Array, "batch latent"],
    dataset_size: int | None = None,
) -> Float[Array, ""]:
    """Total correlation by minibatch-weighted sampling.

    `q(z_i) ≈ 1/(N M) Σ_j q(z_i | x_j)` over the M posteriors of the batch and N images
    of the data set, likewise for each dimension; then
    `E_i[log q(z_i) - Σ_d log q(z_id)]`.

    Eq.: Chen et al. 2018, (3)

    Args:
      z: (batch, latent), one sample of each posterior.
      mean: (batch, latent), of the posteriors.
      logvar: (batch, latent), of the posteriors.
      dataset_size: N. None omits the constant (d - 1) log(N M), which has no gradient.

    Returns:
      A scalar, nats, the mean over the batch. It is biased, and without the constant it
      is mostly negative.

    Raises:
      ValueError: if the shapes differ or are not of rank 2, or if there is one example.

    Example:
      >>> z, mean, logvar = jnp.zeros((3, 2, 2))
      >>> print(losses.minibatch_total_correlation(z, mean, logvar, dataset_size=2))
      0.6931472
    """
    shape = "batch latent"
    check_shapes(z=(z, shape), mean=(mean, shape), logvar=(logvar, shape))
    check_several(z=z)
    # log q(z_id | x_j), indexed [i, j, d]. Scale, then square: exp(-logvar) overflows
    # float32 below -88, exp(-logvar / 2) only below -177, and 0 times infinity is NaN.
    deviation2 = ((z[:, None] - mean) * jnp.exp(-0.5 * logvar)) ** 2
    log_q = -0.5 * (deviation2 + logvar + jnp.log(2 * jnp.pi))
    # Biased: i is among the j of its own average, and in high dimensions it dominates.
    log_joint = jax.nn.logsumexp(log_q.sum(axis=2), axis=1)
    log_marginals = jax.nn.logsumexp(log_q, axis=1).sum(axis=1)
    tc = (log_joint - log_marginals).mean()
    if dataset_size is None:
        return tc
    batch, latent = z.shape
    # 1 / (N M) appears once in the joint and d times in the marginals. Two logarithms,
    # because the product of the sizes may exceed int32.
    return tc + (latent - 1) * (jnp.log(dataset_size) + jnp.log(batch))
