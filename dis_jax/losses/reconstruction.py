"""Reconstruction losses: negative log-likelihoods of images under a decoder."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_shapes
from dis_jax.pixels import refuse_integers


def bernoulli_nll(
    logits: Float[Array, " batch *features"], targets: Float[Array, " batch *features"]
) -> Float[Array, " batch"]:
    """Negative log-likelihood of pixels under independent Bernoulli distributions.

    `-Σ t log σ(l) + (1 - t) log(1 - σ(l))`, exact for logits of any size. Targets
    between 0 and 1 are used as they are, as is usual for VAEs on grey or coloured
    images; the smallest value is then the entropy of the targets, not 0.

    Eq.: Kingma & Welling 2014, appendix C.1 (11)

    Args:
      logits: (batch, *features), log-odds that a pixel is 1.
      targets: (batch, *features), in [0, 1].

    Returns:
      (batch,), nats, summed over all axes but the first; never negative.

    Raises:
      ValueError: if the shapes differ, there is no axis besides the batch, or targets are
        integers, as bytes are.

    Example:
      >>> logits, targets = jnp.zeros((2, 1, 28, 28, 1))
      >>> nll = losses.bernoulli_nll(logits, targets)
      >>> print(nll.round(2))  # 784 log 2
      [543.43]
    """
    check_shapes(
        logits=(logits, "batch feature *features"),
        targets=(targets, "batch feature *features"),
    )
    refuse_integers("targets", targets)
    # softplus(l) - l t = max(l, 0) - l t + log(1 + exp(-|l|)), so no exp overflows.
    # minimum(l, -l) is -|l| with slope 0 at 0, which makes the slope there σ(0) - t.
    remainder = jnp.log1p(jnp.exp(jnp.minimum(logits, -logits)))
    nll = jnp.maximum(logits, 0) - logits * targets + remainder
    return _sum_features(nll)


def gaussian_nll(
    mean: Float[Array, " batch *features"],
    targets: Float[Array, " batch *features"],
    variance: Float[Array, "..."] | float = 1.0,
) -> Float[Array, " batch"]:
    """Negative log-likelihood of pixels under independent Gaussian distributions.

    `Σ ½ [(t - mean)² / variance + log(2π variance)]`: the constant is included, so that
    values can be compared between variances and turned into an evidence bound.

    Eq.: Kingma & Welling 2014, appendix C.2 (12)

    Args:
      mean: (batch, *features).
      targets: (batch, *features).
      variance: positive; a scalar or an array that broadcasts to (batch, *features).

    Returns:
      (batch,), nats, summed over all axes but the first; negative where a density is
      above 1.

    Raises:
      ValueError: if the shapes differ, there is no axis besides the batch, or targets are
        integers, as bytes are.

    Example:
      >>> nll = losses.gaussian_nll(jnp.zeros((1, 2)), jnp.array([[0.0, 1.0]]))
      >>> print(nll.round(4))  # log 2π + ½
      [2.3379]
    """
    check_shapes(
        mean=(mean, "batch feature *features"),
        targets=(targets, "batch feature *features"),
    )
    refuse_integers("targets", targets)
    # A variance of larger shape would broadcast `mean` and silently change the sum.
    shape = jnp.shape(variance)
    trailing = mean.shape[mean.ndim - len(shape) :]
    if len(shape) > mean.ndim or any(
        size not in (1, wanted) for size, wanted in zip(shape, trailing, strict=True)
    ):
        raise ValueError(
            f"`variance` has shape {shape}; expected a scalar or a shape that "
            f"broadcasts to that of `mean`, {mean.shape}."
        )
    nll = 0.5 * ((targets - mean) ** 2 / variance + jnp.log(2 * jnp.pi * variance))
    return _sum_features(nll)


def optimal_variance(
    mean: Float[Array, " batch *features"], targets: Float[Array, " batch *features"]
) -> Float[Array, ""]:
    """Shared variance that maximises the Gaussian likelihood of a batch.

    `σ² = mean over batch and features of (t - mean)²`. Its gradient is stopped: at the
    maximum the derivative of the likelihood in σ² is 0, so the gradient of
    `gaussian_nll(mean, targets, σ²)` in the mean is exact without it.

    Eq.: Rybkin et al. 2021, optimal sigma-VAE

    Args:
      mean: (batch, *features).
      targets: (batch, *features).

    Returns:
      A scalar, at least 1e-10.

    Raises:
      ValueError: if the shapes differ, there is no axis besides the batch, or targets are
        integers, as bytes are.

    Example:
      >>> mean, targets = jnp.zeros((1, 2)), jnp.array([[0.5, 1.5]])
      >>> print(losses.optimal_variance(mean, targets))
      1.25
    """
    check_shapes(
        mean=(mean, "batch feature *features"),
        targets=(targets, "batch feature *features"),
    )
    refuse_integers("targets", targets)
    return jax.lax.stop_gradient(jnp.maximum(((targets - mean) ** 2).mean(), 1e-10))


def _sum_features(nll: Float[Array, " batch *features"]) -> Float[Array, " batch"]:
    # A product with ones, because XLA does not vectorise a sum that it fuses with the
    # logarithm on a CPU: 18 ms instead of 0.7 ms for 64 images of 64x64.
    flat = nll.reshape(nll.shape[0], -1)
    return jnp.dot(flat, jnp.ones(flat.shape[1], flat.dtype), precision="highest")
