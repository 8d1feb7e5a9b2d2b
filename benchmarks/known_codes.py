"""Codes of known structure, to time and compare metrics."""

import json
import pathlib

import numpy as np

from dis_jax import figures
from dis_jax.provenance import provenance

DSPRITES = (3, 6, 40, 32, 32)
SHAPES3D = (10, 10, 10, 8, 4, 15)
KINDS = (
    "aligned",
    "entangled",
    "merged",
    "missing",
    "noise",
    "redundant",
    "rotated",
)


def known_codes(kind, num, seed, sizes=DSPRITES, latents=10):
    """Samples codes (num, latents) of a kind and their factors with a seed."""
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(0, size, num) for size in sizes], axis=1)
    return codes_of(kind, factors, rng, sizes, latents), factors


def codes_of(kind, factors, rng, sizes=DSPRITES, latents=10):
    """Codes of a kind for these factors.

    All but "noise" contain the standardised factors v, as the name says, plus noise of
    standard deviation .1; "entangled" is .5 v + tanh of a random linear map of v.
    """
    s = np.array(sizes)
    v = (factors - (s - 1) / 2) / np.sqrt((s**2 - 1) / 12)
    k = len(sizes)
    noise = rng.normal(size=(len(factors), latents))
    maps = np.random.default_rng(1)  # the same for every seed
    rotation = np.linalg.qr(maps.normal(size=(latents, latents)))[0]
    mix = maps.normal(size=(k, latents)) / np.sqrt(k)
    v_padded = np.pad(v, ((0, 0), (0, latents - k)))
    z = 0.1 * noise
    if kind == "noise":
        z = noise
    elif kind == "aligned":
        z = z + v_padded
    elif kind == "rotated":
        z = (z + v_padded) @ rotation
    elif kind == "redundant":
        z[:, : 2 * k] += np.concatenate([v, v], axis=1)[:, :latents]
    elif kind == "merged":
        z[:, 0] += v[:, 0] + 0.5 * v[:, 1]
        z[:, 1] += v[:, 2] - 0.5 * v[:, 3]
        z[:, 2] += v[:, 4]
    elif kind == "missing":
        z[:, :3] += v[:, :3]
    elif kind == "entangled":
        z = z + np.tanh(v @ mix) + 0.5 * v_padded
    else:
        raise ValueError(f"kind must be one of {KINDS}, found {kind!r}.")
    return z.astype(np.float32)


def write_scores(rows, what, made_by, out, picture):
    """Writes a table of scores, {row: {column: score}}, as JSON and as a picture."""
    result = {"what": what, "made_by": made_by, "scores": rows, **provenance()}
    out = pathlib.Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    figure = figures.matrix(
        np.array([list(row.values()) for row in rows.values()]),
        rows=list(rows),
        columns=list(next(iter(rows.values()))),
        limits=(0, 1),
    )
    pathlib.Path(picture).write_bytes(figures.to_png(figure))
