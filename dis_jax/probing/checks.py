"""Checks of codes and factors before a metric uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from numpy.typing import ArrayLike

from dis_jax.data.reading import is_missing


def check_codes(
    codes: ArrayLike, *, name: str = "codes", min_rows: int = 2
) -> Float[np.ndarray, "batch latent"]:
    """Checks codes, and returns them as a floating-point NumPy array.

    Args:
      codes: (batch, latent), NumPy, JAX or nested lists.
      name: of the argument, for messages.
      min_rows: the smallest number of rows that the caller can use.

    Returns:
      The same numbers; float32 and float64 keep their precision, others become float64.

    Raises:
      ValueError: if the shape is not (batch, latent), if there are too few rows, or if
        a value is not finite or not a real number.
    """
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"{name} must have the shape (batch, latent), found {array.shape}; reshape "
            "codes of one dimension to (batch, 1)."
        )
    if array.shape[0] < min_rows:
        raise ValueError(
            f"{name} must have at least {min_rows} rows, found {array.shape[0]}."
        )
    if array.dtype not in (np.float32, np.float64):
        array = _real(array, name)
    finite = np.isfinite(array)
    if not finite.all():
        row, dim = np.argwhere(~finite)[0]
        raise ValueError(
            f"{name} must be finite, found {array[row, dim]} at row {row}, dimension "
            f"{dim} ({np.sum(~finite)} such values); check the encoder."
        )
    return array


def check_factors(
    factors: ArrayLike,
    num_rows: int,
    *,
    name: str = "factors",
    repeating: bool = True,
) -> Int[np.ndarray, "batch factor"]:
    """Checks labels that all are known, and returns them as an integer NumPy array.

    Args:
      factors: (batch, factor), integers or words; any labels are accepted. Words are
        numbered in alphabetical order; a column of words that are all numbers becomes these
        numbers.
      num_rows: the number of codes that they describe.
      name: of the argument, for messages.
      repeating: whether each value must occur in two rows on average.

    Returns:
      The labels as int64.

    Raises:
      ValueError: if the shape is not (num_rows, factor), if a value is missing, unknown
        (-1) or not an integer, or if a factor takes only one value or a new value in most
        rows.
    """
    whole = _whole(factors, num_rows, name)
    for k, column in enumerate(whole.T):
        refuse_unknown(column, k, name)
        reason = unscorable(column)
        if reason and (repeating or np.ptp(column) == 0):
            raise ValueError(
                f"{name} must vary and repeat, but factor {k} {reason}; remove that factor."
            )
    return whole


def refuse_unknown(labels: np.ndarray, k: int, name: str) -> None:
    """Refuses labels of -1, which mean unknown: a metric would score them as a value.

    Raises:
      ValueError: if a label of this factor, the k-th of the argument `name`, is -1.
    """
    if unknown := np.sum(labels == -1):
        raise ValueError(
            f"{name} must be known, found -1 (unknown) in {unknown:,} of "
            f"{len(labels):,} rows of factor {k}; drop these rows, or use evaluate_codes, "
            "which skips the factor. If -1 is a value, number the labels from 0."
        )


def _whole(
    factors: ArrayLike, num_rows: int, name: str
) -> Int[np.ndarray, "batch factor"]:
    """Labels as int64, -1 included; raises if one is missing or not an integer."""
    array = _table(factors, num_rows, name)
    columns = [_numbers(column, k, name) for k, column in enumerate(array.T)]
    for k, column in enumerate(columns):
        fractions = (
            np.flatnonzero(np.mod(column, 1)) if column.dtype.kind == "f" else []
        )
        if len(fractions):
            row = fractions[0]
            raise ValueError(
                f"{name} must be integers or strings (one per value), found {column[row]} "
                f"at row {row}, factor {k}; for a real-valued factor use evaluate_codes, "
                "or bin it, for example np.digitize(column, np.quantile(column, "
                "np.arange(1, 10) / 10))."
            )
    return np.stack([_as_int(column) for column in columns], axis=1)


def factor_values(
    factors: ArrayLike, num_rows: int, *, name: str = "factors"
) -> tuple[list[np.ndarray], dict[int, list[str]]]:
    """Each factor as a column of integers or real numbers, and the words they replace.

    Args:
      factors: (batch, factor), numbers or words.
      num_rows: the number of codes that they describe.
      name: of the argument, for messages.

    Returns:
      The columns, int64 if all values are integers and float64 otherwise; and for each
      factor with words, the words that the numbers from 0 replace.

    Raises:
      ValueError: if the shape is not (num_rows, factor) or a value is missing.
    """
    array = _table(factors, num_rows, name)
    columns, words = [], {}
    for k, column in enumerate(array.T):
        values = _numbers(column, k, name)
        if values.dtype.kind != "f" or not np.mod(values, 1).any():
            values = _as_int(values)
        if (found := _words(column)) is not None:
            words[k] = found.tolist()
        columns.append(values)
    return columns, words


def unscorable(column: Int[np.ndarray, " batch"]) -> str | None:
    """The reason why no metric of labels can score this factor, or None."""
    distinct = len(np.unique(column))
    if distinct == 1:
        return f"takes the one value {column[0]} in all {len(column)} rows"
    # If every row has a different value, any code "predicts" it: I(z; v) = H(z).
    if 2 * distinct > len(column):
        return (
            f"takes {distinct:,} values in {len(column):,} rows, too many to be labels "
            "(an identifier, a time, a measured number?)"
        )
    return None


def name_dims(dims: Sequence[int] | np.ndarray) -> str:
    """ "dimension 3", "dimensions 0, 3": the key under which results name dimensions."""
    listed = ", ".join(map(str, np.asarray(dims).tolist()))
    return f"dimension{'' if len(dims) == 1 else 's'} {listed}"


def check_spread(codes: np.ndarray, metric: str, low: float, high: float) -> None:
    """Refuses codes whose scale does not suit a model with a fixed penalty.

    Raises:
      ValueError: if the largest standard deviation of a dimension is out of range; a
        code that is constant passes, since no scale would change it.
    """
    spread = float(codes.astype(np.float64).std(axis=0).max())
    if np.ptp(codes, axis=0).any() and not low <= spread <= high:
        raise ValueError(
            f"codes must have a spread between {low:g} and {high:g} for {metric}, whose "
            f"classifier depends on their scale, found {spread:.2g}; divide them by it."
        )


def unit_scale(codes: np.ndarray) -> Float[np.ndarray, " latent"]:
    """The power of two just above each dimension's range; 1 for a constant dimension.

    Division by it is exact: results that do not depend on scale stay the same to the
    last bit, while squares neither overflow nor underflow.
    """
    span = np.ptp(codes.astype(np.float64), axis=0)
    return np.where(span > 0, 2.0 ** np.ceil(np.log2(np.where(span > 0, span, 1))), 1.0)


def varying_factors(
    sizes: Sequence[int], metric: str, fewest: int = 2
) -> tuple[int, ...]:
    """The factors of a grid that take more than one value.

    Raises:
      ValueError: if there are fewer than `fewest`.
    """
    varying = tuple(k for k, size in enumerate(sizes) if size > 1)
    if len(varying) < fewest:
        raise ValueError(
            f"{metric} needs {fewest} or more factors that vary, found the sizes "
            f"{tuple(sizes)}"
            + (": with one, any code is perfect." if len(varying) == 1 else ".")
        )
    return varying


def left_out_of_grid(sizes: Sequence[int]) -> dict[str, str]:
    """The factors of a grid that take one value, by the names that results use."""
    return {f"factor {k}": "takes one value" for k, n in enumerate(sizes) if n == 1}


def pruned(std: Float[np.ndarray, " latent"], min_std: float) -> dict[str, str]:
    """The dimensions that vary too little to be used, by the names that results use."""
    low = np.flatnonzero(~(std >= min_std))
    if low.size == 0:
        return {}
    found = {name_dims(low): f"standard deviation below min_std = {min_std:g}"}
    if low.size == len(std):
        found["score"] = (
            f"0 by definition: 0 of {len(std)} dimensions are used, no standard deviation "
            f"reaches min_std = {min_std:g}"
        )
    return found


def _real(array: np.ndarray, name: str) -> np.ndarray:
    """Converts to float64; refuses complex numbers: NumPy would drop the imaginary part."""
    if array.dtype.kind != "c":
        with contextlib.suppress(TypeError, ValueError):
            return array.astype(np.float64)
    raise ValueError(
        f"{name} must be real numbers, found {array.dtype} such as {array.flat[0]!s}."
    )


def _table(factors: ArrayLike, num_rows: int, name: str) -> np.ndarray:
    array = np.asarray(factors)
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must be real numbers or words, found {array.dtype}.")
    if array.ndim != 2 or array.shape[1] == 0 or array.shape[0] != num_rows:
        advice = ""
        if array.ndim == 1:
            advice = f"; reshape a single factor to ({num_rows}, 1)"
        elif array.ndim == 2 and array.shape[1] == num_rows:
            advice = "; transpose them"
        elif array.shape and array.shape[0] > num_rows:
            advice = "; if codes are (latent, rows), transpose those"
        raise ValueError(
            f"{name} must have the shape ({num_rows}, factor), one row per code, found "
            f"{array.shape}{advice}."
        )
    return array


def _numbers(column: np.ndarray, k: int, name: str) -> np.ndarray:
    """The column as numbers; words become their ranks. Raises if a value is missing."""
    if column.dtype.kind in "iub":
        return column
    if column.dtype.kind == "f":
        missing = ~np.isfinite(column)
    else:
        missing = np.array([_is_missing(value) for value in column])
    if missing.any():
        row = int(np.argmax(missing))
        value = column.tolist()[row]
        raise ValueError(
            f"{name} must be known, found {value!r} at row {row}, factor {k} "
            f"({missing.sum()} such values); drop these rows. evaluate_codes also accepts "
            "-1 for an unknown label, and then skips the factor."
        )
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    # Among words, "-1" still marks an unknown label.
    if (words := _words(column)) is not None:
        found = np.searchsorted(words, column.astype(str))
        return np.where(column.astype(str) == "-1", -1, found)
    numbers = column.astype(np.float64)
    if np.mod(numbers, 1).any():  # as an integer, an object 0.5 would be 0
        return numbers
    try:
        return column.astype(np.int64)  # exact where floats would round
    except (ValueError, OverflowError):
        return numbers


def _words(column: np.ndarray) -> np.ndarray | None:
    """The words of a column, sorted, or None if all are numbers."""
    if column.dtype.kind in "iubf":
        return None
    try:
        column.astype(np.float64)
    except (ValueError, TypeError):
        words = np.unique(column.astype(str))
        return words[words != "-1"]
    return None


def _is_missing(value: object) -> bool:
    """Whether a value is None, NaN, infinite, an empty word, or a word for one of them."""
    if value is None or is_missing(str(value)):
        return True
    try:
        return not np.isfinite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _as_int(column: np.ndarray) -> Int[np.ndarray, " batch"]:
    """Converts to int64; ranks replace larger values, which keeps them distinct."""
    if column.dtype.kind in "uf" and np.abs(column).max() >= 2**63:
        numbered = np.unique(column, return_inverse=True)[1]
        return np.where(column == -1.0, -1, numbered)
    return column.astype(np.int64)


def check_pair(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    min_rows: int = 2,
    repeating: bool = True,
) -> tuple[Float[np.ndarray, "batch latent"], Int[np.ndarray, "batch factor"]]:
    """Codes and their factors, checked together.

    Raises:
      ValueError: as `check_codes` and `check_factors`.
    """
    codes = check_codes(codes, min_rows=min_rows)
    return codes, check_factors(factors, len(codes), repeating=repeating)


def check_split(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test codes and factors, checked together.

    Raises:
      ValueError: as `check_codes` and `check_factors`, or if the two parts differ in
        the number of dimensions or of factors.
    """
    codes = check_codes(codes)
    test_codes = check_codes(test_codes, name="test_codes", min_rows=1)
    # Numbered together, so that a word has the same label in both parts.
    both = join_factors(factors, test_factors, len(codes), len(test_codes))
    labels = _whole(both, len(both), "factors")
    factors = check_factors(labels[: len(codes)], len(codes))
    test_factors = labels[len(codes) :]
    for k, column in enumerate(test_factors.T):
        refuse_unknown(column, k, "test_factors")
    if codes.shape[1] != test_codes.shape[1]:
        raise ValueError(
            f"test_codes must have as many columns as codes ({codes.shape[1]}), found "
            f"{test_codes.shape[1]}."
        )
    return codes, factors, test_codes, test_factors


