"""Images generated from each category, and categories predicted from images."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from dis_jax.evaluation.digits import DigitClassifier, frechet_distance
from dis_jax.methods import Method, State, infogan_terms
from dis_jax.metrics.clustering import Clustering, clustering, prior_rmse
from dis_jax.probing.checks import random_key
from dis_jax.probing.encoding import code_fn, encode_all

_BATCH = 250
_SHARE = 0.02  # of the images: a digit with fewer counts as a mistake


def draw_codes(
    config: Any, key: Key[Array, ""] | int, category: Float[Any, "batch category"]
) -> dict[str, Array]:
    """Samples from a method's prior, for given categories.

    Args:
      config: of a run of a method that has a category: `infogan` or `joint_vae`.
      key: source of the other codes; or a seed.
      category: one-hot rows.

    Returns:
      Codes for `Method.decode`.

    Raises:
      ValueError: if the method has no category.

    Example:
      >>> from types import SimpleNamespace
      >>> from dis_jax import evaluation
      >>> config = SimpleNamespace(
      ...     method="joint_vae", categories=2, network=SimpleNamespace(latent=5))
      >>> codes = evaluation.draw_codes(config, jax.random.key(0), jnp.eye(2))
      >>> codes["z"].shape
      (2, 3)
    """
    key = random_key(key)
    _check_method(config)
    rows = len(category)
    if config.method == "joint_vae":
        free = config.network.latent - config.categories
        return {"z": jax.random.normal(key, (rows, free)), "category": category}
    noise_key, continuous_key = jax.random.split(key)
    shape = rows, config.network.continuous
    return {
        "noise": jax.random.normal(noise_key, (rows, config.network.noise)),
        "category": category,
        "continuous": jax.random.uniform(continuous_key, shape, minval=-1.0),
    }


def class_prior(config: Any, state: State) -> Float[np.ndarray, " category"]:
    """The prior probability of each category in generation.

    Args:
      config: of its run.
      state: its trained state.

    Returns:
      Probabilities; uniform if the system has no other prior.

    Raises:
      ValueError: if the method has no category.

    Example:
      >>> from types import SimpleNamespace
      >>> from dis_jax import evaluation
      >>> config = SimpleNamespace(method="joint_vae", categories=2)
      >>> evaluation.class_prior(config, None).tolist()
      [0.5, 0.5]
    """
    _check_method(config)
    if config.method == "joint_vae":
        return np.full(config.categories, 1 / config.categories)
    logits = infogan_terms.prior_logits(config, state.params)
    prior = np.asarray(jax.nn.softmax(logits), np.float64)
    return prior / prior.sum()


def generate(
    method: Method,
    state: State,
    config: Any,
    key: Key[Array, ""] | int,
    category: Int[Any, " batch"],
) -> Float[np.ndarray, "batch height width channels"]:
    """Generates an image for each given category; the other codes are sampled.

    Images are decoded in batches of 250 with mixed categories: a generator that
    normalises by its batch would remove what all images of one category have in common.

    Args:
      method: the system.
      state: its trained state.
      config: of its run.
      key: source of the other codes; or a seed.
      category: numbers of categories.

    Returns:
      Images in [0, 1].

    Raises:
      ValueError: if the method has no decoder or no category, or lacks a given category.

    Example:
      >>> from types import SimpleNamespace
      >>> from dis_jax import evaluation, methods
      >>> config = SimpleNamespace(
      ...     method="joint_vae", categories=2, network=SimpleNamespace(latent=5))
      >>> decode = lambda state, codes: codes["category"]
      >>> method = methods.Method("images", None, None, None, decode, code="z")
      >>> evaluation.generate(method, None, config, jax.random.key(0), [1]).tolist()
      [[0.0, 1.0]]
    """
    key = random_key(key)
    if method.decode is None:
        raise ValueError("the method has no decoder, so it cannot generate images.")
    count = len(class_prior(config, state))
    category = _checked(category, count)
    one_hot = np.eye(count, dtype=np.float32)[category]
    parts = [
        draw_codes(config, jax.random.fold_in(key, i), one_hot[start : start + _BATCH])
        for i, start in enumerate(range(0, len(category), _BATCH))
    ]
    codes = jax.tree.map(lambda *part: np.concatenate(part), *parts)
    # A fixed permutation mixes the categories; argsort(order) restores their order.
    order = np.random.default_rng(0).permutation(len(category))
    size = min(_BATCH, len(order))
    padded = np.resize(order, -(-len(order) // size) * size)  # the last batch is full
    decode = jax.jit(method.decode)
    batches = [
        np.asarray(decode(state, {name: c[rows] for name, c in codes.items()}))
        for rows in padded.reshape(-1, size)
    ]
    return np.concatenate(batches)[np.argsort(order)]


def _check_method(config: Any) -> None:
    if config.method not in ("infogan", "joint_vae"):
        raise ValueError(
            f"method is {config.method!r}, which has no category to generate from; "
            "expected 'infogan' or 'joint_vae'."
        )


def _checked(category: Any, count: int) -> np.ndarray:
    rows = np.asarray(category)
    if not rows.size or rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(
            f"category has the shape {rows.shape} and type {rows.dtype}; expected at least "
            "one integer."
        )
    if rows.min() < 0 or rows.max() >= count:
        raise ValueError(
            f"category is {rows.min()} to {rows.max()}; expected numbers from 0 to "
            f"{count - 1}."
        )
    return rows


class CategoryScores(NamedTuple):
    """Result of `score_categories`.

    Attributes:
      generated: agreement of categories with the classifier's labels of their images.
      real: agreement of categories predicted from real images with their labels.
      prior: probability of each category in generation.
      rmse: between prior and class frequencies, categories matched to classes.
      rmse_sorted: the same, with both sorted instead of matched.
      digits: number of classes that at least 2 % of the generated images show.
      frechet: distance of generated from real images on the classifier's features.
    """

    generated: Clustering
    real: Clustering
    prior: np.ndarray
    rmse: float
    rmse_sorted: float
    digits: int
    frechet: float


def score_categories(
    method: Method,
    state: State,
    config: Any,
    key: Key[Array, ""] | int,
    classifier: DigitClassifier,
    test: tuple[Any, Any],
    frequencies: Float[Any, " class"],
    trained_on: Any,
    *,
    per_category: int = 1000,
) -> CategoryScores:
    """How well the categories of a system match the classes of its images.

    Images are generated from each category and labelled by a classifier of real images.
    For the Fréchet distance, categories are drawn from the prior.

    Eq.: Ojha et al. 2020, Section 4

    Args:
      method: a system with a code `category`, `infogan` or `joint_vae`.
      state: its trained state.
      config: of its run.
      key: source of the other codes; or a seed.
      classifier: of the images.
      test: real images and their labels.
      frequencies: of the classes among the training images.
      trained_on: some of the training images, a thousand or more.
      per_category: number of images generated from each.

    Returns:
      The scores.

    Raises:
      ValueError: if the numbers of categories and classes differ.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.score_categories(  # doctest: +SKIP
      ...     method, state, config, jax.random.key(0), evaluation.digit_classifier(),
      ...     (images, labels), frequencies, trained_on).rmse
    """
    key = random_key(key)
    prior = class_prior(config, state)
    count, classes = len(prior), len(frequencies)
    if count != classes:
        raise ValueError(
            f"the model has {count} categories and frequencies has {classes} classes; "
            "expected equal numbers, for a one-to-one matching."
        )
    category = np.repeat(np.arange(count), per_category)
    made_key, like_key = jax.random.split(key)
    digits = classifier.digits(generate(method, state, config, made_key, category))
    sizes = {"num_clusters": count, "num_labels": classes}
    generated = clustering(category, digits, **sizes)

    often = np.random.default_rng(0).choice(count, len(trained_on), p=prior)
    alike = generate(method, state, config, like_key, often)
    error = prior_rmse(prior, frequencies, generated.confusion)
    images, labels = test
    read = encode_all(code_fn(method, state, "category"), images)
    return CategoryScores(
        generated=generated,
        real=clustering(np.asarray(read).argmax(axis=1), labels, **sizes),
        prior=prior,
        rmse=error.rmse,
        rmse_sorted=error.rmse_sorted,
        digits=int(
            (np.bincount(digits, minlength=classes) >= _SHARE * len(digits)).sum()
        ),
        frechet=frechet_distance(
            classifier.features(trained_on), classifier.features(alike)
        ),
    )
