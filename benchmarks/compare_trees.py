r"""Compares DCI with LightGBM's trees and with scikit-learn's trees, on each kind of codes.

    python -m benchmarks.compare_trees [--kinds=aligned,noise]

Writes results/dci_trees.json after each kind. Kinds that are already in the file keep
scikit-learn's scores, which take minutes each; LightGBM's scores are computed again. On the
kinds in `--binned`, LightGBM also runs with each number of bins in `--max_bins`.
"""

import functools
import json
import pathlib
import time

from absl import flags, logging

from benchmarks.known_codes import KINDS, known_codes
from dis_jax import evaluation
from dis_jax.probing.boosted_trees import lightgbm_trees
from dis_jax.provenance import provenance
from launch import start

_KINDS = flags.DEFINE_list("kinds", list(KINDS), "Kinds of codes.")
_OUT = flags.DEFINE_string("out", "results/dci_trees.json", "JSON file.")
_BINNED = flags.DEFINE_list("binned", ["merged"], "Kinds to run with `--max_bins`.")
_MAX_BINS = flags.DEFINE_list(
    "max_bins", ["1023", "4095", "16000"], "Other numbers of bins of LightGBM."
)
_SCORES = ("disentanglement", "completeness", "informativeness_test")


def scores_by(trees, split):
    """DCI scores with these trees, and CPU seconds of all cores together."""
    began = time.process_time()
    result = evaluation.dci(*split, trees=trees)
    seconds = time.process_time() - began
    row = {name: round(getattr(result, name), 4) for name in _SCORES}
    return row | {"cpu_seconds": round(seconds, 1)}


def compare(row, label, trees, split):
    """Adds the scores of these trees, and their differences from scikit-learn's."""
    row[label] = scores_by(trees, split)
    return row | {
        f"{label} - sklearn": {
            name: round(row[label][name] - row["sklearn"][name], 4) for name in _SCORES
        }
    }


def main(argv):
    del argv
    out = pathlib.Path(_OUT.value)
    rows = json.loads(out.read_text())["kinds"] if out.exists() else {}
    for kind in _KINDS.value:
        split = (*known_codes(kind, 10_000, 0), *known_codes(kind, 5_000, 100))
        known = rows.get(kind, {}).get("sklearn")
        row = {"sklearn": known or scores_by("sklearn", split)}
        row = compare(row, "lightgbm", "lightgbm", split)
        for bins in map(int, _MAX_BINS.value if kind in _BINNED.value else ()):
            trees = functools.partial(lightgbm_trees, max_bin=bins)
            row = compare(row, f"lightgbm, {bins} bins", trees, split)
        rows[kind] = row
        logging.info("%s: %s", kind, row)
        largest = {
            name: max(abs(row["lightgbm - sklearn"][name]) for row in rows.values())
            for name in _SCORES
        }
        result = {
            "what": "10,000 codes of 10 dimensions, dSprites' factors, tested on 5,000",
            "made_by": "python -m benchmarks.compare_trees",
            "largest_difference": largest,
            "kinds": dict(sorted(rows.items())),
            **provenance(),
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    start.run(main)
