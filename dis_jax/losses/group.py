"""Codes shared by a group of images: evidence, noise, evidence lower bound."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jaxtyping import Array, Bool, Float, Int, Key

from dis_jax.losses._shapes import check_shapes


def accumulate_evidence(
    mean: Float[Array, "batch latent"],
    logvar: Float[Array, "batch latent"],
    group: Int[Array, " batch"],
    num_groups: int,
) -> tuple[Float[Array, "num_groups latent"], Float[Array, "num_groups latent"]]:
    """Product of the Gaussians of each group, the accumulated evidence of its members.

    `1/var_g = Σ_i 1/var_i` and `mean_g = var_g Σ_i mean_i/var_i`, computed as
    `logvar_g = -logsumexp_i(-logvar_i)` and `mean_g = Σ_i softmax_i(-logvar_i) mean_i`.
    The product does not include a prior. `group_mean[group]` gives each example the value
    of its group (an example without a group gets the value of another group). Groups span
    the whole (global) batch; under `pmap` or `shard_map`, only the shard.

    Eq.: Bouchacourt et al. 2018, product of normal densities

    Args:
      mean: (batch, latent).
      logvar: (batch, latent).
      group: (batch,), whole numbers in [0, num_groups), in any order; an example with
        another number belongs to no group.
      num_groups: the largest possible number of groups, static.

    Returns:
      Mean and log-variance of each group, (num_groups, latent) each. A group without
      members is the standard normal (0, 0), whose KL divergence is 0.

    Raises:
      ValueError: if the shapes do not agree.

    Example:
      >>> mean, logvar = jnp.array([[1.0], [3.0], [5.0]]), jnp.zeros((3, 1))
      >>> group_mean, group_logvar = losses.accumulate_evidence(
      ...     mean, logvar, jnp.array([0, 0, 1]), num_groups=2
      ... )
      >>> print(group_mean[:, 0], jnp.exp(group_logvar[:, 0]))
      [2. 5.] [0.5 1. ]
    """
    check_shapes(
        mean=(mean, "batch latent"),
        logvar=(logvar, "batch latent"),
        group=(group, "batch"),
    )
    valid = (group >= 0) & (group < num_groups)
    # An example without a group is put in group 0 with precision exp(-inf) = 0.
    log_precision = jnp.where(valid[:, None], -logvar, -jnp.inf)
    # The largest log-precision cancels in the results, so it needs no gradient.
    most = stop_gradient(
        jax.ops.segment_max(log_precision, jnp.where(valid, group, 0), num_groups)
    )
    member = group[:, None] == jnp.arange(num_groups)
    empty = ~member.any(axis=0)[:, None]
    most = jnp.where(empty, 0.0, most)
    # Log-sum-exp: weights relative to the group's largest precision cannot overflow.
    weights = jnp.exp(jnp.where(valid[:, None], -logvar - most[group], -jnp.inf))
    # A total of 1 gives an empty group mean 0 / 1 and logvar -0 - log 1 = 0.
    total = jnp.where(empty, 1.0, _sum_groups(member, weights))
    group_mean = _sum_groups(member, weights * mean) / total
    return group_mean, -most - jnp.log(total)


def _sum_groups(
    member: Bool[Array, "batch num_groups"], values: Float[Array, "batch latent"]
) -> Float[Array, "num_groups latent"]:
    """Sum over the members of each group."""
    # A matrix product, because scattered additions are slower and their order, so their
    # rounding, is not fixed on a GPU. "highest" avoids TF32.
    return jnp.matmul(
        member.T.astype(values.dtype), values, precision=jax.lax.Precision.HIGHEST
    )


def multiply_posteriors(
    mean1: Float[Array, "batch latent"],
    logvar1: Float[Array, "batch latent"],
    mean2: Float[Array, "batch latent"],
    logvar2: Float[Array, "batch latent"],
) -> tuple[Float[Array, "batch latent"], Float[Array, "batch latent"]]:
    """Product of two Gaussians, latent by latent: `accumulate_evidence` of pairs.

    `1/var = 1/var1 + 1/var2`, `mean = var (mean1/var1 + mean2/var2)`. The weakly
    supervised ML-VAE of `disentanglement_lib` uses twice this variance; this is the
    product.

    Eq.: Bouchacourt et al. 2018, product of normal densities

    Args:
      mean1: (batch, latent).
      logvar1: (batch, latent).
      mean2: (batch, latent), of the partners, in the same order.
      logvar2: (batch, latent).

    Returns:
      Mean and log-variance, (batch, latent) each.

    Raises:
      ValueError: if the shapes differ or are not of rank 2.

    Example:
      >>> one = jnp.ones((1, 1))
      >>> mean, logvar = losses.multiply_posteriors(one, 0 * one, 3 * one, 0 * one)
      >>> print(mean, jnp.exp(logvar))
      [[2.]] [[0.5]]
    """
    _check_pair(mean1, logvar1, mean2, logvar2)
    # var / var1 = 1 / (1 + var1 / var2), a sigmoid of the difference of log-variances.
    weight = jax.nn.sigmoid(logvar2 - logvar1)
    logvar = -jnp.logaddexp(-logvar1, -logvar2)
    return weight * mean1 + (1 - weight) * mean2, logvar


def average_posteriors(
    mean1: Float[Array, "batch latent"],
    logvar1: Float[Array, "batch latent"],
    mean2: Float[Array, "batch latent"],
    logvar2: Float[Array, "batch latent"],
) -> tuple[Float[Array, "batch latent"], Float[Array, "batch latent"]]:
    """Mean of the means and mean of the variances of two Gaussians, latent by latent.

    In the dimensions that a pair shares, Ada-GVAE and GroupVAE replace both posteriors by
    this average.

    Eq.: Locatello et al. 2020, Ada-GVAE

    Args:
      mean1: (batch, latent).
      logvar1: (batch, latent).
      mean2: (batch, latent), of the partners, in the same order.
      logvar2: (batch, latent).

    Returns:
      Mean and log-variance, (batch, latent) each.

    Raises:
      ValueError: if the shapes differ or are not of rank 2.

    Example:
      >>> one = jnp.ones((1, 1))
      >>> mean, logvar = losses.average_posteriors(one, 0 * one, 3 * one, 0 * one)
      >>> print(mean, jnp.exp(logvar))
      [[2.]] [[1.]]
    """
    _check_pair(mean1, logvar1, mean2, logvar2)
    # log((var1 + var2) / 2), computed from logarithms.
    return 0.5 * (mean1 + mean2), jnp.logaddexp(logvar1, logvar2) - jnp.log(2)


def adaptive_shared_dims(
    mean1: Float[Array, "batch latent"],
    logvar1: Float[Array, "batch latent"],
    mean2: Float[Array, "batch latent"],
    logvar2: Float[Array, "batch latent"],
) -> Bool[Array, "batch latent"]:
    """Estimates which latents a pair of images shares, if the changes are unknown.

    `δ_d = KL(q(z_d|x1) || q(z_d|x2))`, shared where `δ_d <= ½ (min_d δ_d + max_d δ_d)`;
    each pair has its own threshold, and the divergence is directed from 1 to 2, as in
    `disentanglement_lib`.

    Eq.: Locatello et al. 2020, practical adaptive algorithms

    Args:
      mean1: (batch, latent).
      logvar1: (batch, latent).
      mean2: (batch, latent), of the partners, in the same order.
      logvar2: (batch, latent).

    Returns:
      (batch, latent) of bool. Two equal posteriors share all. No gradient flows.

    Raises:
      ValueError: if the shapes differ or are not of rank 2.

    Example:
      >>> zeros, mean2 = jnp.zeros((1, 3)), jnp.array([[0.1, 0.0, 4.0]])
      >>> print(losses.adaptive_shared_dims(zeros, zeros, mean2, zeros))
      [[ True  True False]]
    """
    _check_pair(mean1, logvar1, mean2, logvar2)
    log_ratio = logvar1 - logvar2
    # Scale, then square: exp(-logvar) overflows float32 below -88, exp(-logvar / 2)
    # only below -177, and equal means times infinity would be NaN.
    distance2 = ((mean1 - mean2) * jnp.exp(-0.5 * logvar2)) ** 2
    delta = 0.5 * (jnp.expm1(log_ratio) - log_ratio + distance2)
    # A finite maximum keeps the threshold finite, so an infinite divergence exceeds it.
    delta = jnp.minimum(delta, jnp.finfo(delta.dtype).max)
    least, most = delta.min(axis=1, keepdims=True), delta.max(axis=1, keepdims=True)
    # Halved before the sum, because the sum could overflow.
    return delta <= 0.5 * least + 0.5 * most


def group_noise(
    key: Key[Array, ""],
    group: Int[Array, " batch"],
    num_groups: int,
    latent: int,
    *,
    scale: Float[Array, ""] | float = 1.0,
    per: Literal["group", "example"] = "group",
) -> Float[Array, "batch latent"]:
    """Normal noise, one draw for each group (shared by its members) or each example.

    `ε_i = scale · n_g(i)` with one n ~ N(0, I) per group or per example. The sample
    of the group's code is `mean_g + exp(logvar_g / 2) ε`.

    Eq.: Bouchacourt et al. 2018, Algorithm 1

    Args:
      key: a random key.
      group: (batch,), whole numbers in [0, num_groups).
      num_groups: the largest possible number of groups, static.
      latent: number of dimensions.
      scale: standard deviation; 0 makes the code its mean.
      per: "group" for one draw per group, "example" for one per example.

    Returns:
      (batch, latent).

    Raises:
      ValueError: if `group` is not of rank 1 or `per` is unknown.

    Example:
      >>> group = jnp.array([1, 0, 1])
      >>> noise = losses.group_noise(jax.random.key(0), group, num_groups=2, latent=5)
      >>> print(noise.shape, (noise[0] == noise[2]).all())
      (3, 5) True
    """
    check_shapes(group=(group, "batch"), scale=(scale, ""))
    if per not in ("group", "example"):
        raise ValueError(f'`per` is {per!r}; expected "group" or "example".')
    if per == "example":
        return scale * jax.random.normal(key, (len(group), latent))
    # A draw for every possible group, also empty ones: static shapes under jit.
    return scale * jax.random.normal(key, (num_groups, latent))[group]


def count_groups(group: Int[Array, " batch"], num_groups: int) -> Int[Array, ""]:
    """Number of groups that have a member, the divisor of group losses.

    Eq.: Bouchacourt et al. 2018, Algorithm 1

    Args:
      group: (batch,), whole numbers in [0, num_groups).
      num_groups: the largest possible number of groups, static.

    Returns:
      A scalar, a whole number.

    Raises:
      ValueError: if `group` is not of rank 1.

    Example:
      >>> print(losses.count_groups(jnp.array([3, 0, 3]), num_groups=10))
      2
    """
    check_shapes(group=(group, "batch"))
    # (batch, num_groups), because the result of `jnp.unique` has no static shape.
    return (group[:, None] == jnp.arange(num_groups)).any(axis=0).sum()


def group_elbo(
    nll: Float[Array, " batch"],
    style_kl: Float[Array, " batch"],
    class_kl: Float[Array, " num_groups"],
    group: Int[Array, " batch"],
) -> Float[Array, ""]:
    """Evidence lower bound, averaged over groups.

    `-1/|G| [Σ_i (nll_i + style_kl_i) + Σ_g class_kl_g]` over the |G| groups that have a
    member. All three terms are summed and share the divisor: dividing the first two by
    the batch size instead would overweight the class code batch / |G| times.

    Eq.: Bouchacourt et al. 2018, Algorithm 1

    Args:
      nll: (batch,), negative log-likelihood of each example.
      style_kl: (batch,), KL divergence of each example's style code.
      class_kl: (num_groups,), KL divergence of each group's class code; the value of a
        group without members is ignored.
      group: (batch,), whole numbers in [0, num_groups).

    Returns:
      A scalar, nats per group; larger is better, so its negative is the loss.

    Raises:
      ValueError: if the shapes do not agree.

    Example:
      >>> elbo = losses.group_elbo(
      ...     nll=jnp.array([10.0, 20.0, 30.0]),
      ...     style_kl=jnp.ones(3),
      ...     class_kl=jnp.array([3.0, 4.0, 0.0]),
      ...     group=jnp.array([0, 0, 1]),
      ... )
      >>> print(elbo)  # (60 + 3 + 7) / 2
      -35.0
    """
    check_shapes(
        nll=(nll, "batch"),
        style_kl=(style_kl, "batch"),
        class_kl=(class_kl, "num_groups"),
        group=(group, "batch"),
    )
    # `where`, not a product: the KL of an absent group may be NaN or infinite.
    present = (group[:, None] == jnp.arange(len(class_kl))).any(axis=0)
    total = (nll + style_kl).sum() + jnp.where(present, class_kl, 0.0).sum()
    return -total / present.sum()


def swap_partners(
    key: Key[Array, ""], group: Int[Array, " batch"]
) -> Int[Array, " batch"]:
    """Draws for each example another member of its group, uniformly.

    Eq.: Bouchacourt et al. 2018, swapping of class codes

    Args:
      key: a random key.
      group: (batch,), whole numbers.

    Returns:
      (batch,), positions in the batch; an example alone in its group is its own
      partner.

    Raises:
      ValueError: if `group` is not of rank 1.

    Example:
      >>> print(losses.swap_partners(jax.random.key(0), jnp.array([7, 3, 7])))
      [2 1 0]
    """
    check_shapes(group=(group, "batch"))
    itself = jnp.arange(len(group))
    others = (group[:, None] == group) & (itself[:, None] != itself)
    # Equal logits: uniform over the others. In a row without others all logits are -inf
    # and the draw means nothing; the last line replaces it.
    partner = jax.random.categorical(key, jnp.where(others, 0.0, -jnp.inf))
    return jnp.where(others.any(axis=1), partner, itself)


def swap_reconstruction(
    swapped_nll: Float[Array, " batch"], partner: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Reconstruction error with the class code of another member of the group.

    `-log p(x_i | style_i, class_j)` with j = `swap_partners` of i. It makes the
    decoder use the class code: the error is low only if the class code of each member
    contains what the group shares.

    Eq.: Bouchacourt et al. 2018, swapping of class codes

    Args:
      swapped_nll: (batch,), negative log-likelihood of each image, decoded from its own
        style code and `class_code[partner]`.
      partner: (batch,), from `swap_partners`.

    Returns:
      (batch,), nats; 0 for an example without a partner, which has nothing to swap.

    Raises:
      ValueError: if the shapes differ.

    Example:
      >>> nll = jnp.array([10.0, 20.0, 30.0])
      >>> print(losses.swap_reconstruction(nll, jnp.array([2, 1, 0])))
      [10.  0. 30.]
    """
    check_shapes(swapped_nll=(swapped_nll, "batch"), partner=(partner, "batch"))
    return jnp.where(partner == jnp.arange(len(partner)), 0.0, swapped_nll)


def _check_pair(mean1: Array, logvar1: Array, mean2: Array, logvar2: Array) -> None:
    shape = "batch latent"
    check_shapes(
        mean1=(mean1, shape),
        logvar1=(logvar1, shape),
        mean2=(mean2, shape),
        logvar2=(logvar2, shape),
    )
