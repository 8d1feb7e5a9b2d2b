r"""JointVAE without labels: categories and digits on MNIST, factors on dSprites.

  dis-jax study --study=joint_vae --workdir=runs/joint_vae
  dis-jax study --study=joint_vae:rendered_dsprites \
      --workdir=runs/joint_vae_dsprites

Default: the 60,000 training images of MNIST at 32x32, 100 epochs, three seeds.
dSprites: 300,000 steps. Arguments after the colon: the data set, "steps9000", "seeds1",
and the initialisation, "pytorch" (the public code's, the default) or "xavier":
--study=joint_vae:mnist,steps46900,seeds1.
Capacities increase at the paper's rate, also in short runs: see configs/joint_vae.py.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data, evaluation, networks, shipped, studies
from dis_jax.training import words

joint_vae = shipped.load("configs", "joint_vae")

# Dupont 2018, Section 5
PUBLISHED = {
    "mnist": {"accuracy": 88.7},
    "rendered_dsprites": {"FactorVAE score": 0.69},
}
DATASETS = {"mnist": "mnist+resized32", "rendered_dsprites": "rendered_dsprites"}


def get_study(argument=""):
    known = (*DATASETS, *networks.INITIALISERS)
    asked = words.read(argument, {"steps": 0, "seeds": 3}, known)
    numbers, named = asked.numbers, asked.options
    dataset = next((name for name in named if name in DATASETS), "mnist")
    config = joint_vae.get_config(DATASETS[dataset])
    starts = [name for name in named if name in networks.INITIALISERS]
    config.network.init = starts[-1] if starts else config.network.init
    if dataset == "mnist":
        config.steps = joint_vae.EPOCHS * (60_000 // config.batch_size)
    changed = tuple(starts)
    if numbers["steps"]:
        config.steps = numbers["steps"]
        changed += (f"steps{config.steps}",)
    config.checkpoint_every = max(1, min(10_000, config.steps // 20))
    config.log_every, config.keep_checkpoints = 500, 1
    config.tensorboard = False
    return studies.Study(
        name="_".join(("joint_vae", dataset, *changed)),
        title=f"JointVAE on {dataset}",
        rows={"JointVAE": config},
        seeds=tuple(range(numbers["seeds"])),
        score=_score_digits if dataset == "mnist" else _score_factors,
        published={"JointVAE": PUBLISHED[dataset]},
        source="Dupont 2018" if dataset == "mnist" else "Dupont 2018 (dSprites)",
        notes=(
            f"Initialisation: {config.network.init}. Accuracy (%, test images) and NMI "
            "of the most probable category. Categories are matched to digits one to "
            "one; training uses no labels."
            if dataset == "mnist"
            else "FactorVAE score: 800 votes of 100 images, on the means of the six "
            "continuous dimensions and the most probable category, whose variance is "
            "the Gini index. FactorVAE score, means, and MIG, means: without the category. "
            "Shape accuracy (%) and NMI: of the category, matched to shapes one to one."
        ),
    )


def _score_digits(trained):
    lines = {}
    for split, suffix in (("test", ""), ("train", ", train")):
        images = data.load(trained.config.dataset, trained.data_dir, split)
        image, factors = images.take(jnp.arange(images.num_images))
        found = _categories(trained, image, factors[:, 0])
        lines[f"accuracy{suffix}"] = 100 * found.accuracy
        lines[f"NMI{suffix}"] = found.nmi_arithmetic
    return {"": lines}


def _score_factors(trained):
    images = data.load(trained.config.dataset, trained.data_dir, trained.config.split)
    means, category = (
        evaluation.code_fn(trained.method, trained.state, name)
        for name in ("z", "category")
    )

    def both(image):
        label = category(image).argmax(axis=1, keepdims=True)
        return jnp.concatenate([means(image), label], axis=1)

    key = jax.random.key(trained.seed)
    votes = evaluation.FACTOR_VAE_PAPER
    where = trained.config.network.latent - trained.config.categories
    joint = evaluation.factor_vae_score(both, images, key, **votes, discrete=[where])
    names = "factor_vae_score_paper", "mig"
    alone = evaluation.evaluate(means, images, key, names, baselines="none")
    alone = {name: entry["result"] for name, entry in alone["metrics"].items()}
    index = np.random.default_rng(0).permutation(images.num_images)[:10_000]
    image, factors = images.take(jnp.asarray(index))
    found = _categories(trained, image, factors[:, 0])
    return {
        "": {
            "FactorVAE score": joint.score,
            "FactorVAE score, means": alone["factor_vae_score_paper"]["score"],
            "MIG, means": alone["mig"]["score"],
            "shape accuracy": 100 * found.accuracy,
            "shape NMI": found.nmi_arithmetic,
        }
    }


def _categories(trained, image, labels):
    encode = evaluation.code_fn(trained.method, trained.state, "category")
    probabilities = np.asarray(evaluation.encode_all(encode, image))
    return evaluation.clustering(
        probabilities.argmax(axis=1),
        np.asarray(labels),
        num_clusters=trained.config.categories,
    )
