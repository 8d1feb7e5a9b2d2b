r"""ML-VAE on MNIST: the public code's table, also without test labels.

  dis-jax study --study=ml_vae_mnist --workdir=runs/ml_vae

Default: 400 epochs per model, as in the source, and three seeds. To change them:
--study=ml_vae_mnist:epochs40,seeds1. A model of 400 epochs takes 22 to
40 minutes on one core. ml_vae_tradeoff.py shows the effect of each setting.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data, evaluation, losses, studies
from dis_jax.methods import Gaussian
from dis_jax.training import load_config, words

EPOCHS = 400
BATCH = 256  # of evidence in reconstructions, as in training
# github.com/ananyahjha93/multi-level-vae, "Classification results on latent spaces", %
PUBLISHED = {
    "as coded, N(0, 1), evidence": (78.66, 78.17, 85.93, 85.99),
    "as coded, N(0, 1), no evidence": (78.69, 77.82, 33.26, 33.08),
    "as coded, N(0, .1^2), evidence": (44.61, 42.06, 99.75, 99.71),
    "as coded, N(0, .1^2), no evidence": (44.38, 42.99, 37.74, 38.55),
}
OURS = "paper, style_beta 8, swap"
COLUMNS = ("style train", "style test", "class train", "class test")


def get_study(argument=""):
    numbers = words.read(argument, {"epochs": EPOCHS, "seeds": 3}).numbers
    epochs = numbers["epochs"]
    rows = {
        "as coded, N(0, 1)": _as_coded(epochs, noise_scale=1.0),
        "as coded, N(0, .1^2)": _as_coded(epochs, noise_scale=0.1),
        OURS: paper(epochs, swap=True, style_beta=8.0),
        "as coded, untrained": _as_coded(0, noise_scale=0.1),
    }
    return studies.Study(
        name="ml_vae_mnist" + (f"_epochs{epochs}" if epochs != EPOCHS else ""),
        title="ML-VAE on MNIST: accuracy of probes on style and class codes, %",
        rows=rows,
        seeds=tuple(range(numbers["seeds"])),
        score=score,
        published={
            line: dict(zip(COLUMNS, values, strict=True))
            for line, values in PUBLISHED.items()
        },
        source="the public code's numbers",
        compare=[
            (f"{OURS}, {line}", f"as coded, N(0, .1^2), {line}")
            for line in ("evidence", "one image", "disjoint evidence")
        ],
        notes=(
            '"evidence" accumulates the class code over the test batch with its true '
            'labels: an untrained encoder has a high accuracy too. "no evidence" '
            "samples from the code of each image, with noise N(0, 1) in every row. "
            "Both leave the classifier's batch normalisation in training mode, as the "
            'public code does: it uses the statistics of each test batch. "one image" '
            'uses the mean of the code of one image. "disjoint evidence" uses the mean '
            "of a group of a labelled training batch: the group nearest to the image's "
            "own code. Both use no test labels. Squared error is per test image; KL "
            "divergences are in nats."
        ),
    )


def _as_coded(epochs, **hparams):
    config = load_config("ml_vae:mnist,as_coded")
    config.hparams.update(hparams)
    return _of_length(config, epochs)


def paper(
    epochs: int,
    *,
    swap: bool = False,
    batch_size: int = 256,
    latent: int = 20,
    class_latent: int = 10,
    **hparams: float,
):
    """The config of the paper's bound with other weights, sizes and noise."""
    config = load_config("ml_vae:mnist")
    config.swap, config.batch_size = swap, batch_size
    config.network.latent, config.class_latent = latent, class_latent
    config.hparams.update(hparams)
    return _of_length(config, epochs)


def _of_length(config, epochs):
    epoch = 60_000 // config.batch_size  # steps; the last, smaller batch is dropped
    config.steps = epochs * epoch
    config.steps_per_call = 26  # divides an epoch of 234 steps
    config.log_every = 5 * epoch
    config.checkpoint_every = 10 * epoch
    config.keep_checkpoints = 1
    config.tensorboard = False
    return config


def score(trained):
    """The lines of the table for one model, on training and test images."""
    halves = []
    for split in ("train", "test"):
        images = data.load("mnist", trained.data_dir, split)
        image, factors = images.take(jnp.arange(images.num_images))
        codes = evaluation.encode_codes(trained.method, trained.state, image)
        halves.append((image, np.asarray(factors[:, 0]), codes))
    (_, labels, codes), (image, test_labels, test_codes) = halves
    key = jax.random.key(trained.seed)

    def probe(name, **options):
        split = codes[name], labels, test_codes[name], test_labels
        found = evaluation.probe(key, *split, **options)
        return {
            f"{name} train": 100 * found.train_accuracy,
            f"{name} test": 100 * found.accuracy,
        }

    scale = trained.config.hparams.noise_scale
    # the public code leaves its classifiers in training mode
    style = probe("style", noise_scale=1.0, batch_statistics=True)
    kl = {
        f"{name} KL": float(losses.gaussian_kl(*map(jnp.asarray, code)).mean())
        for name, code in test_codes.items()
    }
    with_evidence, alone = _squared_errors(trained, image, test_labels, test_codes)
    return {
        "evidence": {
            **style,
            **probe(
                "class", evidence="batch", noise_scale=scale, batch_statistics=True
            ),
            "squared error": with_evidence,
        },
        "no evidence": {
            **style,
            **probe("class", noise_scale=1.0, batch_statistics=True),
        },
        "one image": {
            **probe("style"),
            **probe("class"),
            "squared error": alone,
            "style KL": kl["style KL"],
        },
        "disjoint evidence": probe("class", evidence="disjoint"),
    }


def _squared_errors(trained, image, labels, codes):
    """Squared errors of decoded means, with class codes of groups and of single images."""
    decode = jax.jit(trained.method.decode)
    errors = []
    for start in range(0, len(labels) - BATCH + 1, BATCH):
        rows = slice(start, start + BATCH)
        style, own = (
            Gaussian(*(part[rows] for part in codes[name]))
            for name in ("style", "class")
        )
        shared, _ = losses.accumulate_evidence(*own, jnp.asarray(labels[rows]), 10)
        for class_code in (shared[labels[rows]], own.mean):
            decoded = decode(trained.state, {"style": style.mean, "class": class_code})
            errors.append(((decoded - image[rows]) ** 2).sum() / BATCH)
    return float(np.mean(errors[0::2])), float(np.mean(errors[1::2]))
