"""Draws the pictures of docs/analogies.md and prints the numbers of that page.

python docs/make_analogy_pictures.py runs/factor_vae_nar runs/factor_vae_mnist_mlp
"""

import pathlib
import sys

import jax
import numpy as np

from dis_jax import data, evaluation, figures, training

DOCS = pathlib.Path(__file__).parent
LAST = 1000  # steps over which losses are averaged
LOSSES = ("reconstruction", "kl", "total_correlation", "discriminator_loss")
# The offsets of Swain & Mahajan 2022, and this package's default.
TRAVERSALS = {
    "traversals": {"values": np.arange(-5, 6) / 10, "offsets": True},
    "traversals_rising": {"values": np.arange(11) / 10, "offsets": True},
    "traversals_default": {},
}


def draw(workdir, name):
    """Draws the pictures of one run and prints its numbers."""
    method, state, config = training.restore(workdir)
    images_of = data.load(config.dataset, split=config.split)
    index = images_of.choose(np.random.default_rng(0), 1000)
    images = np.asarray(images_of.take(index)[0])
    encode = jax.jit(lambda x: tuple(method.encode(state, {"image": x})[method.code]))
    decode = jax.jit(lambda z: method.decode(state, {method.code: z}))
    mean, logvar = map(np.asarray, encode(images))

    pictures = {
        "reconstructions": figures.reconstructions(images[:16], decode(mean[:16])),
        "losses": figures.loss_curves(
            figures.read_curves(workdir), names=LOSSES, columns=2
        ),
    }
    for kind, options in TRAVERSALS.items():
        pictures[kind] = figures.traversals(encode, decode, images[:500], **options)
    for kind, picture in pictures.items():
        path = DOCS / f"{name}_{kind}.png"
        path.write_bytes(figures.to_png(picture))

    lines = training.read_metrics(workdir)
    lines = [line for line in lines if line["step"] > lines[-1]["step"] - LAST]
    print(f"{name}, {config.dataset}, step {int(state.step)}")
    for loss in LOSSES:
        print(f"{loss}: {np.mean([line[loss] for line in lines]):.3f}")
    kl = np.sort(figures.kl_per_dimension(mean, logvar))[::-1]
    print(f"KL by dimension: {', '.join(f'{nats:.2f}' for nats in kl)}")
    if images_of.masks_fn is None:
        return
    found = evaluation.mask_variance(evaluation.code_fn(method, state), images_of, 0)
    for score in ("concentration", "invariance"):
        print(f"{score}: {getattr(found, score):.2f}", end=" ")
        print(f"(chance {getattr(found, f'chance_{score}'):.2f})")


if __name__ == "__main__":
    for workdir in sys.argv[1:]:
        draw(workdir, pathlib.Path(workdir).name)
