"""Kinds of factors: categorical, ordered, continuous, or circular with a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from dis_jax.data.factor_kinds import check_kind
from dis_jax.data.image_set import Kind
from dis_jax.probing.checks import (
    check_codes,
    check_pair,
    check_split,
    factor_values,
    refuse_unknown,
    unscorable,
)
from dis_jax.suggest import suggest

_BINS = 20  # as many as MIG has for codes
_ROWS_PER_BIN = 10


def resolve_kinds(
    kinds: Mapping[str, Kind] | Sequence[Kind] | None,
    names: Sequence[str],
    columns: Sequence[np.ndarray],
) -> tuple[Kind, ...]:
    """The kind of each factor, as declared or as its values suggest.

    Integers and words are categorical unless another kind is declared; a column with
    fractions is continuous.

    Args:
      kinds: by name, or one for each factor; "categorical", "ordered", "continuous" or
        ("circular", period).
      names: a name for each factor.
      columns: the values of each factor.

    Returns:
      One kind per factor.

    Raises:
      ValueError: if a name or kind is unknown, or a period is not a positive number.
    """
    if kinds is not None and not isinstance(kinds, Mapping):
        if len(kinds) != len(names):
            raise ValueError(
                f"kinds must contain one kind per factor ({len(names)}), "
                f"found {len(kinds)}."
            )
        kinds = dict(zip(names, kinds, strict=True))
    given = dict(kinds or {})
    for name in given:
        if name not in names:
            raise ValueError(
                f"kinds has no factor {name!r}; {suggest(str(name), names)}"
            )
    return tuple(
        check_kind(given[name], name)
        if name in given
        else "continuous"
        if column.dtype.kind == "f"
        else "categorical"
        for name, column in zip(names, columns, strict=True)
    )


def name_of(kind: Kind) -> str:
    """The kind without its period."""
    return kind if isinstance(kind, str) else kind[0]


def period_of(kind: Kind) -> float | None:
    """The period of a circular kind, else None."""
    return None if isinstance(kind, str) else kind[1]


def is_label(kind: Kind) -> bool:
    """Whether metrics treat the factor's values as labels."""
    return kind in ("categorical", "ordered")


def check_kinds(
    factors: ArrayLike,
    num_rows: int,
    kinds: Sequence[Kind],
    *,
    name: str = "factors",
    varying: bool = True,
) -> list[np.ndarray]:
    """Each factor in the form of its kind: labels as integers, numbers as float64.

    Args:
      factors: (batch, factor), numbers.
      num_rows: the number of codes that they describe.
      kinds: one for each factor.
      name: of the argument, for messages.
      varying: whether every factor must take at least two values.

    Raises:
      ValueError: if a shape or a label is wrong, a label is unknown (-1), a number is not
        finite, a factor is constant, or there is not one kind per factor.
    """
    columns, _ = factor_values(factors, num_rows, name=name)
    if len(kinds) != len(columns):
        raise ValueError(
            f"kinds must contain one kind per factor ({len(columns)}), found {len(kinds)}."
        )
    found = []
    for k, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        if not is_label(kind):
            column = column.astype(np.float64)
            reason = None if np.ptp(column) > 0 else f"is {column[0]:g} in all rows"
        else:
            if column.dtype.kind == "f":
                raise ValueError(
                    f"{name} {k} is {kind} and must contain whole numbers; "
                    'found fractions. Measured numbers are "continuous".'
                )
            refuse_unknown(column, k, name)
            reason = unscorable(column)
        if varying and reason:
            raise ValueError(
                f"{name} must vary and repeat, but factor {k} {reason}; leave that "
                "factor out."
            )
        found.append(column)
    return found


def check_pair_kinds(
    codes: ArrayLike, factors: ArrayLike, kinds: Sequence[Kind] | None
) -> tuple[np.ndarray, list[np.ndarray], tuple[Kind, ...]]:
    """`check_pair` with one column per factor, in the form of its kind; labels by default.

    Raises:
      ValueError: as `check_pair` and `check_kinds`.
    """
    if kinds is None:
        z, labels = check_pair(codes, factors)
        return z, [*labels.T], ("categorical",) * labels.shape[1]
    z = check_codes(codes)
    return z, check_kinds(factors, len(z), kinds), tuple(kinds)


def check_split_kinds(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    kinds: Sequence[Kind] | None,
) -> tuple[
    np.ndarray, list[np.ndarray], np.ndarray, list[np.ndarray], tuple[Kind, ...]
]:
    """`check_split` with one column per factor, in the form of its kind; labels by default.

    Raises:
      ValueError: as `check_split` and `check_kinds`.
    """
    if kinds is None:
        parts = check_split(codes, factors, test_codes, test_factors)
        z, v, z_test, v_test = parts
        return z, [*v.T], z_test, [*v_test.T], ("categorical",) * v.shape[1]
    z, z_test = (
        check_codes(codes),
        check_codes(test_codes, name="test_codes", min_rows=1),
    )
    if z.shape[1] != z_test.shape[1]:
        raise ValueError(
            f"test_codes must have as many columns as codes ({z.shape[1]}), found "
            f"{z_test.shape[1]}."
        )
    columns = check_kinds(factors, len(z), kinds)
    tests = check_kinds(
        *(test_factors, len(z_test), kinds), name="test_factors", varying=False
    )
    return z, columns, z_test, tests, tuple(kinds)


def as_labels(
    column: np.ndarray, kind: Kind
) -> tuple[Int[np.ndarray, " batch"], str | None]:
    """The factor as labels, and a description of how real numbers became labels.

    Continuous and circular factors are cut at their quantiles into 20 bins, or fewer if a
    bin would contain fewer than ten rows: all labels are then equally frequent.
    """
    if is_label(kind):
        whole = column.dtype.kind == "i"
        return (column if whole else np.unique(column, return_inverse=True)[1]), None
    period = period_of(kind)
    values = np.mod(column, period) if period else column
    bins = max(2, min(_BINS, len(values) // _ROWS_PER_BIN))
    if len(np.unique(values)) <= bins:
        return np.unique(values, return_inverse=True)[1], "its values as labels"
    # Repeated values may make quantiles equal: then there are fewer bins.
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    if edges[0] == values.min():  # a value of many rows, such as 0: its own bin
        edges[0] = values[values > edges[0]].min()
        edges = np.unique(edges)
    labels = np.searchsorted(edges, values, side="right")
    return labels, f"{len(np.unique(labels))} quantile bins"


def as_targets(
    column: Float[np.ndarray, " batch"], kind: Kind
) -> Float[np.ndarray, "batch target"]:
    """Targets of a regression: the number itself, or cosine and sine of an angle."""
    period = period_of(kind)
    if period is None:
        return column[:, None]
    # A regression on the angle itself would count 359 and 0 degrees as far apart.
    angle = 2 * np.pi * column / period
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
