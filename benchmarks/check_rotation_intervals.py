r"""Compares the spread of a rotated code's MCC over samples and over resamples.

    python -m benchmarks.check_rotation_intervals

This shows why intervals of this score are too wide. Writes results/rotation_intervals.json:
standard deviation of the score over 200 samples, and over the resamples of one sample, for
300 and 3,000 rows.
"""

import json
import pathlib

import numpy as np
from absl import flags, logging

from benchmarks.check_intervals import draw
from dis_jax import process
from dis_jax.metrics.mcc import reweighted_mcc
from dis_jax.provenance import provenance
from launch import start

_OUT = flags.DEFINE_string("result", "results/rotation_intervals.json", "JSON file.")
_ROWS = (300, 3_000)
_SAMPLES = 200
_RESAMPLED = 60  # resamples of each sample


def spread(rows):
    """Standard deviations over samples and over their resamples."""
    scores, within, changed = [], [], 0
    for trial in range(_SAMPLES):
        rng = np.random.default_rng([2, trial])
        score = reweighted_mcc(*draw("mcc_of_a_rotation", rng, rows))
        plain = score()
        often = rng.multinomial(rows, np.full(rows, 1 / rows), _RESAMPLED)
        again = [score(None, weights.astype(float)) for weights in often]
        scores.append(plain.score)
        within.append(np.std([each.score for each in again]))
        changed += sum((each.matching != plain.matching).any() for each in again)
    found = {
        "std_of_samples": np.std(scores),
        "std_of_resamples": np.mean(within),
        "ratio": np.mean(within) / np.std(scores),
    }
    found = {name: float(f"{value:.3g}") for name, value in found.items()}
    return found | {"resamples_of_another_matching": int(changed)}


def main(argv):
    del argv
    process.set_up_jax()
    rows = {}
    for count in _ROWS:
        rows[str(count)] = spread(count)
        logging.info("%d rows: %s", count, rows[str(count)])
    result = {
        "what": f"two Gaussian factors, rotated by 20 degrees; {_SAMPLES} samples of so "
        f"many rows, {_RESAMPLED} resamples each",
        "made_by": "python -m benchmarks.check_rotation_intervals",
        "rows": rows,
        **provenance(),
    }
    out = pathlib.Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    start.run(main)
