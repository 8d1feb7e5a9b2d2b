r"""Measures how often intervals cover the true score, and nulls the score of noise.

    python -m benchmarks.check_intervals

Writes results/intervals.json: over 200 samples of codes of known structure, how often the
interval covers the true score, and how often a noise code does not score above its null.
"""

import numpy as np
from absl import flags, logging

from dis_jax import evaluation, process
from dis_jax.files import write_json
from dis_jax.provenance import provenance
from launch import start

_OUT = flags.DEFINE_string("out", "results/intervals.json", "JSON file.")
_TRIALS = flags.DEFINE_integer("trials", 200, "Samples of each code.", lower_bound=1)
_ROWS = flags.DEFINE_integer("rows", 300, "Rows of a sample.", lower_bound=8)
_RESAMPLES = flags.DEFINE_integer(
    "resamples", 100, "Resamples of each score.", lower_bound=1
)
_CODES = {
    "mcc": "mcc",
    "mcc_of_a_rotation": "mcc",
    "r2": "r2",
    "mig": "mig",
    "jemmig": "jemmig",
    "jemmig_of_noise": "jemmig",
    "irs": "irs",
    "omes": "omes",
}
_ONLY = flags.DEFINE_list("only", [], f"Some of {', '.join(_CODES)}.")
_ANGLE = np.radians(20)
_SIZES = (5, 6, 7)  # of the factors for OMES, whose pairs differ in one factor
_MEAN_OF = 2_000  # samples; binned scores, IRS and OMES have no closed form


def draw(code, rng, rows):
    """Samples codes and factors; `truth` returns their true score."""
    if code in ("mig", "jemmig", "jemmig_of_noise", "irs"):
        labels = rng.integers(0, 5, (rows, 2))
        noise = rng.normal(size=labels.shape)
        return noise if code == "jemmig_of_noise" else labels + 0.5 * noise, labels
    if code == "omes":
        labels = rng.integers(0, _SIZES, (rows, len(_SIZES)))
        return labels + 0.5 * rng.normal(size=labels.shape), labels
    factors = rng.normal(size=(rows, 2))
    if code != "mcc_of_a_rotation":
        return factors + 0.5 * rng.normal(size=factors.shape), factors
    cosine, sine = np.cos(_ANGLE), np.sin(_ANGLE)
    return factors @ [[cosine, -sine], [sine, cosine]], factors


def truth(code, rows):
    """The true score: in closed form, or the mean score of samples with this many rows."""
    if code == "mcc_of_a_rotation":
        return float(np.cos(_ANGLE))
    if code in ("mcc", "r2"):
        correlation = 1 / np.sqrt(1 + 0.5**2)
        return float(correlation if code == "mcc" else correlation**2)
    rng = np.random.default_rng(0)
    metric = getattr(evaluation, _CODES[code])
    seeds = [(seed,) if code == "omes" else () for seed in range(_MEAN_OF)]
    scores = [metric(*draw(code, rng, rows), *seed).score for seed in seeds]
    return float(np.mean(scores))


def coverage(code, rows, trials, resamples):
    """How often the interval covers the true score, and noise does not exceed the null."""
    metric = _CODES[code]
    target, covered, below = truth(code, rows), [], []
    for trial in range(trials):
        rng = np.random.default_rng([1, trial])
        codes, factors = draw(code, rng, rows)
        for z, is_noise in ((codes, False), (rng.normal(size=codes.shape), True)):
            entry = evaluation.evaluate_codes(
                *(z, factors, trial, metric), resamples=resamples, baselines="none"
            )["metrics"][metric]
            found = entry["resamples"]["scores"]["score"]
            if is_noise:
                below.append(entry["result"]["score"] <= found["null"])
            else:
                covered.append(found["low"] <= target <= found["high"])
    return {
        "truth": round(target, 4),
        "covered": float(np.mean(covered)),
        "noise_below_null": float(np.mean(below)),
    }


def main(argv):
    del argv
    process.set_up_jax()
    found = {}
    for code in _ONLY.value or _CODES:
        found[code] = coverage(code, _ROWS.value, _TRIALS.value, _RESAMPLES.value)
        logging.info("%s: %s", code, found[code])
    result = {
        "what": f"{_TRIALS.value} samples of {_ROWS.value} rows, {_RESAMPLES.value} "
        "resamples each; mcc, r2: two Gaussian factors with noise of half their spread; "
        "mcc_of_a_rotation: rotated by 20 degrees; mig, jemmig, irs: two labels of five "
        "values with noise of .5; omes: three labels of five to seven values with the same "
        "noise; jemmig_of_noise: noise alone",
        "made_by": "python -m benchmarks.check_intervals",
        "scores": found,
        **provenance(),
    }
    write_json(_OUT.value, result)


if __name__ == "__main__":
    start.run(main)
