r"""Scores codes of correlated factors, as labels and as real numbers, with every metric.

    python -m benchmarks.score_correlated_codes

The five factors have standard normal marginals; the correlation of each pair is 0, .5 or
.9. As labels, they are cut at their quantiles into ten values. "aligned" has one dimension
per factor with noise of .1; "rotated" is the same after a random rotation.
Writes results/correlated_codes.json and docs/metrics_correlated_codes.png.
"""

import numpy as np
from absl import flags, logging
from scipy.stats import norm

from benchmarks.known_codes import write_scores
from dis_jax import evaluation, process
from launch import start

_OUT = flags.DEFINE_string("out", "results/correlated_codes.json", "JSON file.")
_PICTURE = flags.DEFINE_string(
    "picture", "docs/metrics_correlated_codes.png", "PNG file."
)
_FACTORS, _VALUES, _ROWS = 5, 10, 6_000
_CORRELATIONS = (0.0, 0.5, 0.9)
_COLUMNS = {
    "MIG": ("mig", "score"),
    "MIG, KSG": ("mig_ksg", "score"),
    "JEMMIG": ("jemmig", "score"),
    "DCIMIG": ("dcimig", "score"),
    "DCIMIG, KSG": ("dcimig_ksg", "score"),
    "SAP": ("sap", "score"),
    "DCI D": ("dci_lightgbm", "disentanglement"),
    "DCI C": ("dci_lightgbm", "completeness"),
    "DCI I": ("dci_lightgbm", "informativeness_test"),
    "DCI-ES E": ("dci_es", "explicitness"),
    "modularity": ("modularity_explicitness", "modularity"),
    "modularity, KSG": ("modularity_ksg", "modularity"),
    "explicitness": ("modularity_explicitness", "explicitness_test"),
    "IRS": ("irs", "score"),
    "OMES": ("omes", "score"),
    "InfoM": ("infomec", "modularity"),
    "InfoE": ("infomec", "explicitness"),
    "InfoC": ("infomec", "compactness"),
    "MCC": ("mcc", "score"),
    "MCC, Spearman": ("mcc_spearman", "score"),
    "MCC, linear map": ("mcc_linear", "score"),
    "R2": ("r2", "score"),
    "R2, matched": ("r2", "matched"),
    "Hausdorff distance": ("hausdorff_support", "score"),
}


def draw(kind, rho, labels):
    """Samples codes and factors."""
    rng = np.random.default_rng(0)
    covariance = np.full((_FACTORS, _FACTORS), rho) + (1 - rho) * np.eye(_FACTORS)
    v = rng.multivariate_normal(
        np.zeros(_FACTORS), covariance, _ROWS, method="cholesky"
    )
    factors = v
    if labels:
        factors = np.minimum((norm.cdf(v) * _VALUES).astype(int), _VALUES - 1)
        v = (factors - (_VALUES - 1) / 2) / np.sqrt((_VALUES**2 - 1) / 12)
    z = v + 0.1 * rng.normal(size=v.shape)
    if kind == "rotated":
        turn = np.random.default_rng(1).normal(size=(_FACTORS, _FACTORS))
        z = z @ np.linalg.qr(turn)[0]
    return z, factors


def scores_of(kind, rho, labels):
    """The scores in the table's columns."""
    codes, factors = draw(kind, rho, labels)
    found = evaluation.evaluate_codes(
        *(codes, factors, 0, sorted({metric for metric, _ in _COLUMNS.values()})),
        kinds=["ordered" if labels else "continuous"] * _FACTORS,
        baselines="none",
    )["metrics"]
    return {
        column: round(found[metric]["result"][field], 4)
        for column, (metric, field) in _COLUMNS.items()
    }


def main(argv):
    del argv
    process.set_up_jax()
    rows = {}
    for kind in ("aligned", "rotated"):
        for labels in (True, False):
            for rho in _CORRELATIONS:
                name = f"{kind}, {'labels' if labels else 'real'}, {rho:g}"
                rows[name] = scores_of(kind, rho, labels)
                logging.info("%s: %s", name, rows[name])
    write_scores(
        rows,
        f"{_FACTORS} factors, each pair correlated by 0, .5 or .9, of {_VALUES} labels or "
        f"real; {_ROWS:,} codes of as many dimensions, a third held out where a metric "
        "fits; DCI by LightGBM; noise of .1",
        "python -m benchmarks.score_correlated_codes",
        _OUT.value,
        _PICTURE.value,
    )


if __name__ == "__main__":
    start.run(main)
