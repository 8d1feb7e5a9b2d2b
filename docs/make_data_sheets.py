"""Draws the contact sheets in docs/: rendered sets, and variants of rendered sets.

python docs/make_data_sheets.py
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data, figures

DOCS = pathlib.Path(__file__).parent
COLUMNS = 8


def variants():
    """Returns rows of images by name: each original row, then its variants."""
    key = jax.random.key(0)
    rng = np.random.default_rng(0)
    sprites, scenes, norb = (
        image_set.take(jnp.asarray(rng.integers(0, image_set.num_images, COLUMNS)))[0]
        for image_set in map(
            data.load, ("rendered_dsprites", "rendered_shapes3d", "rendered_norb")
        )
    )
    colour = jnp.arange(COLUMNS) % len(data.SPRITE_COLOURS)
    pair = data.coloured_pair(key, sprites, sprites)
    norb_pair = data.coloured_pair(key, norb, norb, foreground="contrast")
    return {
        "rendered dSprites": sprites,
        "noisy": data.noisy(key, sprites),
        "tinted": data.tinted(sprites, colour),
        "tinted_on_noise": data.tinted_on_noise(key, sprites, colour),
        "coloured_pair: x": pair["x"],
        "coloured_pair: y": pair["y"],
        "rendered NORB": norb,
        "coloured_pair, contrast: x": norb_pair["x"],
        "coloured_pair, contrast: y": norb_pair["y"],
        "rotate_and_zoom": data.rotate_and_zoom(key, norb),
        "binarised": data.binarised(norb),
        "sampled_binary": data.sampled_binary(key, norb),
        "rendered Shapes3D": scenes,
        "grey": data.grey(scenes),
        "resized to 28": data.resized(data.resized(scenes, 28), 64),
    }


def main():
    for name in ("rendered_dsprites", "rendered_shapes3d", "rendered_norb"):
        sheet = figures.contact_sheet(data.load(name), seed=1)
        (DOCS / f"data_{name}.png").write_bytes(figures.to_png(sheet))
    rows = variants()
    images = np.stack([np.asarray(data.coloured(x)) for x in rows.values()])
    sheet = figures.image_grid(images.clip(0, 1), row_labels=list(rows))
    (DOCS / "data_variants.png").write_bytes(figures.to_png(sheet))


if __name__ == "__main__":
    main()
