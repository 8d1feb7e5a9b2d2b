r"""Scores codes of known structure with every metric, to show what a score means.

    python -m benchmarks.score_known_codes

Writes results/known_codes.json and docs/metrics_known_codes.png.
"""

import typing

import jax
import numpy as np
from absl import flags, logging

from benchmarks.known_codes import DSPRITES, KINDS, codes_of, write_scores
from dis_jax import evaluation, process
from launch import start

_OUT = flags.DEFINE_string("out", "results/known_codes.json", "JSON file.")
_PICTURE = flags.DEFINE_string("picture", "docs/metrics_known_codes.png", "PNG file.")
_COLUMNS = {
    "FactorVAE score": ("factor_vae_score", "score"),
    "beta-VAE score": ("beta_vae_score", "score"),
    "MIG": ("mig", "score"),
    "SAP": ("sap", "score"),
    "DCI D": ("dci_lightgbm", "disentanglement"),
    "DCI C": ("dci_lightgbm", "completeness"),
    "DCI I": ("dci_lightgbm", "informativeness_test"),
    "modularity": ("modularity_explicitness", "modularity"),
    "explicitness": ("modularity_explicitness", "explicitness_test"),
    "IRS": ("irs", "score"),
    "OMES": ("omes_on_grid", "score"),
    "InfoM": ("infomec", "modularity"),
    "InfoE": ("infomec", "explicitness"),
    "InfoC": ("infomec", "compactness"),
}


class _Grid(typing.NamedTuple):
    """The grid of dSprites' factors; an "image" is a row of factors."""

    sizes: tuple[int, ...] = DSPRITES

    def images(self, factors):
        return factors


def scores_of(kind):
    """Scores of codes of this kind by every metric, on dSprites' grid of factors."""
    rng = np.random.default_rng(0)
    found = evaluation.evaluate(
        lambda factors: codes_of(kind, np.asarray(factors), rng),
        _Grid(),
        jax.random.key(0),
        sorted({metric for metric, _ in _COLUMNS.values()}),
    )
    return {
        column: round(found["metrics"][metric]["result"][field], 4)
        for column, (metric, field) in _COLUMNS.items()
    }


def main(argv):
    del argv
    process.set_up_jax()
    rows = {}
    for kind in KINDS:
        rows[kind] = scores_of(kind)
        logging.info("%s: %s", kind, rows[kind])
    write_scores(
        rows,
        "10 dimensions, dSprites' factors; 10,000 codes, tested on 5,000; DCI by "
        "LightGBM; the kinds are described in benchmarks/known_codes.py",
        "python -m benchmarks.score_known_codes",
        _OUT.value,
        _PICTURE.value,
    )


if __name__ == "__main__":
    start.run(main)
