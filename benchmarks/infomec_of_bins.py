r"""Compares InfoM of continuous codes by nearest neighbours and by counts in bins.

  python -m benchmarks.infomec_of_bins --workdir=runs/quantised_short

InfoM of quantised codes uses counts; InfoM of continuous codes uses nearest neighbours.
Here, continuous codes are cut into as many values as a quantised code has, and InfoM uses
counts too. The folder is that of configs/studies/quantised.py. Writes
results/infomec_of_bins.json.
"""

import pathlib

import jax.numpy as jnp
import numpy as np
from absl import flags

from dis_jax import data, evaluation, process, training
from dis_jax.files import write_json
from dis_jax.provenance import provenance
from launch import shared_flags, start

_WORKDIR = shared_flags.workdir("Folder of the study.")
_BINS = shared_flags.count("bins", 10, "Bins of each dimension.", at_least=2)
_OUT = flags.DEFINE_string("out", "results/infomec_of_bins.json", "JSON file.")
_COMMAND = "python -m benchmarks.infomec_of_bins --workdir=..."
_NUM = 10_000  # images, as in the study
_TAIL = 1e-3  # share of rows in each tail; the first and last bins include them


def cut(z: np.ndarray, bins: int) -> np.ndarray:
    """Bin numbers of codes; bins have equal width over the range without outliers."""
    low, high = np.quantile(z, [_TAIL, 1 - _TAIL], axis=0)
    return np.clip(np.floor(bins * (z - low) / (high - low)), 0, bins - 1)


def main(argv):
    del argv
    process.set_up_jax()
    rows = {}
    for path in sorted(pathlib.Path(_WORKDIR.value).glob("*/seed*/config.json")):
        method, state, config = training.restore(path.parent)
        if config.method in ("qlae", "tripod"):
            continue
        images = data.load(config.dataset)
        index = jnp.asarray(images.choose(np.random.default_rng(0), _NUM))
        encode = evaluation.code_fn(method, state)
        z = evaluation.encode_all(encode, index, lambda i, s=images: s.take(i)[0])
        z, factors = np.asarray(z), np.asarray(images.factors(index))
        binned = evaluation.infomec(cut(z, _BINS.value), factors, discrete=True)
        rows[f"{path.parent.parent.name}, {path.parent.name}"] = {
            "InfoM, nearest neighbours": evaluation.infomec(z, factors).modularity,
            f"InfoM, {_BINS.value} bins": binned.modularity,
        }
        print(path.parent, rows, flush=True)
    found = {"command": _COMMAND, "rows": rows, **provenance()}
    write_json(_OUT.value, found)


if __name__ == "__main__":
    start.run(main)
