"""A classifier of real digits, which labels generated images."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from jaxtyping import Array, Float, Int

from dis_jax import data, networks
from dis_jax.files import replacing

_FILE = "digit_classifier.npz"
_BATCH = 128
_MOMENTUM = 0.9
_SIDE = 28
_Path = str | os.PathLike[str]


class DigitClassifier(NamedTuple):
    """A LeNet trained on MNIST's training images.

    Images are floats in [0, 1], (batch, side, side, 1); they are resized if the side is
    not 28.

    Attributes:
      params: of the network.
      accuracy: on MNIST's test images.
    """

    params: Any
    accuracy: float

    def digits(self, images: Any) -> Int[np.ndarray, " batch"]:
        """The most likely digit of each image."""
        return _read(self.params, images)[0].argmax(axis=1)

    def features(self, images: Any) -> Float[np.ndarray, "batch 500"]:
        """The last hidden layer of each image."""
        return _read(self.params, images)[1]


def digit_classifier(
    data_dir: _Path | None = None,
    cache_dir: _Path | None = None,
    *,
    epochs: int = 5,
    learning_rate: float = 0.03,
) -> DigitClassifier:
    """Loads the digit classifier from the cache, or trains and caches it.

    Training uses stochastic gradient descent with momentum .9, batches of 128 and cosine
    decay of the learning rate to 0, for half the epochs of the public code of
    Elastic-InfoGAN (its rate is .01 and its momentum .5). Numbers are comparable only if
    they come from the same classifier.

    Args:
      data_dir: the folder of MNIST, see `data.load`.
      cache_dir: of the trained classifier; ~/.cache/dis_jax by default.
      epochs: of training.
      learning_rate: at the start.

    Returns:
      The classifier.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.digit_classifier().accuracy > 0.99  # doctest: +SKIP
      True
    """
    folder = pathlib.Path(cache_dir or pathlib.Path.home() / ".cache" / "dis_jax")
    settings = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": _BATCH,
        "momentum": _MOMENTUM,
    }
    known = _load(folder / _FILE, settings)
    if known is not None:
        return known
    images, labels = _all(data_dir, "train")
    params = _train(images, labels, epochs, learning_rate)
    test, labels = _all(data_dir, "test")
    made = DigitClassifier(params, 0.0)
    accuracy = float(np.mean(made.digits(test) == np.asarray(labels)))
    logging.info("digit classifier: %.2f %% test accuracy", 100 * accuracy)
    made = made._replace(accuracy=accuracy)
    _save(folder / _FILE, made, settings)
    return made


def frechet_distance(
    first: Float[Any, "batch feature"], second: Float[Any, "batch2 feature"]
) -> float:
    """Fréchet distance of Gaussians fitted to two sets of features.

    `|m - m'|² + tr(S + S' - 2 (S S')^½)`, with m and S mean and covariance. On the
    features of a network other than Inception this is not the FID, and only numbers
    from the same network are comparable.

    Eq.: Heusel et al. 2017, (6)

    Args:
      first: features of some images; reliable with more rows than features.
      second: features of other images.

    Returns:
      At least 0; 0 for equal means and covariances.

    Raises:
      ValueError: if the numbers of features differ, a set has fewer than two rows, or a
        value is not finite.

    Example:
      >>> from dis_jax import evaluation
      >>> a = np.array([[0.0], [2.0]])
      >>> evaluation.frechet_distance(a, a + 3.0)
      9.0
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if (
        x.ndim != 2
        or y.ndim != 2
        or x.shape[1] != y.shape[1]
        or min(len(x), len(y)) < 2
    ):
        raise ValueError(
            f"features have the shapes {x.shape} and {y.shape}; expected two matrices "
            "(batch, feature) with at least two rows and equal numbers of features."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("features must be finite; check the images.")
    covariances = [np.cov(v, rowvar=False).reshape(x.shape[1], -1) for v in (x, y)]
    # tr (S S')^½ = tr (S^½ S' S^½)^½, where the right matrix is symmetric: its
    # eigenvalues are real, and no root of a general matrix is needed.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = sum(map(np.trace, covariances)) - 2 * np.sqrt(np.maximum(both, 0)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + max(trace, 0.0))


def _all(data_dir: _Path | None, split: str) -> tuple[Array, Array]:
    """Images and labels of a split of MNIST."""
    image_set = data.load("mnist", data_dir, split)
    images, factors = image_set.take(jnp.arange(image_set.num_images))
    return images, factors[:, 0]


@functools.partial(jax.jit, static_argnums=2)
def _step(
    carry: tuple[Any, Any], batch: tuple[Array, Array], tx: optax.GradientTransformation
) -> tuple[Any, Any]:
    params, opt_state = carry

    def loss(params: Any) -> Array:
        logits, _ = networks.LeNet().apply({"params": params}, batch[0])
        entropy = optax.softmax_cross_entropy_with_integer_labels(logits, batch[1])
        return entropy.mean()

    updates, opt_state = tx.update(jax.grad(loss)(params), opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def _train(images: Array, labels: Array, epochs: int, learning_rate: float) -> Any:
    per_epoch = len(images) // _BATCH
    schedule = optax.cosine_decay_schedule(learning_rate, epochs * per_epoch)
    tx = optax.sgd(schedule, momentum=_MOMENTUM)
    params = jax.jit(networks.LeNet().init)(jax.random.key(0), images[:1])["params"]
    carry = params, tx.init(params)
    for epoch in range(epochs):
        order = jax.random.permutation(jax.random.key(epoch), len(images))
        for i in range(per_epoch):
            rows = order[i * _BATCH : (i + 1) * _BATCH]
            carry = _step(carry, (images[rows], labels[rows]), tx)
    return carry[0]


@jax.jit
def _apply(params: Any, images: Array) -> tuple[Array, Array]:
    classifier: Any = networks.LeNet()
    return classifier.apply({"params": params}, images)


def _read(params: Any, images: Any) -> tuple[np.ndarray, np.ndarray]:
    shape, dtype = images.shape, images.dtype
    if len(shape) != 4 or shape[3] != 1 or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"images have the shape {shape} and type {dtype}; expected floats in [0, 1], "
            "(batch, height, width, 1)."
        )
    batches = [
        _apply(params, data.resized(jnp.asarray(images[start : start + 500]), _SIDE))
        for start in range(0, len(images), 500)
    ]
    logits, features = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return logits, features


def _save(path: pathlib.Path, made: DigitClassifier, about: Mapping[str, Any]) -> None:
    flat: Any = flax.traverse_util.flatten_dict(made.params, sep="/")
    # Other processes may read or write the cache at the same time.
    with replacing(path) as fresh:
        np.savez(fresh, accuracy=made.accuracy, **about, **flat)


def _load(path: pathlib.Path, about: Mapping[str, Any]) -> DigitClassifier | None:
    """The cached classifier; None if there is none with these settings."""
    if not path.is_file():
        return None
    with np.load(path) as file:
        flat = dict(file)
    if any(flat.pop(name, None) != value for name, value in about.items()):
        return None
    accuracy = float(flat.pop("accuracy"))
    params = flax.traverse_util.unflatten_dict(flat, sep="/")
    return DigitClassifier(jax.tree.map(jnp.asarray, params), accuracy)
