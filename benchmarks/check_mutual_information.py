"""Compares estimators of mutual information with its known value.

    python -m benchmarks.check_mutual_information

Trains critics on correlated Gaussians of 2 and 20 dimensions, and of 2 dimensions with the
coordinates of y cubed. Evaluates the critics and the true log-ratio on held-out pairs in
batches of several sizes. Writes a table and a figure; takes about five minutes on one core.
"""

import json
import pathlib

import jax
import numpy as np
from absl import flags

from benchmarks import gaussian_critics as critics
from benchmarks.draw_mutual_information import draw
from dis_jax.provenance import provenance
from launch import start

_RESULT = flags.DEFINE_string(
    "result", "results/mutual_information_estimators.json", "JSON file."
)
_FIGURE = flags.DEFINE_string(
    "figure", "docs/mutual_information_estimators.png", "PNG file."
)
_CASES = ((2, False), (20, False), (2, True))  # dimensions, whether y is cubed
_EXACT = (
    (0.5, 16),
    (0.5, 256),
    (2.0, 16),
    (2.0, 256),
    (5.0, 16),
    (5.0, 256),
    (5.0, 4096),
)
_EXACT_PAIRS = 2**22


def _row(values, information, **about):
    """Mean, bias, standard deviation and standard error; None if a value is not finite."""
    values = np.asarray(values, np.float64)
    fine = np.isfinite(values).all()
    values = values if fine else np.zeros_like(values)
    numbers = {
        "mean": values.mean(),
        "bias": values.mean() - information,
        "std": values.std(),
        "standard_error": values.std() / np.sqrt(len(values)),
    }
    return about | {
        "information": information,
        "batches": len(values),
        **{k: float(v) if fine else None for k, v in numbers.items()},
    }


def main(_) -> None:
    key = jax.random.key(0)
    rows, exact = [], []
    for i, (dim, cubed) in enumerate(_CASES):
        for name in critics.READINGS:
            made = critics.trained(name, jax.random.fold_in(key, i), dim, cubed)
            # compiled functions sort the keys of dictionaries; this is the table's order
            labels = [
                f"{r} {n}" for r in critics.READINGS[name] for n in critics.BATCHES
            ]
            for label in labels:
                values = jax.device_get(made[label])
                reading, size = label.rsplit(" ", 1)
                about = {"estimator": reading, "dim": dim, "cubed": cubed}
                about |= {"batch_size": int(size)}
                for information, found in zip(critics.INFORMATION, values, strict=True):
                    rows.append(_row(found, information, **about))
            print(f"dim {dim}, cubed {cubed}: {name} done", flush=True)
    for information, size in _EXACT:
        made = critics.exact(key, information, size, _EXACT_PAIRS // size)
        for name, values in jax.device_get(made).items():
            about = {"estimator": name, "dim": 1, "batch_size": size}
            exact.append(_row(values, information, **about))
    settings = {"train": critics.TRAIN, "held_out": critics.HELD_OUT, "seed": 0}
    settings |= {"mine_decay": critics.DECAY, "smile_clip": critics.CLIP}
    result = {"trained": rows, "exact": exact, "settings": settings} | provenance()
    pathlib.Path(_RESULT.value).write_text(json.dumps(result, indent=1) + "\n")
    pathlib.Path(_FIGURE.value).write_bytes(draw(result))


if __name__ == "__main__":
    start.run(main)
