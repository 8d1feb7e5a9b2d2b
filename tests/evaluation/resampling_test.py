import math
import re

import jax
import numpy as np
import pytest

from dis_jax.evaluation import METRICS, compare_codes, evaluate_codes, format_table
from dis_jax.evaluation.one_metric import arguments, as_fields
from dis_jax.evaluation.resampling import Plan, _against, interval, scalars_of
from dis_jax.probing.labelled_codes import given_samples
from dis_jax.probing.reweighted import weighted_ranks

REWEIGHTED = [name for name, metric in METRICS.items() if metric.reweighted]
CHEAP = [name for name in REWEIGHTED if not METRICS[name].slow]


def numbers(n, seed=0):
    """Two ordered factors and an angle, and a noisy code of them."""
    rng = np.random.default_rng(seed)
    factors = np.c_[rng.integers(0, 4, n), rng.integers(0, 3, n), rng.integers(0, 6, n)]
    return factors + 0.5 * rng.normal(size=factors.shape), factors


def scorer(name, codes, factors):
    kinds = ("ordered", "ordered", ("circular", 6))
    samples = given_samples(codes, factors, jax.random.key(0), None, None, None, kinds)
    args, options = arguments(name, samples, jax.random.key(0), {})
    return (
        lambda: METRICS[name].fn(*args, **options),
        METRICS[name].reweighted(*args, **options),
    )


@pytest.mark.parametrize("name", CHEAP)
def test_rows_that_count_once_score_as_the_metric_does(name):
    codes, factors = numbers(300)
    score, reweighted = scorer(name, codes, factors)
    expected = scalars_of(score()._asdict())
    same = scalars_of(reweighted(np.arange(300), np.ones(300))._asdict())
    assert same == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", CHEAP)
def test_an_order_scores_the_codes_beside_other_factors(name):
    codes, factors = numbers(300)
    order = np.random.default_rng(1).permutation(300)
    moved, _ = scorer(name, codes[order], factors)
    _, reweighted = scorer(name, codes, factors)
    found = scalars_of(reweighted(order)._asdict())
    assert found == pytest.approx(scalars_of(moved()._asdict()), abs=1e-9)


def test_a_row_of_weight_two_counts_as_two_rows():
    codes, factors = numbers(200)
    weights = np.random.default_rng(2).integers(0, 3, 200).astype(float)
    weights[codes[:, 0].argmax()] = 0  # only rows with weight set the bins
    rows = np.repeat(np.arange(200), weights.astype(int))
    for name in ("mig", "jemmig", "dcimig"):
        _, reweighted = scorer(name, codes, factors)
        repeated, _ = scorer(name, codes[rows], factors[rows])
        found = reweighted(None, weights).score
        assert found == pytest.approx(repeated().score, abs=1e-12)
    # the same for matrices of all rows, which do not depend on the halves
    for name in ("mcc", "mcc_spearman", "mcc_linear"):
        _, reweighted = scorer(name, codes, factors)
        repeated, _ = scorer(name, codes[rows], factors[rows])
        found = reweighted(None, weights).correlations
        np.testing.assert_allclose(found, repeated().correlations, atol=1e-9)


def test_r2_of_moments_is_that_of_rows():
    codes, factors = numbers(200)
    weights = np.random.default_rng(2).integers(0, 3, 200).astype(float)
    _, linear = scorer("r2", codes, factors)
    found = linear(None, weights)
    # halves, least squares and errors on repeated rows, in plain NumPy
    order = np.random.default_rng(0).permutation(200)
    wrong = 0
    for fit, held in ((order[:100], order[100:]), (order[100:], order[:100])):
        fit, held = (np.repeat(part, weights[part].astype(int)) for part in (fit, held))
        design = lambda rows: np.c_[codes[rows], np.ones(len(rows))]
        slopes = np.linalg.lstsq(design(fit), factors[fit, 0], rcond=None)[0]
        wrong += np.sum((factors[held, 0] - design(held) @ slopes) ** 2)
    rows = np.repeat(np.arange(200), weights.astype(int))
    spread = len(rows) * factors[rows, 0].var()
    assert found.per_factor[0] == pytest.approx(1 - wrong / spread, abs=1e-9)


def test_ranks_of_repeated_rows():
    from scipy.stats import rankdata

    values, weights = np.array([3, 1, 1, 0, 2]), np.array([2, 1, 3, 0, 1])
    repeated = np.repeat(np.arange(5), weights)
    found = weighted_ranks(values[:, None], weights.astype(float))[repeated, 0]
    np.testing.assert_allclose(found, rankdata(values[repeated]))


