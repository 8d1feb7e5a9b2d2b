"""Codes and factors for metrics: drawn from an image set, or given."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key
from numpy.typing import ArrayLike

from dis_jax.data.factor_kinds import warn_of_units
from dis_jax.data.image_set import ImageSet, factors_of_index
from dis_jax.probing.checks import (
    check_codes,
    factor_values,
    join_factors,
    unscorable,
)
from dis_jax.probing.encoding import (
    Encode,
    FactorGrid,
    SharedGrid,
    encode_all,
    images_at,
    sample_factors,
)
from dis_jax.probing.factor_kinds import (
    Kind,
    as_labels,
    is_label,
    name_of,
    resolve_kinds,
)


class Samples(NamedTuple):
    """All inputs that a metric may use, by name.

    Attributes:
      codes: (batch, latent), for metrics without a held-out part.
      factors: (batch, factor), labels: real numbers are cut into bins.
      train_codes: for metrics that fit a model.
      train_factors: their factors.
      test_codes: for the scores of such metrics.
      test_factors: their factors.
      factor_names: of each factor; empty for images without labels.
      left_out: factors that cannot be scored, with the reason.
      encode: the function from images to codes, or None if codes were given.
      data: the full grid of factors, its codes shared by all metrics, or None.
      kinds: of each factor, see `factor_kinds`.
      values: (batch, factor), the factors as numbers, not cut into bins.
      train_values: those of `train_codes`.
      test_values: those of `test_codes`.
      targets: (batch, factor), for metrics that accept all kinds: labels from 0 for
        categorical and ordered factors, numbers for the others.
      train_targets: those of `train_codes`.
      test_targets: those of `test_codes`.
      label_forms: how the real numbers of a factor became labels.
      words: the words that the labels of a factor, from 0, stand for.
    """

    codes: np.ndarray
    factors: np.ndarray
    train_codes: np.ndarray
    train_factors: np.ndarray
    test_codes: np.ndarray
    test_factors: np.ndarray
    factor_names: tuple[str, ...]
    left_out: dict[str, str]
    encode: Encode | None
    data: SharedGrid | None
    kinds: tuple[Kind, ...]
    values: np.ndarray
    train_values: np.ndarray
    test_values: np.ndarray
    targets: np.ndarray
    train_targets: np.ndarray
    test_targets: np.ndarray
    label_forms: dict[str, str]
    words: dict[str, list[str]]


_LARGE_GRID = 20  # images of a grid per image to draw

# Compiled as one program: otherwise each operation compiles alone.
_draw = jax.jit(ImageSet.draw, static_argnums=2)


def draw_samples(
    encode: Encode,
    data: ImageSet | FactorGrid,
    key: Key[Array, ""],
    num_train: int,
    num_test: int,
) -> Samples:
    """Encodes images drawn from a set. No test image is a training image.

    Images are drawn without replacement. If the set has fewer images than requested, all
    are used: by metrics without a held-out part together, by the others in the same
    proportion. Two kinds of sets are drawn with replacement. From a set with weights, test
    images that are training images too are removed; if these are more than half, draws of
    a part of the images become the test part. In a grid of at least 20 times as many
    images as requested, drawn as in disentanglement_lib, they are rare and remain: at most
    1 of 30.

    Raises:
      ValueError: if only one image of a set with weights is drawn.
    """
    parts = num_train, num_test
    if isinstance(data, ImageSet) and not data.is_grid:
        index, whole, train = _positions(data, key, *parts)
        codes = encode_all(encode, index, functools.partial(images_at, data))
        factors = data.factors(index)
        grid = None
    else:
        grid = SharedGrid(data)
        factors, whole, train = _grid_factors(tuple(data.sizes), key, *parts)
        codes = encode_all(encode, factors, grid.images)
    codes, factors = np.asarray(codes), np.asarray(factors)
    names = tuple(getattr(data, "factor_names", None) or _default_names(factors))
    columns = list(factors.T)
    kinds = resolve_kinds(getattr(data, "kinds", None) or None, names, columns)
    rows = np.arange(len(codes))
    return _samples(
        codes,
        columns,
        names,
        kinds,
        (rows[:whole], rows[:train], rows[train:]),
        encode=encode,
        data=grid,
    )


def _positions(
    data: ImageSet, key: Key[Array, ""], num_train: int, num_test: int
) -> tuple[Int[Array, " batch"], int, int]:
    """Positions of images; how many of the first are for all metrics, and for training."""
    if data.draw_fn is None:
        return _without_replacement(data.num_images, key, num_train, num_test)
    drawn = np.asarray(_draw(data, key, num_train + num_test))
    train, test = np.split(drawn, [num_train])
    test = test[~np.isin(test, train)]
    if 2 * len(test) >= num_test:
        return jnp.concatenate([train, test]), num_train, num_train
    # Most of its images are drawn several times: a part of the images is held out.
    images = np.unique(drawn)
    if len(images) < 2:
        raise ValueError(f"found 1 image in {data.name!r}; a test part needs another.")
    order = np.asarray(jax.random.permutation(jax.random.fold_in(key, 1), images))
    held_out = np.isin(drawn, order[: max(1, len(order) * num_test // len(drawn))])
    index = jnp.concatenate([drawn[~held_out], drawn[held_out]])
    return index, len(index), int(np.sum(~held_out))


def _grid_factors(
    sizes: tuple[int, ...], key: Key[Array, ""], num_train: int, num_test: int
) -> tuple[Int[Array, "batch factor"], int, int]:
    """Factors of a grid's images, and the two numbers that `_positions` returns."""
    total, num_images = num_train + num_test, math.prod(sizes)
    if num_images >= _LARGE_GRID * total:
        return sample_factors(key, (total,), sizes), num_train, num_train
    index, whole, train = _without_replacement(num_images, key, num_train, num_test)
    return factors_of_index(index, sizes), whole, train


