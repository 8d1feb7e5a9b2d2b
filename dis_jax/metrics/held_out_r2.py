"""R2 on other sets of rows: inside and outside of the training part of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.probing.checks import check_codes
from dis_jax.probing.cross_fit import (
    MODELS,
    check_values,
    numbers,
    predict,
    spread_over,
    standardise,
)
from dis_jax.probing.factor_kinds import Kind, as_targets


def held_out_r2(
    codes: ArrayLike,
    factors: ArrayLike,
    parts: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    model: str = "linear",
    kinds: Sequence[Kind] | None = None,
    whole: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, Float[np.ndarray, " factor"]]:
    """R2 of each factor on several sets of rows, by one regression fitted on other rows.

    R2_k = 1 - mean_i |v_ik - f_k(z_i)|^2 / var(v_k), where f_k is fitted to `codes` and
    `factors`, i runs over the rows of a part, and the variance is that of all rows of
    `whole`. All parts use one variance, so a part with few values of a factor does not get
    a smaller R2 for the same error.

    Eq.: Schott et al. 2022, R2 with the variance over the whole grid

    Args:
      codes: (batch, latent), on which f is fitted.
      factors: (batch, factor), of the same rows.
      parts: by name, codes (row, latent) and factors (row, factor) to score. A factor is
        NaN in rows that do not count for it.
      model: "linear", "mlp", "gbt" or "kernel"; see `predict` in probing.cross_fit.
      kinds: one for each factor, all continuous by default; "categorical" factors are
        skipped, and ("circular", period) are angles, predicted as cosine and sine.
      whole: (any, factor), factors of all rows, for the variance; by default `factors`.
      seed: of the models that use randomness.

    Returns:
      By the name of a part, R2 of each factor, at most 1; 0 where the errors are as large
      as those of the mean of `whole`; NaN for categories, and where no row counts.

    Raises:
      ValueError: if a shape is wrong, a value to fit is not finite, a factor is
        constant, all are categorical, or the model is unknown.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> v = np.linspace(0, 1, 100)[:, None]
      >>> found = evaluation.held_out_r2(v, v, {"beyond": (1 + v, 1 + v)})
      >>> found["beyond"].round(6).tolist()
      [1.0]
    """
    if model not in MODELS:
        raise ValueError(f"model must be one of {MODELS}, found {model!r}.")
    z, v, kinds = check_values(codes, factors, kinds)
    every = v if whole is None else check_codes(whole, name="whole")
    columns = numbers(kinds)
    targets = [as_targets(v[:, k], kinds[k]) for k in columns]
    # All targets in one array, so that one call fits them.
    ends = np.cumsum([target.shape[1] for target in targets])
    joined = np.concatenate(targets, axis=1)
    scored = {name: _checked(name, part, z, v) for name, part in parts.items()}
    both = np.concatenate([z, *(codes for codes, _ in scored.values())])
    both = standardise(both, np.arange(len(z)))
    predicted = predict(both[: len(z)], joined, both[len(z) :], model, seed)
    spread = [as_targets(every[:, k], kinds[k]).var(axis=0).sum() for k in columns]
    found, start = {}, 0
    for name, (own, values) in scored.items():
        of_part = np.split(predicted[start : start + len(own)], ends[:-1], axis=1)
        start += len(own)
        r2 = [
            _one(as_targets(values[:, k], kinds[k]), guess, variance)
            for k, guess, variance in zip(columns, of_part, spread, strict=True)
        ]
        found[name] = spread_over(np.array(r2), kinds)
    return found


def _checked(
    name: str, part: tuple[ArrayLike, ArrayLike], z: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    codes = check_codes(part[0], name=f"codes of {name!r}", min_rows=1)
    codes = codes.astype(np.float64)
    factors = np.asarray(part[1], np.float64)  # NaN is allowed here
    wanted = (len(codes), v.shape[1])
    if codes.shape[1] != z.shape[1] or factors.shape != wanted:
        raise ValueError(
            f"part {name!r} has codes {codes.shape} and factors {factors.shape}; expected "
            f"({len(codes)}, {z.shape[1]}) and {wanted}, like `codes` and `factors`."
        )
    return codes, factors


def _one(target: np.ndarray, guess: np.ndarray, variance: float) -> float:
    """1 - mean squared error / variance over the rows that count."""
    counts = ~np.isnan(target).any(axis=1)
    if not counts.any():
        return float("nan")
    return float(1 - ((target - guess)[counts] ** 2).sum(axis=1).mean() / variance)