def join_factors(
    factors: ArrayLike, test_factors: ArrayLike, num_rows: int, num_test: int
) -> np.ndarray:
    """Stacks both parts, so that words get the same number in both.

    Raises:
      ValueError: if a shape is wrong, or the parts differ in their number of factors.
    """
    first = _table(factors, num_rows, "factors")
    second = _table(test_factors, num_test, "test_factors")
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"test_factors must have as many columns as factors ({first.shape[1]}), "
            f"found {second.shape[1]}."
        )
    if {first.dtype.kind, second.dtype.kind} & set("OUS"):
        # As objects: joining numbers and texts would turn the numbers into texts.
        first, second = first.astype(object), second.astype(object)
    return np.concatenate([first, second])


def random_key(key: Key[Array, ""] | int) -> Key[Array, ""]:
    """The given key, or the key of a given seed.

    Args:
      key: from `jax.random.key`, or an integer.

    Returns:
      A key.

    Raises:
      ValueError: if it is neither; old-style keys, from `jax.random.PRNGKey`, are
        accepted.
    """
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not 0 <= key < 2**32:  # beyond the seeds of JAX
            raise ValueError(f"key is {key}; a seed is an integer from 0 to 2^32 - 1.")
        return jax.random.key(key)
    if isinstance(key, jax.Array):
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ():
            return key
        if key.dtype == np.uint32 and key.ndim == 1:
            return jax.random.wrap_key_data(key)
    raise ValueError(
        f"key is {key!r}; expected one key from jax.random.key(seed), or a seed."
    )
