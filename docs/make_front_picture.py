"""Writes docs/front.png: the used dimensions of a traversal picture, with names.

    python docs/make_front_picture.py

The picture of the report page (docs/factor_vae_rendered_dsprites.png) has a row for each
dimension. We named the first four by looking at the picture.
"""

import pathlib

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
NAMES = ["vertical position", "horizontal position", "size", "shape and angle"]
UNUSED = 6


def main() -> None:
    """Cuts out the tiles of the used dimensions and of one unused one; writes them."""
    whole = np.asarray(
        Image.open(DOCS / "factor_vae_rendered_dsprites.png").convert("L")
    )
    dark = (whole < 30).mean(axis=1) > 0.5  # rows of pixels inside the tiles
    edges = np.flatnonzero(np.diff(dark.astype(int)))
    starts, ends = edges[::2] + 1, edges[1::2] + 1
    left, right = np.flatnonzero((whole[starts[0] : ends[0]] < 30).mean(axis=0) > 0.5)[
        [0, -1]
    ]
    rows = range(len(NAMES) + 1)
    figure, axes = plt.subplots(len(rows), 1, figsize=(9, 3.7), layout="constrained")
    labels = [*NAMES, f"unused (one of {UNUSED})"]
    for axis, row, name in zip(axes, rows, labels, strict=True):
        axis.imshow(
            whole[starts[row] : ends[row], left : right + 1], cmap="gray", aspect="auto"
        )
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
        for side in axis.spines.values():
            side.set_visible(False)
    figure.savefig(DOCS / "front.png", dpi=110)


if __name__ == "__main__":
    main()
