"""Explicitness by loss-capacity curves, and size: the E and S of DCI-ES."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from dis_jax.probing.capacity_probes import FitProbes, forest_probes, mlp_probes
from dis_jax.probing.checks import unit_scale
from dis_jax.probing.factor_kinds import Kind, as_targets, check_split_kinds
from dis_jax.probing.sklearn_models import majority_accuracy

_PROBES = {"forest": forest_probes, "mlp": mlp_probes}


class DciEs(NamedTuple):
    """Result of `dci_es`.

    Attributes:
      explicitness: mean over factors, -1 to 1; NaN where no factor can be predicted.
      informativeness: mean over factors of 1 - the lowest loss; at most 1.
      size: number of factors over number of dimensions.
      per_factor: explicitness of each factor, (factor,); NaN where no probe is better
        than the baseline.
      capacities: of the probes, increasing, (factor, probe).
      losses: on the test part, (factor, probe).
      baseline: loss of the best constant prediction, (factor,).
      left_out: skipped factors and scores, with the reason.
    """

    explicitness: float
    informativeness: float
    size: float
    per_factor: np.ndarray
    capacities: np.ndarray
    losses: np.ndarray
    baseline: np.ndarray
    left_out: Mapping[str, str] = {}


def dci_es(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    *,
    probes: str | FitProbes = "forest",
    sizes: Sequence[int] | None = None,
    seed: int = 0,
    kinds: Sequence[Kind] | None = None,
) -> DciEs:
    """Explicitness: how little capacity a probe needs to predict the factors.

    With l_t the lowest loss of probes of capacity up to c_t, l* the lowest of all and l_b
    that of a constant prediction: E_k = 1 - sum_t (c_{t+1} - c_t) (l_t + l_{t+1} - 2 l*)
    / [(c_T - c_1) l_b], and E the mean over factors. Size S = factors / dimensions.

    Eq.: Eastwood et al. 2023, explicitness and size

    E is 1 where the smallest probe is as good as the largest, 0 where the loss falls on
    the straight line from the baseline to 0, and negative where only the largest probes
    predict the factor. As in the authors' code, the best possible loss is 0 in the
    denominator, and the loss is 1 - accuracy of categories and 1 - R2 of ordered and
    real factors; an angle has one R2 of its cosine and sine. E does not measure how
    well the factors are predicted: if all probes are equally bad, as on noise, it is near
    1. Read it together with informativeness. A factor that no probe predicts better than a
    constant is skipped. `dci` gives D and C of the framework.

    Args:
      codes: (batch, latent).
      factors: (batch, factor), whole numbers, each factor with at least two values.
      test_codes: (test batch, latent).
      test_factors: (test batch, factor).
      probes: one of two families of the paper: "forest", random forests, whose capacity is
        the depth, 1 to 32; "mlp", a linear model and networks with two layers of 16 to 512
        units, whose capacity is the logarithm of the number of parameters. Or a function
        (codes, target of one factor, test codes, seed) -> `Probes` for your own family.
      sizes: other depths, or widths of layers, 0 for the linear model; increasing.
      seed: of the probes.
      kinds: one per factor; all are categorical by default.

    Returns:
      `DciEs(explicitness, informativeness, size, per_factor, capacities, losses, baseline,
      left_out)`.

    Raises:
      ValueError: if a shape is wrong, a value is not finite, a label is unknown (-1), a
        factor is constant, or `probes` is unknown, or there are fewer than two increasing
        sizes, or sizes are given with your own probes.

    Example:
      >>> import numpy as np
      >>> from dis_jax import evaluation
      >>> factors = np.indices((2, 2)).reshape(2, -1).T.repeat(50, axis=0)
      >>> result = evaluation.dci_es(factors, factors, factors, factors, probes="mlp")
      >>> round(result.explicitness, 6), result.size
      (1.0, 1.0)
    """
    if not callable(probes) and probes not in _PROBES:
        raise ValueError(f"probes must be one of {tuple(_PROBES)}, found {probes!r}.")
    if sizes is not None and (len(sizes) < 2 or sorted({*sizes}) != [*sizes]):
        raise ValueError(
            f"sizes must be two or more increasing numbers, found {sizes}."
        )
    if callable(probes) and sizes is not None:
        raise ValueError(
            "sizes apply only to the named probes; set them inside your own function."
        )
    family = probes if callable(probes) else _PROBES[probes]
    if sizes is not None:
        family = functools.partial(family, sizes=sizes)
    x, columns, x_test, tests, own = check_split_kinds(
        codes, factors, test_codes, test_factors, kinds
    )
    # Trees ignore a dimension with a range below 1e-7. Divided by a power of two, which is
    # exact, the ranges are 8 to 16.
    scale = unit_scale(x) / 16
    x, x_test = x / scale, x_test / scale
    pairs = [
        (_target(column, kind), _target(test, kind))
        for column, test, kind in zip(columns, tests, own, strict=True)
    ]
    found = [family(x, target, x_test, seed) for target, _ in pairs]
    capacities = np.stack([each.capacities for each in found])
    losses = np.stack(
        [
            [_loss(truth, guess) for guess in each.predicted]
            for (_, truth), each in zip(pairs, found, strict=True)
        ]
    )
    baseline = np.array([_baseline(*pair) for pair in pairs])
    best = losses.min(axis=1)
    predictable = best < baseline
    left_out = {
        f"factor {k}": "no probe predicts it better than a constant"
        for k in np.flatnonzero(~predictable)
    }
    area = np.where(predictable, _explicitness(capacities, losses, baseline), np.nan)
    if not predictable.any():
        left_out["explicitness"] = "undefined: no factor can be predicted"
    return DciEs(
        float(area[predictable].mean()) if predictable.any() else float("nan"),
        float(1 - best.mean()),
        len(own) / x.shape[1],
        area,
        capacities,
        losses,
        baseline,
        left_out,
    )


def _explicitness(
    capacities: Float[np.ndarray, "factor probe"],
    losses: Float[np.ndarray, "factor probe"],
    baseline: Float[np.ndarray, " factor"],
) -> Float[np.ndarray, " factor"]:
    # A larger probe with a higher loss gets the loss of the best smaller one.
    lowest = np.minimum.accumulate(losses, axis=1)
    above = lowest - lowest[:, -1:]
    area = (np.diff(capacities, axis=1) * (above[:, 1:] + above[:, :-1])).sum(axis=1)
    span = capacities[:, -1] - capacities[:, 0]
    return 1 - area / (span * np.where(baseline > 0, baseline, 1))


def _target(column: np.ndarray, kind: Kind) -> np.ndarray:
    """Labels of a categorical factor, else one column for each number to predict."""
    if kind == "categorical":
        return column.astype(np.int64)
    return as_targets(column.astype(np.float64), kind)


def _loss(truth: np.ndarray, guess: np.ndarray) -> float:
    """1 - accuracy of labels, 1 - R2 of numbers."""
    if truth.dtype.kind == "i":
        return float(np.mean(truth != guess))
    spread = ((truth - truth.mean(axis=0)) ** 2).sum()
    wrong = ((truth - guess.reshape(truth.shape)) ** 2).sum()
    return float(wrong / spread) if spread > 0 else 1.0


def _baseline(train: np.ndarray, truth: np.ndarray) -> float:
    """Loss of the most frequent label, or of the mean, which is 1 by definition."""
    if truth.dtype.kind != "i":
        return 1.0
    return 1 - majority_accuracy(train, truth)
