"""A small network in place of a decoder, so that searches need not decode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key
from threadpoolctl import threadpool_limits

from dis_jax.studies.latent_search import Features

_BATCH = 256
_HELD_OUT = 1024  # decoded images that test the fit; as many give the components


def fit_surrogate(
    decode: Callable[[Array], Array],
    codes: Float[Array, "batch latent"],
    key: Key[Array, ""],
    *,
    std: float = 0.5,
    components: int = 64,
    width: int = 128,
    num: int = 32_768,
    steps: int = 6_000,
) -> tuple[Features, float]:
    """Fits a small network to the principal components of decoded images.

    `P (decode(z) - m) ≈ network(z)`, where the rows of P are the principal components of
    decoded images and m is their mean. Squared distances between components replace
    those between images: an image's part outside the components adds a constant to the
    fitness. The training codes are the given codes plus noise.

    Args:
      decode: codes -> images.
      codes: of images like those that the searches start from.
      key: source of the noise and of the network's weights.
      std: largest standard deviation of the noise; each code has its own, from 0.
      components: number of principal components.
      width: of both hidden layers.
      num: number of decoded images.
      steps: of Adam, with 256 codes each.

    Returns:
      The features; and the share of the variance of held-out decoded images that the
      network does not predict, 0 to 1.

    Example:
      >>> from dis_jax import studies
      >>> mix = jax.random.normal(jax.random.key(0), (2, 16))
      >>> features, unexplained = studies.fit_surrogate(
      ...     lambda z: (z @ mix).reshape(-1, 4, 4, 1),
      ...     jax.random.normal(jax.random.key(1), (500, 2)), jax.random.key(2),
      ...     components=2, width=16, num=2048, steps=300)
      >>> unexplained < 0.05
      True
    """
    *of_codes, start, order = jax.random.split(key, 5)
    z = np.asarray(_around(of_codes, codes, std, num + _HELD_OUT))
    flat = jax.jit(lambda part: decode(part).reshape(len(part), -1))
    images = np.concatenate([np.asarray(flat(part)) for part in _parts(z)])
    centre = images[:num].mean(axis=0)
    # Components of a part of the images: the SVD of all would take longer than the fit.
    sample = images[:num][:_HELD_OUT] - centre
    with threadpool_limits(1):  # on a busy machine several threads take minutes
        axes = np.linalg.svd(sample, full_matrices=False)[2][:components]
    targets = (images[:num] - centre) @ axes.T
    unit = np.sqrt((targets**2).mean())
    params = _first_params(start, z.shape[1], width, len(axes))
    params = _fit(order, z[:num], targets / unit, params, steps)
    axes, centre = jnp.asarray(axes), jnp.asarray(centre)
    features = Features(
        lambda part: unit * _apply(params, part),
        lambda part: (part.reshape(len(part), -1) - centre) @ axes.T,
    )
    found = np.asarray(jax.jit(features.of_codes)(z[num:])) @ np.asarray(axes)
    left = images[num:] - np.asarray(centre)
    return features, float(((left - found) ** 2).sum() / (left**2).sum())


@functools.partial(jax.jit, static_argnums=3)
def _around(keys: list[Array], codes: Array, std: float, num: int) -> Array:
    """Samples of the given codes, plus noise."""
    pick, scale, noise = keys
    z = codes[jax.random.choice(pick, len(codes), (num,))]
    spread = std * jax.random.uniform(scale, (num, 1))
    return z + spread * jax.random.normal(noise, z.shape)


def _parts(z: np.ndarray) -> list[np.ndarray]:
    return [z[i : i + _BATCH] for i in range(0, len(z), _BATCH)]


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _first_params(key: Array, latent: int, width: int, features: int) -> list[Any]:
    sizes = latent, width, width, features
    return [
        (jax.random.normal(k, (a, b)) * np.sqrt(2 / a), jnp.zeros(b))
        for k, a, b in zip(jax.random.split(key, 3), sizes, sizes[1:], strict=False)
    ]


def _apply(params: list[Any], z: Array) -> Array:
    *hidden, (weights, bias) = params
    for w, b in hidden:
        z = jax.nn.relu(z @ w + b)
    return z @ weights + bias


@functools.partial(jax.jit, static_argnums=4)
def _fit(
    key: Array, z: Array, targets: Array, params: list[Any], steps: int
) -> list[Any]:
    """Least squares by Adam, whose learning rate falls to 0."""
    adam = optax.adam(optax.cosine_decay_schedule(3e-3, steps))

    def step(memory: tuple[Any, Any], key: Array) -> tuple[Any, None]:
        params, state = memory
        index = jax.random.randint(key, (_BATCH,), 0, len(z))
        loss = lambda p: ((_apply(p, z[index]) - targets[index]) ** 2).sum(1).mean()
        update, state = adam.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, update), state), None

    keys = jax.random.split(key, steps)
    return jax.lax.scan(step, (params, adam.init(params)), keys)[0][0]
