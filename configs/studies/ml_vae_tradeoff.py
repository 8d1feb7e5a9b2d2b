r"""ML-VAE on MNIST: the effect of each setting on class accuracy and style leakage.

  dis-jax study --study=ml_vae_tradeoff --workdir=runs/tradeoff

Default: 40 epochs per model and one seed; arguments after the colon change them
("epochs80,seeds3"). A model takes 3 to 10 minutes of a core. Each row differs in one
setting from "style_beta 8", which is trained with `swap`. Only the paper's bound
differs in two: it has weight 1 and no swap.
"""

from typing import Any

from dis_jax import shipped
from dis_jax.training import words

ml_vae_mnist = shipped.load("configs/studies", "ml_vae_mnist")


def get_study(argument=""):
    numbers = words.read(argument, {"epochs": EPOCHS, "seeds": 1}).numbers
    epochs = numbers["epochs"]

    def changed(**settings: Any):
        return ml_vae_mnist.paper(
            epochs, **{"swap": True, "style_beta": 8.0, **settings}
        )

    rows = {f"style_beta {b:g}": changed(style_beta=b) for b in BETAS}
    for name, values in OTHERS.items():
        for value in values:
            rows[f"{name} {value:g}"] = changed(**{name: value})
    for latent in (5, 50):
        sizes = {"latent": 2 * latent, "class_latent": latent}
        rows[f"latent {latent} + {latent}"] = changed(**sizes)
    rows["no swap"] = changed(swap=False)
    rows["the paper's bound"] = ml_vae_mnist.paper(epochs)
    return ml_vae_mnist.get_study()._replace(
        name="ml_vae_tradeoff" + (f"_epochs{epochs}" if epochs != EPOCHS else ""),
        title="ML-VAE on MNIST: effect of each setting on style and class codes, %",
        rows=rows,
        seeds=tuple(range(numbers["seeds"])),
        score=score,
        published={},
        source="",
        compare=(),
        notes=NOTES,
    )


def score(trained):
    """One line per model: the measurements of ml_vae_mnist.py on test images."""
    lines = ml_vae_mnist.score(trained)
    one = lines["one image"]
    return {
        "": {
            "style, samples": lines["no evidence"]["style test"],
            "style, means": one["style test"],
            "class, one image": one["class test"],
            "squared error": one["squared error"],
            "style KL": one["style KL"],
        }
    }


NOTES = (
    "Accuracy of probes that predict the digit of test images from samples and means "
    "of the style code, and from the mean of the class code of one image. Squared "
    "error is that of an image decoded from its own means. The style KL is in nats."
)


EPOCHS = 40
BETAS = (1.0, 2.0, 4.0, 8.0, 16.0)
OTHERS = {
    "class_beta": (8.0,),
    "noise_scale": (0.1,),
    "swap_weight": (0.3,),
    "batch_size": (64, 1024),
}
