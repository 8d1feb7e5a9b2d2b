r"""InfoGAN (Chen et al. 2016, arXiv 1606.03657): a GAN with a categorical code.

  dis-jax train --config=infogan:mnist --workdir=runs/infogan
  dis-jax train --config=infogan:mnist,split3 --workdir=runs/split3
  dis-jax train --config=infogan:mnist,continuous --workdir=runs/two

The default data set is MNIST. "splitN", N from 0 to 49, selects an imbalanced subset
(see `data.imbalanced_counts`), whose images are sampled with replacement. "given" uses
its true class frequencies as the prior. "continuous" adds two continuous codes. The
networks are those for 28x28 images in the public code of Elastic-InfoGAN. Training
takes 200 epochs of MNIST, and as many steps of other sets.
results/bench_infogan.json has the time of a step.
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
    """The config of an InfoGAN with a prior and elastic terms."""
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
    config.best_metric = ""  # no term of a GAN's loss ranks checkpoints
    images = uneven(config, asked.numbers["split"])
    if "demo" not in asked.options:
        config.steps = EPOCHS * images // config.batch_size
    return config


def uneven(config, splits):
    """Sets the imbalanced subset of MNIST, if one is named; returns its size."""
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
