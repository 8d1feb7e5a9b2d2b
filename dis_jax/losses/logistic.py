"""Likelihoods of 8-bit images: a logistic distribution per value, or a mixture."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_shapes
from dis_jax.pixels import refuse_integers

_SMALL = 1e-3  # widths of a bin, in scales, below which 1 - exp(-d) is d (1 - d / 2)


def discretised_logistic_nll(
    mean: Float[Array, " batch *features"],
    log_scale: Float[Array, " batch *features"],
    targets: Float[Array, " batch *features"],
    *,
    levels: int = 256,
) -> Float[Array, " batch"]:
    """Negative log-probability of quantised values under logistic distributions.

    `-Σ log [σ((t + h - mean) / s) - σ((t - h - mean) / s)]` with `s = exp(log_scale)` and
    `h = ½ / (levels - 1)`, half the distance between two levels in [0, 1]; the first bin
    reaches to -∞ and the last to ∞. Probabilities of all levels sum to 1.

    Eq.: Salimans et al. 2017, (2)

    Args:
      mean: (batch, *features), in units of the targets.
      log_scale: (batch, *features), the logarithm of the scale s.
      targets: (batch, *features), in [0, 1].
      levels: number of values of a target: 0, 1 / (levels - 1), ..., 1.

    Returns:
      (batch,), nats, summed over all axes but the first; never negative.

    Raises:
      ValueError: if the shapes differ, there is no axis besides the batch, or targets are
        integers, as bytes are.

    Example:
      >>> black = jnp.zeros((1, 2))
      >>> nll = losses.discretised_logistic_nll(black + 0.5 / 255, black, black)
      >>> print((nll / jnp.log(2)).round(1))  # half of each logistic lies below h
      [2.]
    """
    check_shapes(
        mean=(mean, "batch feature *features"),
        log_scale=(log_scale, "batch feature *features"),
        targets=(targets, "batch feature *features"),
    )
    refuse_integers("targets", targets)
    found = -_log_probability(mean, log_scale, targets, levels)
    return found.sum(axis=range(1, found.ndim))


def logistic_mixture_nll(
    logits: Float[Array, "batch *pixels component"],
    mean: Float[Array, "batch *pixels channel component"],
    log_scale: Float[Array, "batch *pixels channel component"],
    targets: Float[Array, "batch *pixels channel"],
    *,
    levels: int = 256,
) -> Float[Array, " batch"]:
    """Negative log-probability of quantised pixels under mixtures of logistics.

    `-Σ_pixels log Σ_k π_k Π_channels P(t | mean_k, s_k)`, with `π = softmax(logits)` and P
    as in `discretised_logistic_nll`. All channels of a pixel come from one component and
    are independent within it; the paper also lets green depend on red, and blue on both.

    Eq.: Salimans et al. 2017, (2)

    Args:
      logits: (batch, *pixels, component).
      mean: (batch, *pixels, channel, component), in units of the targets.
      log_scale: (batch, *pixels, channel, component).
      targets: (batch, *pixels, channel), in [0, 1].
      levels: number of values of a target.

    Returns:
      (batch,), nats, summed over pixels and channels; never negative.

    Raises:
      ValueError: if the shapes do not fit or targets are integers, as bytes are.

    Example:
      >>> grey = jnp.full((1, 4, 4, 1), 0.5)
      >>> mean = jnp.stack([grey, grey - 0.4], axis=-1)
      >>> nll = losses.logistic_mixture_nll(
      ...     jnp.zeros((1, 4, 4, 2)), mean, jnp.full(mean.shape, -9.0), grey)
      >>> print((nll / 16).round(2))  # half of the mixture's weight is right: log 2
      [0.69]
    """
    check_shapes(
        targets=(targets, "batch *pixels channel"),
        logits=(logits, "batch *pixels component"),
        mean=(mean, "batch *pixels channel component"),
        log_scale=(log_scale, "batch *pixels channel component"),
    )
    refuse_integers("targets", targets)
    each = _log_probability(mean, log_scale, targets[..., None], levels)
    # Channels are independent within a component: log-probabilities add up before the
    # mixture, whose sum over components is a log-sum-exp.
    together = jax.nn.log_softmax(logits) + each.sum(axis=-2)
    found = -jax.nn.logsumexp(together, axis=-1)
    return found.sum(axis=range(1, found.ndim))


def clipped_logistic_mean(
    mean: Float[Array, " *features"], log_scale: Float[Array, " *features"]
) -> Float[Array, " *features"]:
    """Mean of a logistic variable that is clipped to [0, 1].

    `∫₀¹ σ((mean - t) / s) dt = s [softplus(mean / s) - softplus((mean - 1) / s)]`: the mean
    of the distribution in `discretised_logistic_nll`, up to the square of a level's width.

    Eq.: Salimans et al. 2017, mean of (2)

    Args:
      mean: of the logistic distribution, before clipping.
      log_scale: (as `mean`), the logarithm of its scale s.

    Returns:
      (as `mean`), in [0, 1].

    Raises:
      ValueError: if the shapes differ.

    Example:
      >>> mean = jnp.array([0.0, 0.5, 1.0])
      >>> print(losses.clipped_logistic_mean(mean, jnp.full(3, -2.0)).round(3))
      [0.094 0.5   0.906]
    """
    check_shapes(mean=(mean, "*features"), log_scale=(log_scale, "*features"))
    scale = jnp.exp(log_scale)
    found = jax.nn.softplus(mean / scale) - jax.nn.softplus((mean - 1.0) / scale)
    return jnp.clip(scale * found, 0.0, 1.0)


def _log_probability(
    mean: Array, log_scale: Array, targets: Array, levels: int
) -> Array:
    """Log-probability of the bin around each target."""
    half = 0.5 / (levels - 1)
    inverse = jnp.exp(-log_scale)
    above, below = ((targets + side * half - mean) * inverse for side in (1, -1))
    # σ(a) - σ(b) = σ(a) σ(-b) (1 - exp(b - a)), without cancellation, where a - b is
    # the width of the bin in scales.
    log_width = jnp.log(2 * half) - log_scale
    # Both branches of `where` get finite arguments: an infinite gradient in the branch
    # that is not chosen would make the result NaN.
    width = jnp.maximum(jnp.exp(log_width), _SMALL)
    inner = jnp.where(
        log_width < jnp.log(_SMALL),
        log_width - 0.5 * jnp.exp(jnp.minimum(log_width, 0.0)),
        jnp.log(-jnp.expm1(-width)),
    )
    to_upper, to_lower = jax.nn.log_sigmoid(above), jax.nn.log_sigmoid(-below)
    found = to_upper + to_lower + inner
    # The outer bins are open: P(above the last edge) = σ(-b), P(below the first) =
    # σ(a).
    found = jnp.where(targets > 1.0 - half, to_lower, found)
    return jnp.where(targets < half, to_upper, found)
