r"""Times every metric for 10,000 codes of 10 dimensions, compared with plain loops.

    python -m benchmarks.bench_metrics [--rounds=5] [--slow] [--only=numbers]

Writes results/bench_metrics.json and prints it as one line. --slow also times programs that
take minutes: the pairs of OMES in a loop, DCI with scikit-learn's trees, and DCI-ES. With
--only, the other sets keep their results in the file. "numbers" are real-valued factors;
this set also records the machine's load.
"""

import functools
import json
import os
import pathlib
import statistics
import time
from typing import Any

import jax
import numpy as np
from absl import flags, logging

from benchmarks import metric_peers as peers
from benchmarks.known_codes import DSPRITES, SHAPES3D, known_codes
from dis_jax import evaluation
from dis_jax.metrics.factor_vae_score import score_votes
from dis_jax.metrics.modularity_explicitness import _modularity
from dis_jax.probing.histogram_information import (
    histogram_bins,
    mutual_information_matrix,
    relabel,
)
from dis_jax.provenance import provenance
from launch import start

_ROUNDS = flags.DEFINE_integer("rounds", 5, "How often each metric runs.")
_SLOW = flags.DEFINE_bool("slow", False, "Also time the loops that take minutes.")
_ONLY = flags.DEFINE_list("only", [], "Only these: dsprites, shapes3d, numbers.")
_OUT = flags.DEFINE_string(
    "out", "results/bench_metrics.json", "JSON file; '' prints the result only."
)
_SETS = {"dsprites": DSPRITES, "shapes3d": SHAPES3D}
_VOTES: dict[str, Any] = {"batch_size": 64, "num_train": 10_000, "num_eval": 5_000}
_VOTES |= {"num_variance": 10_000, "min_std": 0.05}


def timed(fn, rounds):
    """Seconds of a call: the first (which compiles), the others, CPU time of all cores."""
    wall, cores = [], []
    for _ in range(rounds + (rounds > 1)):
        began, used = time.perf_counter(), time.process_time()
        fn()
        wall.append(time.perf_counter() - began)
        cores.append(time.process_time() - used)
    rest = wall[1:] or wall
    row = {"first": wall[0], "min": min(rest), "median": statistics.median(rest)}
    return {k: round(v, 4) for k, v in (row | {"cpu_min": min(cores)}).items()}


def measure(sizes):
    """Seconds by metric: of dis_jax, and of the plain loop if there is one."""
    z, v = known_codes("entangled", 10_000, 0, sizes)
    split = (z, v, *known_codes("entangled", 5_000, 100, sizes))
    key, lookup = jax.random.key(0), peers.lookup_of(z, sizes)
    e = evaluation
    ours = {
        "mig": lambda: e.mig(z, v),
        "modularity": lambda: _modularity(
            mutual_information_matrix(histogram_bins(z, 20), relabel(v))
        ),
        "modularity_explicitness": lambda: e.modularity_explicitness(*split),
        "sap": lambda: e.sap(*split),
        "irs": lambda: e.irs(z, v),
        "gaussian_correlation": lambda: e.gaussian_correlation(z),
        "infomec": lambda: e.infomec(z, v),
        "omes": lambda: e.omes(z, v, key),
        "factor_vae_votes": lambda: score_votes(lookup, sizes, key, **_VOTES),
        "dci_lightgbm": lambda: e.dci(*split, trees="lightgbm"),
    }
    loops = peers.loops(split, lookup, sizes, slow=_SLOW.value)
    rows = {}
    for name, fn in ours.items():
        rows[name] = timed(fn, _ROUNDS.value)
        if name in loops:
            peer = timed(loops[name], 1)
            rows[name] |= {f"loops_{k}": peer[k] for k in ("first", "cpu_min")}
        logging.info("%s: %s", name, rows[name])
    total = {k: sum(row[k] for row in rows.values()) for k in ("min", "cpu_min")}
    return rows | {"all": {k: round(v, 3) for k, v in total.items()}}


def measure_numbers():
    """Seconds of metrics on ten real factors, and with 200 resamples and permutations."""
    e, load = evaluation, os.getloadavg()[0]
    rng = np.random.default_rng(0)
    v = rng.normal(size=(10_000, 10))
    z = v + 0.5 * rng.normal(size=v.shape)
    ours: dict[str, Any] = {
        name: functools.partial(e.evaluate_codes, z, v, 0, name, baselines="none")
        for name in ("mcc", "r2", "mig_ksg", "hausdorff_support")
    }
    if _SLOW.value:
        ours["dci_es"] = lambda: e.evaluate_codes(z, v, 0, "dci_es", baselines="none")
    rows = {}
    for name, fn in ours.items():
        rows[name] = timed(fn, 1 if name == "dci_es" else _ROUNDS.value)
        logging.info("%s: %s", name, rows[name])
    for name in ("mig", "mcc", "r2"):
        resampled = functools.partial(
            *(e.evaluate_codes, z, v, 0, name), resamples=200, baselines="none"
        )
        what = f"{name}, 200 resamples and permutations"
        rows[what] = timed(resampled, 1)
        logging.info("%s: %s", what, rows[what])
    return rows | {"load": round(load, 1), "cores": os.cpu_count()}


def main(argv):
    del argv
    asked = _ONLY.value or [*_SETS, "numbers"]
    rows = {name: measure(sizes) for name, sizes in _SETS.items() if name in asked}
    if "numbers" in asked:
        rows["numbers"] = measure_numbers()
    if _OUT.value:
        write(pathlib.Path(_OUT.value), rows)
    print(json.dumps(rows))


def write(out, rows):
    """Writes the file; sets that were not measured now keep their results in it."""
    if _ONLY.value and out.exists():
        rows = json.loads(out.read_text()) | rows
    what = "seconds; 10,000 codes of 10 dimensions, tested on 5,000"
    result = {
        "what": what,
        "made_by": f"python -m benchmarks.bench_metrics{' --slow' if _SLOW.value else ''}",
        **provenance(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows | result, indent=1) + "\n")


if __name__ == "__main__":
    start.run(main)
