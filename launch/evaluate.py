"""Scores a trained model, or codes from anywhere.

    python -m launch.evaluate --workdir=runs/a --metrics=factor_vae_score,mig
    python -m launch.evaluate --codes=my.npz --metrics=all

The scores of a run are written to <workdir>/evaluation/, those of my.npz (arrays
`codes`, `factors`; also `test_codes`, `test_factors`, `factor_names`) beside it.
"""

import json
import pathlib

import jax
import numpy as np
from absl import flags

from dis_jax import data, evaluation
from launch import models, start

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run.")
_CODES = flags.DEFINE_string("codes", None, "File of codes (.npz), instead of a run.")
_METRICS = flags.DEFINE_list(
    "metrics",
    ",".join(evaluation.DEFAULT_METRICS),
    f"Sets: {', '.join(evaluation.METRIC_SETS)}. "
    f"Metrics: {', '.join(evaluation.METRICS)}.",
)
_MEMBER = flags.DEFINE_integer("member", None, "Which member of a population.")
_BEST = flags.DEFINE_bool("best", False, "The best checkpoint instead of the last.")
_CODE = flags.DEFINE_string("code", None, "Which of the method's codes to score.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of the real data sets.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the images and splits drawn.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace an earlier result.")


def main(argv: list[str]) -> None:
    del argv
    start.set_up_jax()
    if (_WORKDIR.value is None) == (_CODES.value is None):
        raise ValueError("give either --workdir=... or --codes=...")
    name = f"{'+'.join(_METRICS.value)}_seed{_SEED.value}"
    score(pathlib.Path(_CODES.value or _WORKDIR.value or ""), name)


def score(path: pathlib.Path, name: str) -> None:
    evaluation.resolve_metrics(_METRICS.value)  # complain before anything is loaded
    key = jax.random.key(_SEED.value)
    if _CODES.value:
        source = {"codes": str(path)}
        out = evaluation.new_file(path.parent, f"{path.stem}_{name}", _OVERWRITE.value)
        with np.load(path) as arrays:
            given = {"key": key, "metrics": _METRICS.value, **arrays}
        result = evaluation.evaluate_codes(**given)
    else:
        found = models.restore(path, _MEMBER.value, best=_BEST.value)
        method, state, config = found
        source = {"step": int(state.step), "member": _MEMBER.value, "code": _CODE.value}
        name += "".join(f"_{k}{v}" for k, v in source.items() if v is not None)
        out = evaluation.new_file(path / "evaluation", name, _OVERWRITE.value)
        encode = evaluation.code_fn(method, state, _CODE.value)
        images = data.load(config.dataset, _DATA_DIR.value, config.split)
        result = evaluation.evaluate(encode, images, key, _METRICS.value)
    result |= {"source": source, "seed": _SEED.value}
    out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(f"{evaluation.format_table(result)}\nwritten to {out}")


if __name__ == "__main__":
    start.run(main)
