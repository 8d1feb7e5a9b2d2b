r"""Scores codes whose structure is known by every metric: what does a score mean?

    python -m benchmarks.score_known_codes

Writes results/known_codes.json and docs/metrics_known_codes.png.
"""

import json
import pathlib
import typing

import jax
import numpy as np
from absl import flags, logging

from benchmarks.known_codes import DSPRITES, KINDS, codes_of
from dis_jax import evaluation, figures
from dis_jax.provenance import provenance
from launch import start

_OUT = flags.DEFINE_string("out", "results/known_codes.json", "JSON file.")
_PICTURE = flags.DEFINE_string("picture", "docs/metrics_known_codes.png", "Picture.")
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
    """dSprites' factors; an "image" is a row of them."""

    sizes: tuple[int, ...] = DSPRITES

    def images(self, factors):
        return factors


def scores_of(kind):
    """Every metric's scores of codes of this kind, on dSprites' grid of factors."""
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
    start.set_up_jax()
    rows = {}
    for kind in KINDS:
        rows[kind] = scores_of(kind)
        logging.info("%s: %s", kind, rows[kind])
    result = {
        "what": "10 dimensions, dSprites' factors; 10,000 codes, tested on 5,000; DCI by "
        "LightGBM; the kinds are described in benchmarks/known_codes.py",
        "made_by": "python -m benchmarks.score_known_codes",
        "scores": rows,
        **provenance(),
    }
    out = pathlib.Path(_OUT.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    figure = figures.matrix(
        np.array([list(row.values()) for row in rows.values()]),
        rows=list(rows),
        columns=list(_COLUMNS),
        limits=(0, 1),
    )
    pathlib.Path(_PICTURE.value).write_bytes(figures.to_png(figure))


if __name__ == "__main__":
    start.run(main)
