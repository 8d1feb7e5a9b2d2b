"""Labels of -1 are unknown: a metric that is called directly refuses them."""

import numpy as np
import pytest

from dis_jax.evaluation import METRICS, dci, infomec, mcc, mig, r2, sap

# Their factors are numbers, of which -1 is one.
OF_NUMBERS = [name for name, metric in METRICS.items() if metric.fn in (mcc, r2)]
OF_LABELS = [
    name
    for name, metric in METRICS.items()
    if {"factors", "targets", "train_factors", "train_targets"} & {*metric.takes}
]
WITH_KINDS = [
    name for name in OF_LABELS if any("targets" in word for word in METRICS[name].takes)
]
KNOWN = np.indices((3, 4)).reshape(2, -1).T.repeat(8, axis=0)


def some_unknown():
    factors = KNOWN.copy()
    factors[::4, 1] = -1
    return factors


def score(name, factors, test_factors=None, **options):
    """The metric by this name; the codes are the factors."""
    metric = METRICS[name]
    test_factors = factors if test_factors is None else test_factors
    codes, given = KNOWN.astype(float), []
    for word in metric.takes:
        if word == "key":
            given.append(0)
        elif word.endswith("codes"):
            given.append(codes)
        else:
            given.append(test_factors if word.startswith("test_") else factors)
    return metric.fn(*given, **metric.settings, **options)


@pytest.mark.parametrize("name", OF_LABELS)
def test_unknown_labels_are_refused(name):
    message = (
        r"found -1 \(unknown\) in 24 of 96 rows of factor 1; drop these rows, or use"
    )
    with pytest.raises(ValueError, match=f"^factors must be known, {message}"):
        score(name, some_unknown())
    if METRICS[name].takes[0] == "train_codes":
        with pytest.raises(ValueError, match=f"^test_factors must be known, {message}"):
            score(name, KNOWN, some_unknown())


@pytest.mark.parametrize("name", WITH_KINDS)
def test_unknown_labels_are_refused_with_kinds(name):
    """-1 is a value of the first factor, a number, but unknown in the second."""
    kinds = ("continuous", "ordered")
    factors = some_unknown() - [1, 0]
    with pytest.raises(ValueError, match="in 24 of 96 rows of factor 1; drop these"):
        score(name, factors, kinds=kinds)
    if METRICS[name].takes[0] == "train_codes":
        with pytest.raises(ValueError, match=r"^test_factors .* of factor 1; drop"):
            score(name, KNOWN - [1, 0], factors, kinds=kinds)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_minus_one_is_a_number(name):
    np.testing.assert_allclose(
        score(name, KNOWN - 1).score, score(name, KNOWN).score, atol=1e-6
    )


def test_minus_one_is_a_value_of_numbers_in_metrics_of_all_kinds():
    factors, kinds = KNOWN - [1, 0], ("continuous", ("circular", 4.0))
    codes = KNOWN + 0.1 * np.random.default_rng(0).normal(size=KNOWN.shape)
    shifted, plain = (
        mig(codes, each, information="ksg", kinds=kinds).score
        for each in (factors, KNOWN)
    )
    assert shifted == pytest.approx(plain, abs=1e-6)
    sap(codes, factors, codes, factors, kinds=kinds)
    infomec(codes, factors, kinds=kinds)
    dci(codes, factors, codes, factors, kinds=kinds)
