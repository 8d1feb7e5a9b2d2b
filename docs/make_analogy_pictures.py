"""Draws the pictures of docs/analogies.md and prints the numbers next to them.

python docs/make_analogy_pictures.py runs/factor_vae_nar
"""

import pathlib
import sys

import jax
import numpy as np

from dis_jax import data, evaluation, figures, training

DOCS = pathlib.Path(__file__).parent
LAST = 1000  # steps over which losses are averaged
# The offsets of Swain & Mahajan 2022, and this package's default.
TRAVERSALS = {
    "traversals": {"values": np.arange(-5, 6) / 10, "offsets": True},
    "traversals_rising": {"values": np.arange(11) / 10, "offsets": True},
    "traversals_default": {},
}


def main(workdir):
    method, state, config = training.restore(workdir)
    boards = data.load(config.dataset)
    index = boards.choose(np.random.default_rng(0), 1000)
    images = np.asarray(boards.take(index)[0])
    encode = jax.jit(lambda x: tuple(method.encode(state, {"image": x})[method.code]))
    decode = jax.jit(lambda z: method.decode(state, {method.code: z}))
    mean, logvar = map(np.asarray, encode(images))

    pictures = {
        "reconstructions": figures.reconstructions(images[:16], decode(mean[:16]))
    }
    for name, options in TRAVERSALS.items():
        pictures[name] = figures.traversals(encode, decode, images[:500], **options)
    for name, picture in pictures.items():
        path = DOCS / f"factor_vae_nar_{name}.png"
        path.write_bytes(figures.to_png(picture))

    lines = training.read_metrics(workdir)
    lines = [line for line in lines if line["step"] > lines[-1]["step"] - LAST]
    for name in ("reconstruction", "kl", "total_correlation", "discriminator_loss"):
        print(f"{name}: {np.mean([line[name] for line in lines]):.3f}")
    kl = np.sort(figures.kl_per_dimension(mean, logvar))[::-1]
    print(f"KL by dimension: {', '.join(f'{nats:.2f}' for nats in kl)}")
    found = evaluation.mask_variance(evaluation.code_fn(method, state), boards, 0)
    for name in ("concentration", "invariance"):
        print(f"{name}: {getattr(found, name):.2f}", end=" ")
        print(f"(chance {getattr(found, f'chance_{name}'):.2f})")


if __name__ == "__main__":
    main(sys.argv[1])
