r"""Compares scores of groups of rows with scores of a grid, on codes of known structure.

    python -m benchmarks.score_grouped

Writes results/grouped_scores.json. The grid's scores are from results/known_codes.json.
"""

import json
import pathlib

import numpy as np
from absl import flags, logging

from benchmarks.known_codes import DSPRITES, KINDS, known_codes
from dis_jax import evaluation, process
from dis_jax.provenance import provenance
from launch import start

_OUT = flags.DEFINE_string("out", "results/grouped_scores.json", "JSON file.")
_KNOWN = pathlib.Path("results/known_codes.json")
_SCORES = {
    "FactorVAE score": evaluation.grouped_factor_vae_score,
    "beta-VAE score": evaluation.grouped_beta_vae_score,
}
_ROWS = (15_000, 3_000, 600)
_SEEDS = range(5)


def scores_of(kind, rows):
    """Mean and standard deviation over samples of rows; two thirds are for training."""
    num_train = rows * 2 // 3
    found, taken = {name: [] for name in _SCORES}, {name: [] for name in _SCORES}
    for seed in _SEEDS:
        codes, factors = known_codes(kind, rows, seed)
        parts = (codes[:num_train], factors[:num_train])
        parts += (codes[num_train:], factors[num_train:])
        for name, score in _SCORES.items():
            result = score(*parts, seed)
            found[name].append(result.score)
            dropped = [what for what in result.left_out if what.startswith("factor ")]
            taken[name].append(len(DSPRITES) - len(dropped))
    return {
        name: {
            "mean": round(float(np.mean(x)), 4),
            "std": round(float(np.std(x, ddof=1)), 4),
            "factors": taken[name],
        }
        for name, x in found.items()
    }


def main(argv):
    del argv
    process.set_up_jax()
    grid = json.loads(_KNOWN.read_text())["scores"]
    rows = {}
    for kind in KINDS:
        rows[kind] = {"grid": {name: grid[kind][name] for name in _SCORES}}
        rows[kind] |= {str(num): scores_of(kind, num) for num in _ROWS}
        logging.info("%s: %s", kind, rows[kind])
    result = {
        "what": "10 dimensions, dSprites' factors, drawn independently; by number of rows, "
        f"two thirds to learn from, {len(_SEEDS)} samples",
        "made_by": "python -m benchmarks.score_grouped",
        "scores": rows,
        **provenance(),
    }
    pathlib.Path(_OUT.value).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    start.run(main)
