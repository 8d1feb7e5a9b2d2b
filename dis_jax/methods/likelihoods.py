"""Likelihoods p(x | z): outputs of the decoder, log-likelihood and mean image."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dis_jax import losses
from dis_jax.suggest import suggest

DEFAULT = "bernoulli"
COMPONENTS = 5  # of a logistic mixture
VARIANCE = 1.0  # of a Gaussian whose variance no hyperparameter sets
# Lower bounds. Salimans et al. 2017 have -7 in their code, for images in [-1, 1]: in
# [0, 1], the same scale is half as large. A bin of 8 bits is then 8.6 scales wide.
_LEAST_LOG_SCALE = -7.0 - math.log(2.0)
# Rybkin et al. 2021, log sigma of -6, in their code; densities would diverge.
_LEAST_LOGVAR = -12.0


class Likelihood(NamedTuple):
    """How a decoder's output describes an image.

    Attributes:
      outputs: number of channels -> numbers per pixel in the output.
      nll: `(output, images, hparams) -> (batch,)`, nats.
      mean: `output -> images`, in [0, 1].
    """

    outputs: Callable[[int], int]
    nll: Callable[[Array, Array, Mapping[str, Array]], Float[Array, " batch"]]
    mean: Callable[[Array], Array]


def make(config: Any) -> Likelihood:
    """Makes the likelihood that a config names.

    Args:
      config: `likelihood`, one of `LIKELIHOODS` (by default "bernoulli"), and
        `mixture_components` of a "logistic_mixture". `hparams.variance` is that of a
        "gaussian", by default 1.

    Returns:
      The likelihood.

    Raises:
      ValueError: if it is unknown; suggests a similar name.
    """
    name = config.get("likelihood", DEFAULT)
    if name not in LIKELIHOODS:
        raise ValueError(
            f"config.likelihood is {name!r}; {suggest(str(name), LIKELIHOODS)}"
        )
    if name == "logistic_mixture":
        return _mixture(config.get("mixture_components", COMPONENTS))
    return LIKELIHOODS[name]


def _same(channels: int) -> int:
    return channels


def _twice(channels: int) -> int:
    return 2 * channels


def _bernoulli(output: Array, images: Array, hparams: Mapping[str, Array]) -> Array:
    del hparams
    return losses.bernoulli_nll(output, images)


def _gaussian(output: Array, images: Array, hparams: Mapping[str, Array]) -> Array:
    variance = hparams.get("variance", VARIANCE)
    return losses.gaussian_nll(jax.nn.sigmoid(output), images, variance)


def _gaussian_shared(
    output: Array, images: Array, hparams: Mapping[str, Array]
) -> Array:
    del hparams
    # sigma-VAE: the variance is not learned; it is the best one for this batch.
    mean = jax.nn.sigmoid(output)
    variance = losses.optimal_variance(mean, images)
    return losses.gaussian_nll(mean, images, variance)


def _gaussian_pixel(
    output: Array, images: Array, hparams: Mapping[str, Array]
) -> Array:
    del hparams
    mean, logvar = jnp.split(output, 2, axis=-1)
    variance = jnp.exp(_at_least(_LEAST_LOGVAR, logvar))
    return losses.gaussian_nll(jax.nn.sigmoid(mean), images, variance)


def _squared_error(output: Array, images: Array, hparams: Mapping[str, Array]) -> Array:
    """A Gaussian of variance ½ without its constant."""
    del hparams
    # -log N(x; mean, ½) = (x - mean)² + ½ log π, summed over pixels.
    error = (jax.nn.sigmoid(output) - images) ** 2
    return error.reshape(len(error), -1).sum(axis=1)


def _logistic(output: Array, images: Array, hparams: Mapping[str, Array]) -> Array:
    del hparams
    return losses.discretised_logistic_nll(*_mean_and_scale(output), images)


def _logistic_mean(output: Array) -> Array:
    return losses.clipped_logistic_mean(*_mean_and_scale(output))


def _mean_and_scale(output: Array) -> tuple[Array, Array]:
    mean, log_scale = jnp.split(output, 2, axis=-1)
    return jax.nn.sigmoid(mean), _at_least(_LEAST_LOG_SCALE, log_scale)


def _first_half(output: Array) -> Array:
    return jax.nn.sigmoid(jnp.split(output, 2, axis=-1)[0])


@functools.cache
def _mixture(components: int) -> Likelihood:
    """Logistic mixture; outputs: weights, then means and log-scales by channel."""

    def parts(output: Array) -> tuple[Array, Array, Array]:
        # (..., components), then (..., channel, mean or log-scale, components).
        logits, rest = output[..., :components], output[..., components:]
        rest = rest.reshape(*rest.shape[:-1], -1, 2, components)
        mean, log_scale = rest[..., 0, :], rest[..., 1, :]
        return logits, jax.nn.sigmoid(mean), _at_least(_LEAST_LOG_SCALE, log_scale)

    def nll(output: Array, images: Array, hparams: Mapping[str, Array]) -> Array:
        del hparams
        return losses.logistic_mixture_nll(*parts(output), images)

    def mean(output: Array) -> Array:
        logits, centres, log_scale = parts(output)
        each = losses.clipped_logistic_mean(centres, log_scale)
        return (jax.nn.softmax(logits)[..., None, :] * each).sum(axis=-1)

    return Likelihood(lambda channels: components * (1 + 2 * channels), nll, mean)


def _at_least(low: float, value: Array) -> Array:
    """Bounds a value from below by softplus; a maximum has no gradient below the bound."""
    return low + jax.nn.softplus(value - low)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Likelihood(_same, _bernoulli, jax.nn.sigmoid),
    "gaussian": Likelihood(_same, _gaussian, jax.nn.sigmoid),
    "gaussian_shared": Likelihood(_same, _gaussian_shared, jax.nn.sigmoid),
    "gaussian_pixel": Likelihood(_twice, _gaussian_pixel, _first_half),
    "discretised_logistic": Likelihood(_twice, _logistic, _logistic_mean),
    "logistic_mixture": _mixture(COMPONENTS),
    "squared_error": Likelihood(_same, _squared_error, jax.nn.sigmoid),
}
