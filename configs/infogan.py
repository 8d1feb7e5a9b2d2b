r"""InfoGAN (Chen et al. 2016, arXiv 1606.03657), and the base of Elastic-InfoGAN.

  python -m launch.train --config=configs/infogan.py:mnist --workdir=runs/infogan
  python -m launch.train --config=configs/infogan.py:mnist,split3 --workdir=runs/uneven
  python -m launch.train --config=configs/infogan.py:mnist,continuous --workdir=runs/two

MNIST where no data set is named. "splitN", N from 0 to 49, draws an uneven subset of it,
see `data.imbalanced_counts`, with replacement; "given" takes its true class frequencies
for the prior; "continuous" adds two codes. The networks are those of 28x28 images in the
public code of Elastic-InfoGAN; see results/bench_infogan.json for the time of a step.
"""

import re

from configs import base
from dis_jax import data

EPOCHS = 200
NUM_SPLITS = 50
OWN = ("given", "continuous", "as_coded")


def get_config(argument="mnist"):
    words = argument.split(",")
    prior = "given" if "given" in words else "uniform"
    return infogan_config(argument, prior=prior)


def infogan_config(argument, *, prior, elastic=()):
    """An InfoGAN with a prior and elastic terms, on the data that the words name."""
    words = argument.split(",")
    config = base.get_config(
        "infogan",
        data_words([word for word in words if word not in OWN]),
        discriminator_learning_rate=2e-4,
        prior_learning_rate=2e-4,
        information_weight=1.0,
        continuous_weight=0.1,
        transformation_weight=1.0,  # neither this nor the next is published
        entropy_weight=0.1,
        contrastive_weight=10.0,
        contrastive_temperature=1.0,
        temperature=0.1,
    )
    config.hparams.learning_rate = 2e-4
    config.optimiser.b1 = 0.5
    config.network = {
        "noise": 62,
        "categories": 10,
        "continuous": 2 if "continuous" in words else 0,
        "hidden": 1024,
        "code_hidden": 128,
        "widths": (64, 128, 256, 512),
        "spectral_norm": False,
        "form": "pair",
    }
    config.prior = prior
    config.prior_probabilities = ()
    config.prior_information_gradient = False
    config.elastic = tuple(elastic)
    config.distance = "squared"
    config.as_coded = "as_coded" in words
    config.batch_statistics = False
    config.best_metric = ""  # no term of a game says which step is best
    images = uneven(config, words)
    if "demo" not in words:
        config.steps = EPOCHS * images // config.batch_size
    return config


def data_words(words):
    """The words of `base.get_config` among these: no split, and a data set in any case."""
    rest = [word for word in words if not re.fullmatch(r"split\d+", word)]
    named = any(word not in ("", "demo", "mlp", "epoch") for word in rest)
    return ",".join(rest if named else ["mnist", *rest])


def uneven(config, words):
    """Draws an uneven subset of MNIST where a word asks for it; returns its size."""
    splits = [int(word[5:]) for word in words if re.fullmatch(r"split\d+", word)]
    if splits and config.dataset.split("+")[0] != "mnist":
        raise ValueError(f"split{splits[0]} is of mnist, not of {config.dataset}.")
    if len(splits) > 1 or any(split >= NUM_SPLITS for split in splits):
        raise ValueError(
            f"found {', '.join(f'split{split}' for split in splits)}; expected one of "
            f"split0 to split{NUM_SPLITS - 1}."
        )
    counts = data.imbalanced_counts(splits[0]) if splits else ()
    images = sum(counts) or 70_000
    config.population.class_counts = ()  # subsets of the members of a population
    if splits:
        config.sampler = {**config.sampler, "class_counts": counts}
    if config.get("prior") == "given":
        if not splits:
            raise ValueError('"given" needs "splitN", whose frequencies are the prior.')
        config.prior_probabilities = tuple(count / images for count in counts)
    return images
