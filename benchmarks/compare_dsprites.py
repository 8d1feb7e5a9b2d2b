r"""Compares rendered dSprites with the real images, pixel by pixel.

    python -m benchmarks.compare_dsprites --data_dir=DIR

Reads the published file of 737,280 images, or its subset of 46,080. Writes
results/rendered_dsprites.json and a picture of the worst images.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags, logging

from dis_jax import data
from dis_jax.provenance import provenance
from launch import start

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder that contains dsprites/.")
_RESULT = flags.DEFINE_string("result", "results/rendered_dsprites.json", "JSON file.")
_PICTURE = flags.DEFINE_string(
    "picture", "docs/rendered_dsprites_worst.png", "PNG of the worst images."
)
_BATCH = 1024
_PART = (3, 6, 10, 16, 16)  # every 4th orientation, every 2nd position
_SHAPES = ("square", "ellipse", "heart")


def _steps(real: data.ImageSet) -> np.ndarray:
    """Distance in the rendered grid between neighbours of the real grid, per factor."""
    full = data.rendered_dsprites().sizes
    if real.sizes not in (full, _PART):
        raise ValueError(
            f"dsprites has the sizes {real.sizes}; expected {full}, as published, or "
            f"{_PART}, its part of 46,080 images: see docs/data.md for the files."
        )
    return np.array(full) // np.array(real.sizes)


def _wrong_pixels(real: data.ImageSet) -> np.ndarray:
    rendered, steps = data.rendered_dsprites(), _steps(real)

    @jax.jit
    def count(real, index):
        images, factors = real.take(index)
        return (rendered.images(factors * steps) != images).sum((1, 2, 3))

    batches = np.arange(real.num_images).reshape(-1, _BATCH)
    return np.concatenate([count(real, index) for index in batches])


def _summary(wrong: np.ndarray) -> dict[str, float]:
    return {
        "images": len(wrong),
        "wrong_pixels": int(wrong.sum()),
        "mean_wrong_pixels": float(wrong.mean()),
        "share_exact": float((wrong == 0).mean()),
        "share_over_3": float((wrong > 3).mean()),
        "most_wrong_pixels": int(wrong.max()),
    }


def _draw_worst(real: data.ImageSet, worst: np.ndarray, path: pathlib.Path) -> None:
    from PIL import Image

    images, factors = real.take(jnp.asarray(worst))
    drawn = data.rendered_dsprites().images(factors * _steps(real))
    rows = [images, drawn, abs(images - drawn)]
    rows = [np.pad(row, [(0, 0), (1, 1), (1, 1), (0, 0)], "constant") for row in rows]
    rows = [1 - np.concatenate(list(row[..., 0]), axis=1) for row in rows]
    grey = np.uint8(255 * np.concatenate(rows)).repeat(2, axis=0).repeat(2, axis=1)
    Image.fromarray(grey).save(path, optimize=True)


def main(_) -> None:
    real = data.load("dsprites", _DATA_DIR.value, resident=True)
    wrong = _wrong_pixels(real)
    shape = np.asarray(real.take(jnp.arange(real.num_images))[1])[:, 0]
    by_shape = {s: _summary(wrong[shape == i]) for i, s in enumerate(_SHAPES)}
    result = _summary(wrong) | {"shapes": by_shape} | provenance()
    pathlib.Path(_RESULT.value).write_text(json.dumps(result, indent=2) + "\n")
    _draw_worst(
        real, np.argsort(-wrong, kind="stable")[:9], pathlib.Path(_PICTURE.value)
    )
    logging.info("%s", json.dumps(_summary(wrong)))


if __name__ == "__main__":
    start.run(main)