def _without_replacement(
    num_images: int, key: Key[Array, ""], num_train: int, num_test: int
) -> tuple[Int[Array, " batch"], int, int]:
    """Positions, none twice, and the two numbers that `_positions` returns."""
    requested = num_train + num_test
    index = jax.random.permutation(key, num_images)[:requested]
    train = len(index) * num_train // requested
    return index, num_images if num_images < requested else train, train


def given_samples(
    codes: ArrayLike,
    factors: ArrayLike,
    key: Key[Array, ""],
    test_codes: ArrayLike | None,
    test_factors: ArrayLike | None,
    factor_names: tuple[str, ...] | None,
    kinds: Mapping[str, Kind] | Sequence[Kind] | None = None,
) -> Samples:
    """Splits given codes: a random third is held out unless a test part is given."""
    codes = check_codes(codes, min_rows=3)
    if (test_codes is None) != (test_factors is None):
        raise ValueError("give both test_codes and test_factors, or neither.")
    if test_codes is None or test_factors is None:
        everything = np.arange(len(codes))
        order = np.asarray(jax.random.permutation(key, len(codes)))
        train, test = np.split(order, [len(codes) - len(codes) // 3])
    else:
        more = check_codes(test_codes, name="test_codes", min_rows=1)
        if more.shape[1] != codes.shape[1]:
            raise ValueError(
                f"test_codes must have as many columns as codes ({codes.shape[1]}), "
                f"found {more.shape[1]}."
            )
        factors = join_factors(factors, test_factors, len(codes), len(more))
        train, test = np.split(np.arange(len(factors)), [len(codes)])
        everything = train
        codes = np.concatenate([codes, more])
    columns, words = factor_values(factors, len(codes))
    names = factor_names or _default_names(np.asarray(factors))
    if len({*names}) != len(columns) or len(names) != len(columns):
        raise ValueError(
            f"factor_names must name {len(columns)} factors, each by its own name, found "
            f"{names}."
        )
    kinds = resolve_kinds(kinds, names, columns)
    for name, kind, column in zip(names, kinds, columns, strict=True):
        warn_of_units(name, kind, float(column.min()), float(column.max()))
    for k in words:
        if kinds[k] != "categorical":
            raise ValueError(
                f"factor {names[k]!r} is declared {name_of(kinds[k])}, but has words as "
                f"values, such as {words[k][0]!r}, without a known order or distance: "
                "replace them with numbers."
            )
    found = _samples(codes, columns, names, kinds, (everything, train, test))
    return found._replace(words={names[k]: v for k, v in words.items()})


def permuted(
    samples: Samples, key: Key[Array, ""], *, everything: bool = False
) -> Samples:
    """The same codes in random order, without information about their factors.

    If the codes of a grid are computed, they are permuted. If not, they are permuted only
    if `everything` is true: the encoder then receives images of other factors, which
    encodes the grid again. Otherwise the grid stays without codes.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    whole, train, test = (
        rng.permutation(len(part))
        for part in (samples.codes, samples.train_codes, samples.test_codes)
    )
    return samples._replace(
        codes=samples.codes[whole],
        train_codes=samples.train_codes[train],
        test_codes=samples.test_codes[test],
        data=samples.data and samples.data.permuted(rng, everything),
    )


def labelled_images(
    sets: Sequence[ImageSet], factor: str, counts: tuple[int, int], seed: int
) -> list[tuple[Array, np.ndarray]]:
    """Images and labels to train and to test a classifier.

    Args:
      sets: a training and a test set, or one set from which both are drawn, no image twice
        unless the set has weights.
      factor: the name of the label.
      counts: the largest numbers of training and test images; a single set with fewer
        images is divided in the same proportion.
      seed: of the draw.

    Returns:
      (images, labels) for training, and (images, labels) for the test.

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
        order = sets[0].choose(rng, min(sum(counts), sets[0].num_images))
        share = round(len(order) * counts[0] / sum(counts))
        drawn = [(sets[0], order[:share]), (sets[0], order[share:])]
    else:
        drawn = [
            (images, images.choose(rng, min(count, images.num_images)))
            for images, count in zip(sets, counts, strict=True)
        ]
    found = []
    for images, index in drawn:
        image, factors = images.take(jnp.asarray(index))
        found.append((image, np.asarray(factors[:, names.index(factor)])))
    return found


def _samples(
    codes: np.ndarray,
    columns: Sequence[np.ndarray],
    names: tuple[str, ...],
    kinds: tuple[Kind, ...],
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    encode: Encode | None = None,
    data: SharedGrid | None = None,
) -> Samples:
    """Rows of the parts (whole, training, test), with the factors that can be scored."""
    whole, train, test = parts
    labels, left_out, forms = [], {}, {}
    for name, kind, column in zip(names, kinds, columns, strict=True):
        found, form = as_labels(column, kind)
        labels.append(found)
        reason = _why_not(found, train, is_label=form is None)
        if reason:
            left_out[name] = reason
        elif form:
            forms[name] = f"{name_of(kind)}, {form}"
    kept = [k for k, name in enumerate(names) if name not in left_out]
    empty = np.zeros((len(codes), 0))
    factors = np.stack([labels[k] for k in kept], axis=1) if kept else empty.astype(int)
    values = np.stack([columns[k] * 1.0 for k in kept], axis=1) if kept else empty
    # Ranks of labels: numbers beyond 2^53 would lose digits as floats.
    targets = [
        np.unique(labels[k], return_inverse=True)[1] * 1.0
        if is_label(kinds[k])
        else columns[k] * 1.0
        for k in kept
    ]
    mixed = np.stack(targets, axis=1) if kept else empty
    return Samples(
        codes=codes[whole],
        factors=factors[whole],
        train_codes=codes[train],
        train_factors=factors[train],
        test_codes=codes[test],
        test_factors=factors[test],
        factor_names=tuple(names[k] for k in kept),
        left_out=left_out,
        encode=encode,
        data=data,
        kinds=tuple(kinds[k] for k in kept),
        values=values[whole],
        train_values=values[train],
        test_values=values[test],
        targets=mixed[whole],
        train_targets=mixed[train],
        test_targets=mixed[test],
        label_forms=forms,
        words={},
    )


def _why_not(labels: np.ndarray, train: np.ndarray, is_label: bool) -> str | None:
    """The reason why a factor cannot be scored on all or on the training rows, or None."""
    unknown = int(np.sum(labels == -1)) if is_label else 0
    if unknown:
        reason = f"unknown (-1) in {unknown:,} of {len(labels):,} rows"
        if np.array_equal(np.unique(labels), [-1, 1]):  # as in the files of CelebA
            reason += "; if -1 means no, write 0"
        return reason
    if reason := unscorable(labels):
        if np.ptp(labels) > 0:
            reason += '; for measured numbers pass kinds={name: "continuous"}'
        return reason
    if reason := unscorable(labels[train]):
        return f"{reason} used for training"
    return None


def _default_names(factors: np.ndarray) -> tuple[str, ...]:
    return tuple(f"factor_{k}" for k in range(factors.shape[1]))
