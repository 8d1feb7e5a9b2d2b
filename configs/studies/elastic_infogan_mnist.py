r"""Elastic-InfoGAN and its baselines on class-imbalanced subsets of MNIST.

  dis-jax study --workdir=runs/elastic_infogan \
      --study=elastic_infogan_mnist:as_coded

Default: all eight settings, 5 subsets, 2 seeds and the published 200 epochs (JointVAE:
100 epochs on 32x32 images). An epoch has as many images as the subset, sampled with
replacement. Arguments after the colon: names of settings; "epochs20", "splits50",
"seeds1"; "as_coded" (gradients stop where the public code stops them; use it in short
runs; without it, elastic terms spoil them, see docs/uneven_classes.md); "narrow"
(InfoGANs with half the feature maps and a quarter of the dense units, in a fifth of the
time); hyperparameters, "prior_learning_rate=1e-3":
--study=elastic_infogan_mnist:elastic,as_coded,epochs20,splits3,seeds1.
An InfoGAN makes about 590 steps per epoch; results/bench_infogan.json has the time of
one.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data, evaluation, shipped, studies
from dis_jax.training import load_config, words

infogan, joint_vae = (shipped.load("configs", n) for n in ("infogan", "joint_vae"))

NUM_SPLITS = 50
REAL = 10_000  # images of the subset, for the Fréchet distance
ROWS = {
    "uniform": "Uniform InfoGAN",
    "given": "Ground-truth InfoGAN",
    "given_transformation": "Ground-truth + transformation",
    "gumbel": "Gumbel-softmax",
    "gumbel_transformation": "Gumbel-softmax + transformation",
    "elastic": "Elastic-InfoGAN, version 1",
    "published": "Elastic-InfoGAN, published",
    "joint_vae": "JointVAE",
}

COMPARED = (
    (ROWS["elastic"], ROWS["uniform"]),
    (ROWS["published"], ROWS["uniform"]),
)
NOTES = {
    "as_coded": "Gradients stop where the public code stops them.",
    "narrow": "InfoGANs have 32 and 64 maps and 256 dense units, not 64, 128 and 1024.",
}


def get_study(argument=""):
    assigned = {f"{name}=": 0.0 for name in infogan.get_config().hparams}
    counts = {"epochs": 0, "splits": 5, "seeds": 2}
    asked = words.read(argument, counts | assigned, (*ROWS, *NOTES))
    numbers = asked.numbers
    hparams = {k.rstrip("="): v for k, v in asked.given.items() if k in assigned}
    settings = [word for word in asked.options if word in ROWS]
    options = [word for word in asked.options if word in NOTES]
    if not 1 <= numbers["splits"] <= NUM_SPLITS:
        raise ValueError(
            f"splits{numbers['splits']}: expected 1 to {NUM_SPLITS} subsets."
        )
    changed = [*options, *(f"{name}={value:g}" for name, value in hparams.items())]
    if changed and settings == ["joint_vae"]:
        raise ValueError(
            f"{', '.join(changed)}: only for InfoGANs, but the only row is joint_vae; "
            "name another setting too."
        )
    rows = {ROWS[name]: _config(name, options, hparams) for name in settings or ROWS}
    epochs = numbers["epochs"]
    if epochs:
        changed.append(f"epochs{epochs}")
    return studies.Study(
        name="_".join(("elastic_infogan_mnist", *changed)),
        title="Elastic-InfoGAN on class-imbalanced subsets of MNIST"
        + (f" ({', '.join(changed)})" if changed else ""),
        rows=rows,
        # each number encodes a subset and a seed, see `of_seed`
        seeds=tuple(
            split + NUM_SPLITS * seed
            for seed in range(numbers["seeds"])
            for split in range(numbers["splits"])
        ),
        of_seed=lambda config, number: of_seed(config, number, epochs),
        unit=lambda number: number % NUM_SPLITS,
        score=score,
        compare=[pair for pair in COMPARED if rows.keys() >= {*pair}],
        notes=(
            "Means over subsets; each subset is a mean over its seeds. ENT and NMI "
            "compare the category of generated images with the prediction of a digit "
            "classifier; lower ENT and higher NMI are better. RMSE compares the prior "
            "with the true class frequencies, after categories are matched to digits; "
            "if all categories are matched correctly, it is 0 for a given prior. "
            "Fréchet distances use the features of the same classifier and are not "
            "FID. Q accuracy and Q NMI are on MNIST's test images; a subset may "
            "contain some of them. The last column is the accuracy of the digit "
            "classifier on the same images. The weights of the transformation and "
            "entropy terms are not published; these are a first choice. JointVAE is "
            "trained on 32x32 images, as published. An epoch has as many images as the "
            "subset, sampled with replacement. "
            + (f"{epochs} epochs." if epochs else "The published number of epochs.")
            + "".join(f" {NOTES[option]}" for option in options)
            + "".join(f" {name} {value:g}." for name, value in hparams.items())
        ),
    )


def _config(name, options, hparams):
    if name == "joint_vae":
        config = load_config("joint_vae:mnist+resized32,split0")
    else:
        config = load_config(f"elastic_infogan:mnist,split0,{name}")
        config.as_coded = "as_coded" in options
        if "narrow" in options:
            config.network.update(hidden=256, widths=(32, 64, 128, 256))
        config.hparams.update(hparams)
    config.log_every = 500
    config.checkpoint_every = 5_000
    config.keep_checkpoints = 1
    config.tensorboard = False
    return config


def of_seed(config, number, epochs):
    """Sets the subset and the length of a config for the number of a model."""
    images = infogan.uneven(config, (number % NUM_SPLITS,))
    published = joint_vae.EPOCHS if config.method == "joint_vae" else infogan.EPOCHS
    config.steps = (epochs or published) * images // config.batch_size
    return config


def score(trained):
    """The line of the table of one model."""
    counts = trained.config.sampler.class_counts
    images = data.load(trained.config.dataset, trained.data_dir, "all")
    subset = np.random.default_rng(0).choice(
        data.class_subset(images, counts), REAL, replace=False
    )
    test = data.load(trained.config.dataset, trained.data_dir, "test")
    test_images, labels = test.take(jnp.arange(test.num_images))
    classifier = evaluation.digit_classifier(trained.data_dir)
    found = evaluation.score_categories(
        trained.method,
        trained.state,
        trained.config,
        jax.random.key(trained.seed),
        classifier,
        (test_images, np.asarray(labels[:, 0])),
        np.array(counts) / sum(counts),
        images.take(jnp.asarray(subset))[0],
    )
    return {
        "": {
            "ENT": found.generated.average_entropy,
            "NMI": found.generated.nmi_arithmetic,
            "NMI, geometric": found.generated.nmi_geometric,
            "RMSE": found.rmse,
            "RMSE, sorted": found.rmse_sorted,
            "digits generated": found.digits,
            "Fréchet distance": found.frechet,
            "Q accuracy": found.real.accuracy,
            "Q NMI": found.real.nmi_arithmetic,
            "classifier accuracy": classifier.accuracy,
        }
    }
