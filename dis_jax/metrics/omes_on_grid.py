"""OMES with pairs that are sampled from a full grid."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from dis_jax.metrics.omes import FEWEST_PAIRS, Omes, omes_from_pairs
from dis_jax.probing.checks import random_key, varying_factors
from dis_jax.probing.encoding import Encode, FactorGrid, factor_encoder, sample_factors


def omes_on_grid(
    encode: Encode,
    data: FactorGrid,
    key: Key[Array, ""] | int,
    *,
    num_pairs: int = 2_000,
    num_codes: int = 10_000,
    alpha: float = 0.5,
    pooling: str = "avg",
    normalised: bool = False,
    min_std: float = 0.05,
) -> Omes:
    """OMES with pairs from a full grid of factors, the same number for each factor.

    With many pairs, the score approaches that of `omes` on all images of the grid. In a
    sample of a large grid, `omes` finds few pairs for a factor with few values.

    Eq.: Dapueto et al. 2024, Section 3

    Args:
      encode: any function from a batch of images to codes (batch, latent).
      data: a full grid of factors: has `sizes` and `images(factors)`.
      key: source of the pairs; or a seed.
      num_pairs: pairs of each factor.
      num_codes: images from which the standard deviations are estimated.
      alpha: weight of the overlap score, 0 to 1.
      pooling: "avg" or "max".
      normalised: whether a perfect code scores 1 for factors of three values and more.
      min_std: dimensions with a smaller standard deviation are skipped.

    Returns:
      `Omes`, as `omes`.

    Raises:
      ValueError: if a count is too small, an option is unknown, or `encode` returns
        codes that are not finite or not one row per image.

    Example:
      >>> import types
      >>> import jax
      >>> from dis_jax import evaluation
      >>> grid = types.SimpleNamespace(sizes=(5, 6), images=lambda factors: factors)
      >>> result = evaluation.omes_on_grid(
      ...     lambda images: 2.0 * images, grid, jax.random.key(0), num_pairs=500)
      >>> result.best_dim
      array([0, 1])
    """
    key = random_key(key)
    if num_pairs < FEWEST_PAIRS or num_codes < 2:
        raise ValueError(
            f"num_pairs must be at least {FEWEST_PAIRS} and num_codes 2, found "
            f"{num_pairs} and {num_codes}."
        )
    sizes = tuple(int(size) for size in data.sizes)
    varying = varying_factors(sizes, "OMES", fewest=1)
    total = num_codes + 2 * num_pairs * len(varying)
    codes_of = factor_encoder(encode, data, total)
    rows = _draw_rows(key, num_pairs, num_codes, sizes, varying)
    codes = np.asarray(codes_of(rows))
    half = num_pairs * len(varying)
    return omes_from_pairs(
        codes[:half],
        codes[half : 2 * half],
        np.repeat(varying, num_pairs),
        codes[2 * half :],
        sizes=sizes,
        alpha=alpha,
        pooling=pooling,
        normalised=normalised,
        min_std=min_std,
    )


@functools.partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _draw_rows(
    key: Key[Array, ""],
    num_pairs: int,
    num_codes: int,
    sizes: tuple[int, ...],
    varying: tuple[int, ...],
) -> Int[Array, "row factor"]:
    """Factors of the first images of pairs, factor by factor; of the second; of others."""
    keys = jax.random.split(key, 3)
    x = sample_factors(keys[0], (len(varying), num_pairs), sizes)
    y = x
    for i, k in enumerate(varying):
        # A shift from 1 to size - 1, modulo the size: uniform over the other values.
        # fold_in keeps the draws of a factor independent of which others vary.
        shift = jax.random.randint(
            jax.random.fold_in(keys[1], k), (num_pairs,), 1, sizes[k]
        )
        y = y.at[i, :, k].set((x[i, :, k] + shift) % sizes[k])
    rest = sample_factors(keys[2], (num_codes,), sizes)
    return jnp.concatenate([part.reshape(-1, len(sizes)) for part in (x, y, rest)])
