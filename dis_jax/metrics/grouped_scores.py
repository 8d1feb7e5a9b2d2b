"""FactorVAE and beta-VAE scores from labelled rows, without a full grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key
from numpy.typing import ArrayLike

from dis_jax.metrics.beta_vae_score import SPREAD, BetaVaeScore, classify
from dis_jax.metrics.factor_vae_score import FactorVaeScore, majority_accuracies
from dis_jax.probing.checks import (
    check_split,
    check_spread,
    pruned,
    random_key,
    unit_scale,
)

_ROWS = 65_536  # codes in memory at once


class _Group(NamedTuple):
    """The rows of each value of one factor.

    Attributes:
      rows: indices of rows, sorted by value.
      start: where each value begins in `rows`.
      size: number of rows of each value.
    """

    rows: Int[np.ndarray, " row"]
    start: Int[np.ndarray, " value"]
    size: Int[np.ndarray, " value"]


def grouped_factor_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    key: Key[Array, ""] | int,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    min_rows: int = 16,
    min_std: float = 0.05,
) -> FactorVaeScore:
    """FactorVAE score from groups of labelled rows that share a factor's value.

    For each vote, draw a factor k, one of its values, and rows with it, with replacement;
    d = argmin_j Var_local(z_j) / Var_global(z_j). The majority classifier predicts k from
    d, as in `factor_vae_score`, which renders images that share the value instead.

    Eq.: Kim & Mnih 2018, Section 4 and Appendix B

    Training rows define the majority, test rows score it: by chance, the same dimension
    of a group of few rows varies least in every vote, and on the same rows this would
    count as a correct prediction. If factors depend on each other, a group also partly
    fixes the others, unlike images of a grid.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), labels.
      test_codes: (test batch, latent), other rows.
      test_factors: (test batch, factor).
      key: source of the votes; or a seed.
      batch_size: rows per vote.
      num_train: votes from which the majority is learned.
      num_eval: votes on which it is scored.
      min_rows: values with fewer rows are skipped.
      min_std: dimensions with a smaller standard deviation are skipped.

    Returns:
      `FactorVaeScore(score, train_score, votes, std, kept)`; higher is better.

    Raises:
      ValueError: if a count is too small, if fewer than two factors have two values of
        `min_rows` rows, or if a shape is wrong, a value is not finite, or a label is
        unknown (-1).

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((2, 3)).reshape(2, -1).T.repeat(50, axis=0)
      >>> evaluation.grouped_factor_vae_score(
      ...     factors, factors, factors, factors, 0, num_train=50, num_eval=50).score
      1.0
    """
    _check_least(batch_size=(batch_size, 2), min_rows=(min_rows, 2))
    _check_least(num_train=(num_train, 1), num_eval=(num_eval, 1))
    split = check_split(codes, factors, test_codes, test_factors)
    groups, left_out = _groups(split[1], split[3], min_rows)
    # Squares of codes of 1e19 overflow float32, those of 1e-30 vanish.
    scale = unit_scale(split[0])
    # Shifted first: float32 has no digits left for codes far from 0.
    low = split[0].min(axis=0)
    parts = [((part - low) / scale).astype(np.float32) for part in split[::2]]
    variance = np.var(parts[0], axis=0, ddof=1, dtype=np.float64)
    std = np.sqrt(variance) * scale
    kept = std >= min_std
    votes = np.zeros((2, len(std), split[1].shape[1]), np.int64)
    rng = _generator(key)
    for i, count in enumerate((num_train, num_eval) if kept.any() else ()):
        fixed, rows = _draw(groups[i], rng, count, batch_size, one_value=True)
        least = _least_varying(parts[i], rows[0], variance, kept)
        np.add.at(votes[i], (least, fixed), 1)  # `+=` would count repeats once
    train_score, score = majority_accuracies(votes)
    left_out = left_out | pruned(std, min_std)
    return FactorVaeScore(score, train_score, votes[0], std, kept, left_out)


def grouped_beta_vae_score(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    key: Key[Array, ""] | int,
    *,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    min_rows: int = 2,
) -> BetaVaeScore:
    """Beta-VAE score from pairs of labelled rows that share a factor's value.

    For each example, draw a factor k, and pairs of rows; each pair shares its own value
    of k. The feature is the mean over the pairs of |z - z'|, the label is k. A logistic
    regression learns from pairs of training rows, and its accuracy on pairs of test rows
    is the score. `beta_vae_score` renders such pairs instead.

    Eq.: Higgins et al. 2017, Section 3

    Args:
      codes: (batch, latent).
      factors: (batch, factor), labels.
      test_codes: (test batch, latent), other rows.
      test_factors: (test batch, factor).
      key: source of the pairs; or a seed.
      batch_size: pairs per example.
      num_train: examples that the classifier is fitted to.
      num_eval: examples on which it is scored.
      min_rows: values with fewer rows are skipped.

    Returns:
      `BetaVaeScore(score, train_score)`; higher is better.

    Raises:
      ValueError: if a count is too small, if fewer than two factors have two values of
        `min_rows` rows, if the codes have a scale at which the classifier cannot be
        fitted, or if a shape is wrong, a value is not finite, or a label is unknown (-1).

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((2, 3)).reshape(2, -1).T.repeat(50, axis=0)
      >>> evaluation.grouped_beta_vae_score(
      ...     factors, factors, factors, factors, 0, num_train=50, num_eval=50).score
      1.0
    """
    _check_least(batch_size=(batch_size, 1), min_rows=(min_rows, 2))
    _check_least(num_train=(num_train, 1), num_eval=(num_eval, 1))
    split = check_split(codes, factors, test_codes, test_factors)
    check_spread(split[0], "the beta-VAE score", *SPREAD)
    groups, left_out = _groups(split[1], split[3], min_rows)
    rng = _generator(key)
    features, labels = [], []
    for i, count in enumerate((num_train, num_eval)):
        shared, pairs = _draw(groups[i], rng, count, batch_size, one_value=False)
        labels.append(shared)
        features += [
            np.abs(split[2 * i][first] - split[2 * i][second]).mean(axis=1)
            for first, second in zip(*(_chunks(rows) for rows in pairs), strict=True)
        ]
    return classify(
        np.concatenate(features), np.concatenate(labels), num_train, left_out
    )


def _check_least(**counts: tuple[int, int]) -> None:
    for name, (value, least) in counts.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, found {value}.")


def _generator(key: Key[Array, ""] | int) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(random_key(key))))


def _groups(
    factors: Int[np.ndarray, "batch factor"],
    test_factors: Int[np.ndarray, "test factor"],
    min_rows: int,
) -> tuple[list[dict[int, _Group]], dict[str, str]]:
    """The groups of each factor in both parts, and the factors that have too few."""
    both: list[dict[int, _Group]] = [{}, {}]
    left_out = {}
    for k in range(factors.shape[1]):
        found = [_group(part[:, k], min_rows) for part in (factors, test_factors)]
        if (fewest := min(len(group.size) for group in found)) < 2:
            left_out[f"factor {k}"] = (
                f"{fewest} of its values have min_rows = {min_rows} rows in both parts; "
                "at least two values are needed"
            )
            continue
        for groups, group in zip(both, found, strict=True):
            groups[k] = group
    if len(both[0]) < 2:
        raise ValueError(
            f"grouped scores need 2 or more factors with two values of min_rows = "
            f"{min_rows} rows each in the training and in the test rows, found "
            f"{len(both[0])} of {factors.shape[1]}; give more rows, or merge values."
        )
    return both, left_out


def _group(column: Int[np.ndarray, " batch"], min_rows: int) -> _Group:
    _, start, size = np.unique(np.sort(column), return_index=True, return_counts=True)
    enough = size >= min_rows
    return _Group(np.argsort(column, kind="stable"), start[enough], size[enough])


def _draw(
    groups: Mapping[int, _Group],
    rng: np.random.Generator,
    count: int,
    batch_size: int,
    *,
    one_value: bool,
) -> tuple[Int[np.ndarray, " count"], Int[np.ndarray, "two count batch"]]:
    """Draws factors, and pairs of rows that share a value: one per draw or per pair."""
    fixed = rng.choice(list(groups), count)
    rows = np.empty((2, count, batch_size), np.int64)
    for k, group in groups.items():
        chosen = np.flatnonzero(fixed == k)
        values = (len(chosen), 1 if one_value else batch_size)
        value = np.broadcast_to(
            rng.integers(len(group.size), size=values), (len(chosen), batch_size)
        )
        size = group.size[value]
        first = rng.integers(size)
        # Any other row of the group: the two rows of a pair are never the same.
        second = (first + 1 + rng.integers(size - 1)) % size
        for which, place in enumerate((first, second)):
            rows[which, chosen] = group.rows[group.start[value] + place]
    return fixed, rows


def _least_varying(
    codes: Float[np.ndarray, "row latent"],
    rows: Int[np.ndarray, "vote batch"],
    variance: Float[np.ndarray, " latent"],
    kept: Bool[np.ndarray, " latent"],
) -> Int[np.ndarray, " vote"]:
    """The kept dimension with the smallest relative variance."""
    found = []
    for part in _chunks(rows):
        # A dropped dimension may have variance 0: divides by 1, then sets its ratio to inf.
        ratio = codes[part].var(axis=1, ddof=1) / np.where(kept, variance, 1)
        found.append(np.where(kept, ratio, np.inf).argmin(axis=1))
    return np.concatenate(found)


def _chunks(rows: Int[np.ndarray, "count batch"]) -> list[np.ndarray]:
    """Parts of at most `_ROWS` rows, which bound the memory."""
    step = max(1, _ROWS // rows.shape[1])
    return [rows[i : i + step] for i in range(0, len(rows), step)]