def test_an_interval_has_the_score_in_its_middle_and_keeps_to_the_limits():
    drawn = 0.3 + 0.1 * np.random.default_rng(0).normal(size=20_000)
    found = interval(0.5, drawn, 0, 1)
    assert found["low"] == pytest.approx(0.5 - 0.196, abs=0.01)
    assert found["high"] == pytest.approx(0.5 + 0.196, abs=0.01)
    assert interval(0.95, drawn, 0, 1)["high"] == 1


def test_the_ends_are_draws_that_another_draw_exceeds_with_their_probability():
    """Of 39 resamples, the smallest and the largest each leave out 1 of 40."""
    assert interval(0.0, np.arange(39.0), -99, 99) == {"low": -19.0, "high": 19.0}
    assert _against(5.0, np.arange(19.0))["null"] == 18  # the largest of 19


def test_intervals_and_nulls_of_known_codes():
    """A cheap form of benchmarks/check_intervals.py, whose 200 trials are recorded."""
    covered, below = [], []
    angle = np.radians(20)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]

    def scored(codes, factors, trial):
        result = evaluate_codes(
            *(codes, factors, trial, "mcc"), resamples=40, baselines="none"
        )
        entry = result["metrics"]["mcc"]
        return entry["result"]["score"], entry["resamples"]["scores"]["score"]

    for trial in range(16):
        rng = np.random.default_rng(trial)
        factors = rng.normal(size=(100, 2))
        _, found = scored(factors @ turn, factors, trial)
        covered.append(found["low"] < np.cos(angle) < found["high"])
        score, found = scored(rng.normal(size=(100, 2)), factors, trial)
        below.append(score <= found["null"])
    # 15.2 of 16 expected; fewer than 12 has a chance of 0.1 %
    assert sum(covered) >= 12
    assert sum(below) >= 12


def test_metrics_are_resampled_by_what_they_read():
    codes, factors = numbers(150)
    result = evaluate_codes(
        *(codes, factors, 0, ["mig", "irs", "gaussian_correlation"]), resamples=8
    )
    entries = result["metrics"]
    assert entries["mig"]["resamples"]["how"] == "rows, with replacement"
    assert entries["irs"]["resamples"]["how"] == "random halves of the rows"
    for name in ("mig", "irs"):
        found = entries[name]["resamples"]["scores"]["score"]
        assert found["low"] <= entries[name]["result"]["score"] <= found["high"]
        assert found["null"] < entries[name]["result"]["score"]
        assert found["p"] == pytest.approx(1 / 9, abs=1e-6)
    # the metric does not depend on the order of the rows, so it has no null
    found = entries["gaussian_correlation"]["resamples"]["scores"]
    assert set(found["total_correlation"]) == {"low", "high"}
    low, high = (
        entries["mig"]["resamples"]["scores"]["score"][e] for e in ("low", "high")
    )
    assert f"[{low:.4f}, {high:.4f}]" in format_table(result)


def test_resamples_that_take_too_long_are_left_out_with_their_time():
    codes, factors = numbers(100)
    # a limit of 0 s: on any machine, every metric takes longer
    result = evaluate_codes(codes, factors, 0, "irs", resamples=8, resample_limit=0)
    assert "resamples" not in result["metrics"]["irs"]
    reason = result["resamples_left_out"]["irs"]
    assert re.match(r"8 resamples take about \d+ s; a resample_limit", reason)
    assert f"skipped interval of irs: {reason}" in format_table(result)


def test_resamples_are_repeatable_and_none_by_default():
    codes, factors = numbers(100)
    first, second = (
        evaluate_codes(codes, factors, 3, "mig", resamples=5)["metrics"]["mig"]
        for _ in range(2)
    )
    assert first["resamples"]["scores"] == second["resamples"]["scores"]
    assert "resamples" not in evaluate_codes(codes, factors, 3, "mig")["metrics"]["mig"]
    with pytest.raises(ValueError, match="resamples must be 0 or more, found -1"):
        evaluate_codes(codes, factors, 3, "mig", resamples=-1)


