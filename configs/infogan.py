r"""InfoGAN (Chen et al. 2016, arXiv 1606.03657), and the base of Elastic-InfoGAN.

  python -m launch.train --config=configs/infogan.py:mnist --workdir=runs/infogan
  python -m launch.train --config=configs/infogan.py:mnist,split3 --workdir=runs/uneven
  python -m launch.train --config=configs/infogan.py:mnist,continuous --workdir=runs/two

"splitN" draws one of 50 uneven subsets of MNIST, see `data.imbalanced_counts`;
"given" takes its true class frequencies for the prior; "continuous" adds two codes. The
networks are those of 28x28 images in the public code of Elastic-InfoGAN; see
results/bench_infogan.json for the time of a step.
"""

import re

from configs import base
from dis_jax import data

EPOCHS = 200
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
        ",".join(w for w in words if w not in OWN and not re.fullmatch(r"split\d+", w)),
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
    images = uneven(config, words)
    if "demo" not in words:
        config.steps = EPOCHS * images // config.batch_size
    return config


def uneven(config, words):
    """Draws an uneven subset of MNIST where a word asks for it; returns its size."""
    splits = [int(word[5:]) for word in words if re.fullmatch(r"split\d+", word)]
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
