r"""InfoGAN (Chen et al. 2016, arXiv 1606.03657), and the base of Elastic-InfoGAN.

  python -m launch.train --config=configs/infogan.py:mnist --workdir=runs/infogan
  python -m launch.train --config=configs/infogan.py:mnist,split3 --workdir=runs/uneven
  python -m launch.train --config=configs/infogan.py:mnist,continuous --workdir=runs/two

MNIST where no data set is named. "splitN", N from 0 to 49, draws an uneven subset of it,
see `data.imbalanced_counts`, with replacement; "given" takes its true class frequencies
for the prior; "continuous" adds two codes. The networks are those of 28x28 images in the
public code of Elastic-InfoGAN; see results/bench_infogan.json for the time of a step.
"""

from dis_jax import data
from dis_jax.training import base_config

EPOCHS = 200
NUM_SPLITS = 50
OPTIONS = ("continuous", "as_coded")
SPLITS = {"split": ()}


def get_config(argument="mnist"):
    asked = base_config.read(argument, ("given", *OPTIONS), SPLITS)
    return infogan_config(
        asked, prior="given" if "given" in asked.options else "uniform"
    )


def infogan_config(asked, *, prior, elastic=()):
    """An InfoGAN with a prior and elastic terms, on the data that the words name."""
    config = base_config.get_config(
        "infogan",
        asked,
        dataset="mnist",
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
        "continuous": 2 if "continuous" in asked.options else 0,
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
    config.as_coded = "as_coded" in asked.options
    config.batch_statistics = False
    config.best_metric = ""  # no term of a game says which step is best
    images = uneven(config, asked.numbers["split"])
    if "demo" not in asked.options:
        config.steps = EPOCHS * images // config.batch_size
    return config


def uneven(config, splits):
    """Draws an uneven subset of MNIST where one is asked for; returns its size."""
    if splits and config.dataset.split("+")[0] != "mnist":
        raise ValueError(f"split{splits[0]} is of mnist, not of {config.dataset}.")
    if len(splits) > 1 or any(split not in range(NUM_SPLITS) for split in splits):
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
