"""The codes and factors that metrics read: drawn from an image set, or given."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key
from numpy.typing import ArrayLike

from dis_jax.data.image_set import ImageSet
from dis_jax.probing.checks import check_codes, check_factors, check_split
from dis_jax.probing.encoding import (
    Encode,
    FactorGrid,
    SharedGrid,
    encode_all,
    images_at,
    sample_factors,
)


class Samples(NamedTuple):
    """Everything that a metric may ask for, by name.

    Attributes:
      codes: (batch, latent); what metrics without a held-out part read.
      factors: (batch, factor).
      train_codes: what the others learn from.
      train_factors: their factors.
      test_codes: what the others are scored on.
      test_factors: their factors.
      factor_names: one name a factor; none where images drawn have no labels.
      left_out: factors that cannot be scored, with the reason.
      encode: the function from images to codes, or None where codes were given.
      data: the full grid of factors, its codes shared by all metrics, or None.
    """

    codes: np.ndarray
    factors: np.ndarray
    train_codes: np.ndarray
    train_factors: np.ndarray
    test_codes: np.ndarray
    test_factors: np.ndarray
    factor_names: tuple[str, ...]
    left_out: dict[str, str]
    encode: Encode | None = None
    data: SharedGrid | None = None


def draw_samples(
    encode: Encode,
    data: ImageSet | FactorGrid,
    key: Key[Array, ""],
    num_train: int,
    num_test: int,
) -> Samples:
    """Encodes images drawn from a set.

    From a full grid the factors are drawn uniformly, with replacement, as in
    disentanglement_lib; from any other set the images are drawn without replacement,
    and where it has fewer than were asked for, all are used, in the same proportion.
    """
    if isinstance(data, ImageSet) and not data.is_grid:
        total = min(num_train + num_test, data.num_images)
        num_train = total * num_train // (num_train + num_test)
        index = jax.random.permutation(key, data.num_images)[:total]
        codes = encode_all(encode, index, functools.partial(images_at, data))
        factors = data.factors(index)
        grid = None
    else:
        grid = SharedGrid(data)
        factors = sample_factors(key, (num_train + num_test,), tuple(data.sizes))
        codes = encode_all(encode, factors, grid.images)
    codes, factors = np.asarray(codes), np.asarray(factors)
    names = getattr(data, "factor_names", None) or _default_names(factors)
    kept, left_out = _scorable(factors, factors[:num_train], tuple(names))
    factors = factors[:, kept]
    return Samples(
        codes=codes[:num_train],
        factors=factors[:num_train],
        train_codes=codes[:num_train],
        train_factors=factors[:num_train],
        test_codes=codes[num_train:],
        test_factors=factors[num_train:],
        factor_names=tuple(names[k] for k in kept),
        left_out=left_out,
        encode=encode,
        data=grid,
    )


def given_samples(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""],
    test_codes: ArrayLike | None,
    test_factors: ArrayLike | None,
    factor_names: tuple[str, ...] | None,
) -> Samples:
    """Splits given codes: a random third is held out unless a test part is given."""
    codes = check_codes(codes, min_rows=3)
    factors = check_factors(factors, len(codes), varying=False)
    names = factor_names or _default_names(factors)
    if len(names) != factors.shape[1]:
        raise ValueError(
            f"factor_names must name {factors.shape[1]} factors, found {names}."
        )
    if (test_codes is None) != (test_factors is None):
        raise ValueError("give both test_codes and test_factors, or neither.")
    if test_codes is None or test_factors is None:
        order = np.asarray(jax.random.permutation(key, len(codes)))
        train, test = np.split(order, [len(codes) - len(codes) // 3])
        known = factors
        split = codes[train], factors[train], codes[test], factors[test]
    else:
        known = np.concatenate([factors, np.asarray(test_factors)])
        split = codes, factors, test_codes, np.asarray(test_factors)
    kept, left_out = _scorable(known, split[1], names)
    if not kept:
        raise ValueError(f"no factor can be scored: {left_out}.")
    return Samples(
        codes,
        factors[:, kept],
        *check_split(split[0], split[1][:, kept], split[2], split[3][:, kept]),
        factor_names=tuple(names[k] for k in kept),
        left_out=left_out,
    )


def labelled_images(
    sets: Sequence[ImageSet], factor: str, counts: tuple[int, int], seed: int
) -> list[tuple[Array, np.ndarray]]:
    """Images for a classifier to learn from and to be tested on, with their labels.

    Args:
      sets: a training and a test set, or one from which both are drawn, no image twice.
      factor: the name of the label.
      counts: how many to learn from and to be tested on, at most; of a single set that
        has fewer images, a share in the same proportion.
      seed: of the draw.

    Returns:
      (images, labels) to learn from, and (images, labels) to be tested on.

    Raises:
      ValueError: if the sets have no such factor.

    Example:
      >>> from dis_jax import data, evaluation
      >>> train, test = evaluation.labelled_images(
      ...     [data.load("rendered_dsprites")], "scale", (6, 4), seed=0)
      >>> train[0].shape, test[1].shape
      ((6, 64, 64, 1), (4,))
    """
    names = sets[0].factor_names
    if factor not in names:
        raise ValueError(
            f"factor is {factor!r}; {sets[0].name} has {', '.join(names)}."
        )
    rng = np.random.default_rng(seed)
    if len(sets) == 1:
        order = rng.permutation(sets[0].num_images)[: sum(counts)]
        share = round(len(order) * counts[0] / sum(counts))
        drawn = [(sets[0], order[:share]), (sets[0], order[share:])]
    else:
        drawn = [
            (images, rng.permutation(images.num_images)[:count])
            for images, count in zip(sets, counts, strict=True)
        ]
    found = []
    for images, index in drawn:
        image, factors = images.take(jnp.asarray(index))
        found.append((image, np.asarray(factors[:, names.index(factor)])))
    return found


def _scorable(
    factors: np.ndarray, train: np.ndarray, names: tuple[str, ...]
) -> tuple[list[int], dict[str, str]]:
    """Which factors can be scored, by all rows and those learned from; why others not."""
    left_out = {}
    for name, column, learned in zip(names, factors.T, train.T, strict=True):
        if np.any(column < 0):
            left_out[name] = "unknown (-1) for some images"
        elif np.ptp(column) == 0:
            left_out[name] = "takes one value only"
        elif np.ptp(learned) == 0:
            left_out[name] = "takes one value only where it is learned from"
    kept = [k for k, name in enumerate(names) if name not in left_out]
    return kept, left_out


def _default_names(factors: np.ndarray) -> tuple[str, ...]:
    return tuple(f"factor_{k}" for k in range(factors.shape[1]))
