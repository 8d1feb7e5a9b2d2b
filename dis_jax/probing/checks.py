"""What codes and factors must look like before a metric reads them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike


def check_codes(
    codes: ArrayLike, *, name: str = "codes", min_rows: int = 2
) -> Float[np.ndarray, "batch latent"]:
    """The codes as a floating-point NumPy array, or an error that says what is wrong.

    Args:
      codes: (batch, latent), NumPy, JAX or nested lists.
      name: what the caller calls this argument.
      min_rows: the fewest rows that the caller can work with.

    Returns:
      The same numbers; float32 and float64 keep their precision, others become float64.

    Raises:
      ValueError: if the shape is not (batch, latent), if there are too few rows, or if
        a value is not finite.
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
        array = array.astype(np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        row, dim = np.argwhere(~finite)[0]
        raise ValueError(
            f"{name} must be finite, found {array[row, dim]} at row {row}, dimension "
            f"{dim} ({np.sum(~finite)} such values); check the encoder."
        )
    return array


def check_factors(
    factors: ArrayLike, num_rows: int, *, name: str = "factors", varying: bool = True
) -> Int[np.ndarray, "batch factor"]:
    """The factors as an integer NumPy array, or an error that says what is wrong.

    Args:
      factors: (batch, factor), whole numbers; any labels will do.
      num_rows: the number of codes that they describe.
      name: what the caller calls this argument.
      varying: whether every factor has to take at least two values.

    Returns:
      The same numbers as int64.

    Raises:
      ValueError: if the shape is not (num_rows, factor), if a value is not a whole
        number, or if a factor takes one value alone.
    """
    array = np.asarray(factors)
    if array.ndim != 2 or array.shape[1] == 0 or array.shape[0] != num_rows:
        raise ValueError(
            f"{name} must have the shape ({num_rows}, factor), one row a code, found "
            f"{array.shape}; reshape a single factor to ({num_rows}, 1)."
        )
    whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        raise ValueError(
            f"{name} must be whole numbers (the index of each factor's value), found "
            f"{array.dtype} with fractions; use np.unique(column, return_inverse=True)."
        )
    constant = np.flatnonzero(np.ptp(whole, axis=0) == 0)
    if varying and constant.size:
        k = constant[0]
        raise ValueError(
            f"{name} must vary, found the one value {whole[0, k]} in all {num_rows} "
            f"rows of factor {k}; leave that factor out."
        )
    return whole


def check_pair(
    codes: ArrayLike, factors: ArrayLike, *, min_rows: int = 2
) -> tuple[Float[np.ndarray, "batch latent"], Int[np.ndarray, "batch factor"]]:
    """Codes and their factors, checked together.

    Raises:
      ValueError: as `check_codes` and `check_factors`.
    """
    codes = check_codes(codes, min_rows=min_rows)
    return codes, check_factors(factors, len(codes))


def check_split(
    codes: ArrayLike, factors: ArrayLike, test_codes: ArrayLike, test_factors: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes and factors to learn from and to test on, checked together.

    Raises:
      ValueError: as `check_codes` and `check_factors`, or if the two parts differ in
        the number of dimensions or of factors.
    """
    codes, factors = check_pair(codes, factors)
    test_codes = check_codes(test_codes, name="test_codes", min_rows=1)
    test_factors = check_factors(
        test_factors, len(test_codes), name="test_factors", varying=False
    )
    for name, train, test in (
        ("codes", codes, test_codes),
        ("factors", factors, test_factors),
    ):
        if train.shape[1] != test.shape[1]:
            raise ValueError(
                f"test_{name} must have as many columns as {name} ({train.shape[1]}), "
                f"found {test.shape[1]}."
            )
    return codes, factors, test_codes, test_factors
