"""Metrics as plain loops with scikit-learn, to compare our times with."""

import jax.numpy as jnp
import numpy as np

from dis_jax.data.image_set import index_of_factors


def lookup_of(codes, sizes):
    """Returns a function from factors to codes that reads an encoded grid."""
    table = jnp.asarray(np.resize(codes, (int(np.prod(sizes)), codes.shape[1])))
    return lambda factors: table[index_of_factors(factors, sizes)]


def loops(split, lookup, sizes, *, slow):
    """Plain loops by metric name."""
    codes, factors, test_codes, test_factors = split
    out = {
        "mig": lambda: _information(codes, factors),
        "modularity": lambda: _information(codes, factors),
        "sap": lambda: _machines(*split),
        "infomec": lambda: _neighbours(codes, factors),
        "factor_vae_votes": lambda: _votes(lookup, sizes),
    }
    if slow:
        out["omes"] = lambda: _pairs(codes, factors)
        out["dci_lightgbm"] = lambda: _trees(codes, factors, test_codes, test_factors)
    return out


def _information(codes, factors):
    from sklearn.metrics import mutual_info_score

    for z in codes.T:
        binned = np.digitize(z, np.histogram(z, 20)[1][:-1])
        for v in factors.T:
            mutual_info_score(v, binned)


def _machines(codes, factors, test_codes, test_factors):
    from sklearn.svm import LinearSVC

    for d in range(codes.shape[1]):
        for v, test in zip(factors.T, test_factors.T, strict=True):
            model = LinearSVC(C=0.01, class_weight="balanced").fit(codes[:, [d]], v)
            np.mean(model.predict(test_codes[:, [d]]) == test)


def _neighbours(codes, factors):
    """Only the mutual information of InfoMEC: ours uses scikit-learn's regressions too."""
    from sklearn.feature_selection import mutual_info_classif

    for v in factors.T:
        mutual_info_classif(codes, v, n_neighbors=10, random_state=0)


def _votes(lookup, sizes):
    rng = np.random.default_rng(0)
    table = np.asarray(lookup(jnp.indices(sizes).reshape(len(sizes), -1).T))
    spread = table.var(axis=0, ddof=1)
    strides = np.cumprod([1, *sizes[:0:-1]])[::-1]
    for _ in range(15_000):
        fixed = rng.integers(len(sizes))
        factors = rng.integers(0, sizes, (64, len(sizes)))
        factors[:, fixed] = factors[0, fixed]
        np.argmin(table[factors @ strides].var(axis=0, ddof=1) / spread)


def _pairs(codes, factors):
    """One pass over all rows for each label vector, as in the public code of OMES."""
    rng = np.random.default_rng(0)
    for row in np.unique(factors, axis=0):
        for k in range(factors.shape[1]):
            same = np.delete(factors, k, axis=1) == np.delete(row, k)
            rows = np.flatnonzero(same.all(axis=1))
            _, first = np.unique(factors[rows], axis=0, return_index=True)
            rng.permutation(rows[first])


def _trees(codes, factors, test_codes, test_factors):
    from sklearn.ensemble import GradientBoostingClassifier

    for v, test in zip(factors.T, test_factors.T, strict=True):
        model = GradientBoostingClassifier(random_state=0).fit(codes, v)
        model.score(test_codes, test)
