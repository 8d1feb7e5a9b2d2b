"""Tables of the labels of images, computed once on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from dis_jax.data.image_set import ImageSet


def factor_columns(image_set: ImageSet, names: Sequence[str]) -> list[int]:
    """The columns of factors, by their names.

    Args:
      image_set: the set with these factors.
      names: names of factors.

    Returns:
      The column of each in `factors`.

    Raises:
      ValueError: if the set has no such factor; the message lists its factors.

    Example:
      >>> factor_columns(data.load("rendered_dsprites"), ["pos_x", "shape"])
      [3, 0]
    """
    for name in names:
        if name not in image_set.factor_names:
            raise ValueError(
                f"{image_set.name!r} has no factor {name!r}; it has "
                f"{', '.join(image_set.factor_names) or 'none'}."
            )
    return [image_set.factor_names.index(name) for name in names]


def all_factors(image_set: ImageSet) -> np.ndarray:
    """The factors of every image (unknown = -1), (num_images, factor), on the host."""
    return np.asarray(image_set.factors(jnp.arange(image_set.num_images)))


def known_labels(
    image_set: ImageSet, names: Sequence[str]
) -> Int[np.ndarray, "image factor"]:
    """Factors of all images; raises a ValueError if one is unknown."""
    labels = all_factors(image_set)[:, factor_columns(image_set, names)]
    unknown = np.count_nonzero((labels < 0).any(axis=1))
    if unknown:
        raise ValueError(
            f"{unknown} of the {len(labels)} images of {image_set.name!r} have unknown "
            f"labels for {', '.join(names)}; use a fully labelled split."
        )
    return labels


def group_table(image_set: ImageSet, names: Sequence[str]) -> dict[str, Array]:
    """Images sorted by their shared labels, so that drawing a partner is one look-up.

    Args:
      image_set: the set.
      names: the factors that members of a group share.

    Returns:
      `order`, the images sorted by group; `start` and `size`, the first position and the
      number of images of each image's group in `order`.

    Raises:
      ValueError: if a factor is missing, or unknown for some images. If the set draws its
        images with weights, which uniform draws from a group would ignore.

    Example:
      >>> digits = data.from_arrays(
      ...     np.zeros((3, 1, 1)), np.array([1, 0, 1]), name="d", factor_names=["digit"]
      ... )
      >>> {k: v.tolist() for k, v in group_table(digits, ["digit"]).items()}
      {'order': [1, 0, 2], 'start': [1, 0, 1], 'size': [2, 1, 2]}
    """
    if image_set.draw_fn is not None:
        raise ValueError(
            f"{image_set.name!r} draws its images with weights, which groups of images "
            "that share labels would ignore; use the set without its +correlated or "
            "similar suffix, or a method that learns from pairs, such as ada_gvae."
        )
    labels = known_labels(image_set, names)
    _, group, counts = np.unique(
        labels, axis=0, return_inverse=True, return_counts=True
    )
    group = group.ravel()
    starts = np.cumsum(counts) - counts
    table = {
        "order": np.argsort(group, kind="stable"),
        "start": starts[group],
        "size": counts[group],
    }
    return {key: jnp.asarray(value, jnp.int32) for key, value in table.items()}


def partners(
    key: Key[Array, ""], table: Mapping[str, Array], index: Int[Array, "*shape"]
) -> Int[Array, "*shape"]:
    """A random member of each image's group in a `group_table`; may be the image itself."""
    offset = jax.random.randint(key, index.shape, 0, table["size"][index])
    return table["order"][table["start"][index] + offset]


def class_subset(
    image_set: ImageSet,
    counts: Sequence[int],
    factor: str | None = None,
    seed: int = 0,
) -> Int[Array, " image"]:
    """Positions of a random subset with a given number of images of each class.

    Args:
      image_set: the set.
      counts: number of images of each class.
      factor: the factor that is the class; may be omitted if the set has only one factor.
      seed: seed of the random choice.

    Returns:
      Their positions, sorted.

    Raises:
      ValueError: if a class has fewer images, or `factor` is missing and the set does not
        have exactly one factor.

    Example:
      >>> sprites = data.load("rendered_dsprites")
      >>> class_subset(sprites, (100, 20, 3), "shape").shape
      (123,)
    """
    if factor is None:
        if len(image_set.factor_names) != 1:
            raise ValueError(
                f"{image_set.name!r} has the factors "
                f"{', '.join(image_set.factor_names) or '(none)'}; name one of them as "
                "the class (class_factor)."
            )
        factor = image_set.factor_names[0]
    (column,) = factor_columns(image_set, [factor])
    if len(counts) != image_set.sizes[column]:
        raise ValueError(
            f"{len(counts)} class counts for the {image_set.sizes[column]} classes of "
            f"{factor!r}; expected one for each."
        )
    labels = all_factors(image_set)[:, column]
    there = np.bincount(labels[labels >= 0], minlength=len(counts))
    short = np.flatnonzero(np.asarray(counts) > there)
    if len(short) or min(counts) < 0 or sum(counts) == 0:
        raise ValueError(
            f"class counts {tuple(counts)}; expected at least 0 and at most "
            f"{tuple(there.tolist())}, the images of each class in {image_set.name!r}, "
            "and not all 0."
        )
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:count]
        for label, count in enumerate(counts)
    ]
    return jnp.asarray(np.sort(np.concatenate(chosen)), jnp.int32)


def imbalanced_counts(
    split: int, *, num_classes: int = 10, largest: int = 6300
) -> tuple[int, ...]:
    """Class counts of an imbalanced split, as in Elastic-InfoGAN's study of MNIST.

    One class has `largest` images, the others a uniform share of .1 to 1 of that. These
    splits are our own, drawn with the number of the split as the seed; they resemble the
    50 splits of Ojha et al. 2020.

    Args:
      split: which of the splits, from 0.
      num_classes: number of classes.
      largest: images of the largest class.

    Returns:
      The number of images of each class.

    Example:
      >>> counts = imbalanced_counts(0)
      >>> len(counts), max(counts), min(counts) >= 630
      (10, 6300, True)
    """
    rng = np.random.default_rng([split, num_classes, largest])
    counts = np.rint(largest * rng.uniform(0.1, 1.0, num_classes)).astype(int)
    counts[rng.integers(num_classes)] = largest
    return tuple(counts.tolist())
