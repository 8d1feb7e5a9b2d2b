r"""Compares DCI by LightGBM's trees with DCI by scikit-learn's, on codes of each kind.

    python -m launch.compare_trees [--kinds=aligned,noise]

Writes results/dci_trees.json after each kind; the kinds that are in it already keep what
scikit-learn found, which takes minutes each, and are compared with LightGBM afresh.
"""

import json
import pathlib
import time

from absl import flags, logging

from dis_jax import evaluation
from dis_jax.provenance import provenance
from launch import start
from launch.known_codes import KINDS, known_codes

_KINDS = flags.DEFINE_list("kinds", list(KINDS), "Kinds of codes.")
_OUT = flags.DEFINE_string("out", "results/dci_trees.json", "JSON file.")
_SCORES = ("disentanglement", "completeness", "informativeness_test")


def scores_by(trees, split):
    """The scores, and the seconds of all cores together."""
    began = time.process_time()
    result = evaluation.dci(*split, trees=trees)
    seconds = time.process_time() - began
    row = {name: round(getattr(result, name), 4) for name in _SCORES}
    return row | {"cpu_seconds": round(seconds, 1)}


def main(argv):
    del argv
    out = pathlib.Path(_OUT.value)
    rows = json.loads(out.read_text())["kinds"] if out.exists() else {}
    for kind in _KINDS.value:
        codes, factors = known_codes(kind, 10_000, 0)
        split = (codes, factors, *known_codes(kind, 5_000, 100))
        row = {"sklearn": rows.get(kind, {}).get("sklearn")}
        row["sklearn"] = row["sklearn"] or scores_by("sklearn", split)
        row["lightgbm"] = scores_by("lightgbm", split)
        row["difference"] = {
            name: round(row["lightgbm"][name] - row["sklearn"][name], 4)
            for name in _SCORES
        }
        rows[kind] = row
        logging.info("%s: %s", kind, row)
        largest = {
            name: max(abs(row["difference"][name]) for row in rows.values())
            for name in _SCORES
        }
        result = {
            "what": "10,000 codes of 10 dimensions, dSprites' factors, tested on 5,000",
            "made_by": "python -m launch.compare_trees",
            "largest_difference": largest,
            "kinds": dict(sorted(rows.items())),
            **provenance(),
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    start.run(main)
