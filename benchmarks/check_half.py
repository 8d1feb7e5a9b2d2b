r"""Compares codes and scores of float16 exports with those of the exported runs.

    python -m benchmarks.check_half --folder=~/dis_jax_runs

Reads the runs in a folder of `benchmarks.long_runs --queue=weights` and their exports in
its weights/. Writes results/half_exports.json.
"""

import json
import pathlib

import jax.numpy as jnp
import numpy as np
from absl import flags

from dis_jax import data, evaluation, process, training
from dis_jax.provenance import provenance
from launch import start

_FOLDER = flags.DEFINE_string("folder", None, "Folder of the queue.", required=True)
_OUT = flags.DEFINE_string("out", "results/half_exports.json", "JSON file.")
_CODES = 5_000


def differences(run, exported):
    """Largest difference of codes in standard deviations; differences of MIG and SAP."""
    codes, scores = [], []
    for folder in (run, exported):
        method, state, config = training.restore(folder)
        image_set = data.load(config.dataset)
        index = np.random.default_rng(0).choice(
            image_set.num_images, _CODES, replace=False
        )
        images, factors = image_set.take(jnp.asarray(index))
        codes.append(np.asarray(evaluation.code_fn(method, state)(images)))
        found = evaluation.evaluate_codes(
            codes[-1], np.asarray(factors), 0, ["mig", "sap"], baselines="none"
        )
        scores.append({k: v["result"]["score"] for k, v in found["metrics"].items()})
    first, second = scores
    return {
        "codes": float(np.abs(codes[0] - codes[1]).max() / codes[0].std()),
        **{name: abs(first[name] - second[name]) for name in first},
    }


def main(argv):
    del argv
    process.set_up_jax()
    folder = pathlib.Path(_FOLDER.value).expanduser()
    models = {}
    for exported in sorted((folder / "weights").iterdir()):
        models[exported.name] = differences(folder / exported.name, exported)
        print(exported.name, models[exported.name])
    result = {
        "what": f"{_CODES:,} images: largest difference of codes in units of their "
        "standard deviation, differences of MIG and SAP",
        "made_by": "python -m benchmarks.check_half --folder=...",
        "models": models,
        **provenance(),
    }
    pathlib.Path(_OUT.value).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    start.run(main)
