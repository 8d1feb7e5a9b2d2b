"""A network that predicts each factor from a code, all factors in parallel."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from jaxtyping import Array, Bool, Float, Int, Key
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_split, random_key
from dis_jax.training.program import backend

_WIDTHS = (256, 256)
_BATCH = 200
_RATE = 1e-3
# Standard deviations at which these weights and this rate fit a network. Three factors of
# 3 to 8 values, 2,000 rows: accuracy .97 at .02 and .96 at 1, but .86 at .01, .26 at .001,
# .83 at 100 and .80 at 1,000.
_SPREAD = 0.02, 100.0


class _Split(NamedTuple):
    """Codes, and the labels of each factor as numbers from 0; unseen in training = -1."""

    codes: Float[Array, "batch latent"]
    labels: Int[Array, "factor batch"]
    test_codes: Float[Array, "test latent"]
    test_labels: Int[Array, "factor test"]


def mlp_accuracy(
    key: Key[Array, ""] | int,
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    seen: Bool[Any, "factor latent"] | None = None,
    epochs: int = 40,
) -> Float[np.ndarray, " factor"]:
    """Test accuracy of a network with two layers of 256 for each factor.

    One program fits all factors: Adam in batches of 200, from 1e-3 with cosine decay.
    scikit-learn's network stops early, after 34 to 200 epochs; this network trains for a
    fixed number of epochs. On an accelerator that takes seconds, not hours.

    Args:
      key: of weights and order; or a seed.
      codes: (batch, latent), used as they are: there is a warning if the largest standard
        deviation of a dimension is not between .02 and 100.
      factors: (batch, factor), integers, each factor with at least two values.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      seen: which dimensions predict each factor; all by default.
      epochs: passes over the training codes.

    Returns:
      Accuracy on the test codes, (factor,).

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), or
        a factor is constant.

    Example:
      >>> from dis_jax import evaluation
      >>> factors = np.indices((2, 3)).reshape(2, -1).T.repeat(400, axis=0)
      >>> split = factors, factors, factors, factors
      >>> evaluation.mlp_accuracy(jax.random.key(0), *split, epochs=10).tolist()
      [1.0, 1.0]
    """
    key = random_key(key)
    x, y, x_test, y_test = check_split(codes, factors, test_codes, test_factors)
    spread = float(x.astype(np.float64).std(axis=0).max())
    if spread and not _SPREAD[0] <= spread <= _SPREAD[1]:
        logging.warning(
            "the MLP hardly learns from codes of this scale: their largest standard "
            "deviation is %.2g, outside %g to %g; divide them by it",
            *(spread, *_SPREAD),
        )
    shape = y.shape[1], x.shape[1]
    mask = np.ones(shape, bool) if seen is None else np.asarray(seen, bool)
    if mask.shape != shape:
        raise ValueError(f"seen has shape {mask.shape}; expected {shape}.")
    labels, test_labels = [], []
    for column, test_column in zip(y.T, y_test.T, strict=True):
        values = np.unique(column)
        labels.append(values.searchsorted(column))
        # A test value that training lacks becomes -1, which no prediction equals.
        at = values.searchsorted(test_column).clip(max=len(values) - 1)
        test_labels.append(np.where(values[at] == test_column, at, -1))
    split = _Split(
        jnp.asarray(x, jnp.float32),
        jnp.asarray(np.stack(labels), jnp.int32),
        jnp.asarray(x_test, jnp.float32),
        jnp.asarray(np.stack(test_labels), jnp.int32),
    )
    # One output size for all factors: factors with fewer classes learn that the spare
    # classes do not occur.
    classes = int(split.labels.max()) + 1
    return np.asarray(_fit(classes, epochs, key, split, jnp.asarray(mask)), np.float64)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _fit(
    classes: int, epochs: int, key: Array, split: _Split, seen: Array
) -> Float[Array, " factor"]:
    count, latent = split.codes.shape
    batch = min(_BATCH, count)
    steps = epochs * (count // batch)
    adam = optax.adam(optax.cosine_decay_schedule(_RATE, steps))
    glorot = nn.initializers.xavier_uniform()
    layers = [nn.Dense(width, kernel_init=glorot) for width in (*_WIDTHS, classes)]
    network = nn.Sequential([layers[0], nn.relu, layers[1], nn.relu, layers[2]])

    def accuracy(
        init_key: Array, labels: Array, test_labels: Array, seen: Array
    ) -> Array:
        def loss(params: Any, index: Array) -> Array:
            logits: Any = network.apply(params, split.codes[index] * seen)
            return optax.softmax_cross_entropy_with_integer_labels(
                logits, labels[index]
            ).mean()

        def step(carry: Any, index: Array) -> tuple[Any, None]:
            params, opt = carry
            updates, opt = adam.update(jax.grad(loss)(params, index), opt)
            return (optax.apply_updates(params, updates), opt), None

        params = network.init(init_key, jnp.zeros((1, latent)))
        (params, _), _ = jax.lax.scan(step, (params, adam.init(params)), order)
        logits: Any = network.apply(params, split.test_codes * seen)
        return (logits.argmax(axis=1) == test_labels).mean()

    # One order for all factors: under vmap they share it, and only the labels differ.
    order_key, init_key = jax.random.split(key)
    shuffled = jax.vmap(lambda k: jax.random.permutation(k, count))(
        jax.random.split(order_key, epochs)
    )
    # Each epoch drops the rows that do not fill a batch: (steps, batch).
    order = shuffled[:, : count // batch * batch].reshape(steps, batch)
    keys = jax.random.split(init_key, len(seen))
    args = keys, split.labels, split.test_labels, seen
    if backend().vectorise:
        return jax.vmap(accuracy)(*args)
    return jax.lax.map(lambda each: accuracy(*each), args)