@pytest.mark.parametrize("module", ["resampling", "comparison"])
def test_a_score_that_no_resample_has_is_named(module, monkeypatch):
    codes, factors = numbers(100)
    nothing = Plan("none", lambda i: {}, lambda i: {}, 0.0)
    name = f"dis_jax.evaluation.{module}.plan_of"
    monkeypatch.setattr(name, lambda *args: nothing)
    if module == "resampling":
        found = evaluate_codes(codes, factors, 0, "mig", resamples=3)
    else:
        found = compare_codes(codes, -codes, factors, 0, "mig", resamples=3)
    assert found["resamples_left_out"] == {"mig score": "undefined in every resample"}
    assert found["metrics"]["mig"]["resamples"]["scores"] == {}
    assert "interval of mig score: undefined in every resample" in format_table(found)


@pytest.mark.parametrize("number", [np.float32, np.float64, jax.numpy.float32])
def test_numbers_of_any_library_are_resampled(number):
    fields = as_fields({"a": number(0.5), "b": number("nan"), "each": np.ones(2)})
    assert scalars_of(fields) == {"a": 0.5}
    assert math.isnan(fields["b"])
    assert type(fields["b"]) is float  # so that it is named as undefined
    assert scalars_of(as_fields(number(0.5))) == {"score": 0.5}


def test_a_pair_of_codes_is_compared_on_the_same_rows():
    codes, factors = numbers(300)
    rng = np.random.default_rng(5)
    worse = codes + 0.2 * rng.normal(size=codes.shape)
    result = compare_codes(codes, worse, factors, 0, ["mig", "sap"], resamples=30)
    entry = result["metrics"]["mig"]
    alone = [
        evaluate_codes(z, factors, 0, "mig", resamples=30)["metrics"]["mig"]
        for z in (codes, worse)
    ]
    scores = [each["result"]["score"] for each in alone]
    assert entry["result"]["score"] == pytest.approx(scores[0] - scores[1])
    assert entry["baselines"]["second"]["score"] == scores[1]
    widths = [
        np.diff([found["low"], found["high"]])[0]
        for found in (
            entry["resamples"]["scores"]["score"],
            *(each["resamples"]["scores"]["score"] for each in alone),
        )
    ]
    assert widths[0] < math.hypot(*widths[1:])  # the width for independent rows
    same = compare_codes(codes, codes, factors, 0, "sap", resamples=4)
    found = same["metrics"]["sap"]["resamples"]["scores"]["score"]
    assert found == {"low": 0, "high": 0}
    assert "difference" in format_table(result).splitlines()[0]
    with pytest.raises(ValueError, match="must have the same rows, found"):
        compare_codes(codes, worse[:-1], factors, 0)
    with pytest.raises(ValueError, match="resamples must be 1 or more"):
        compare_codes(codes, worse, factors, 0, resamples=0)


def blas_threads(codes, factors):
    """A metric that returns the number of threads of its linear algebra."""
    from threadpoolctl import threadpool_info

    del codes, factors
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return float(max(pool["num_threads"] for pool in pools))


def test_a_comparison_names_what_each_side_skipped():
    codes, factors = numbers(300)
    constant = np.c_[codes[:, :2], np.zeros(300)]
    found = compare_codes(codes, constant, factors, 0, "omes")
    (skipped,) = found["metrics"]["omes"]["left_out"]
    assert skipped == "dimension 2 (second)"
    assert f"skipped omes {skipped}" in format_table(found)


def test_linear_algebra_has_one_thread_in_scores_and_resamples():
    entry = evaluate_codes(*numbers(30), 0, blas_threads, resamples=2)["metrics"]
    ((_, found),) = entry.items()
    assert found["result"]["score"] == 1
    scores = found["resamples"]["scores"]["score"]
    assert (scores["low"], scores["high"], scores["null"]) == (1, 1, 1)


def test_an_informativeness_below_0_is_in_its_interval():
    rng = np.random.default_rng(0)
    factors, noise = rng.normal(size=(150, 2)), rng.normal(size=(150, 2))
    found = evaluate_codes(
        *(noise, factors, 0, ["dci_lightgbm"]),
        resamples=8,
        resample_limit=np.inf,  # else a busy machine would skip the metric
        baselines="none",
    )["metrics"]["dci_lightgbm"]
    score = found["result"]["informativeness_test"]
    ends = found["resamples"]["scores"]["informativeness_test"]
    assert score < 0
    assert ends["low"] < score < ends["high"]
    # the other scores of noise are near 0, and their intervals end at 0
    assert found["resamples"]["scores"]["disentanglement"]["low"] == 0
