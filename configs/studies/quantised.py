r"""Quantised codes: QLAE and Tripod compared with VAEs, by InfoMEC, DCI and MCC.

  dis-jax study --workdir=runs/quantised --study=quantised
  dis-jax study --workdir=runs/quantised_short \
      --study=quantised:rendered_shapes3d+resized32,mlp,width128,steps2000,seeds1,rate1e-3

Arguments after the colon: a data set; methods, which select rows; "steps2000", "seeds1",
"rate1e-3" (of Adam, for all rows); "width128" of all dense layers, with "mlp"; other config
arguments. The defaults, rendered Shapes3D with 200,000 steps, 5 seeds and each method's
own learning rate, need an accelerator. Every row receives 64 images per step (32 pairs) and
has two dimensions per factor, as in Hsu et al. 2023.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data, evaluation, studies
from dis_jax.training import base_config, load_config, words

ROWS = {
    "qlae": "QLAE",
    "tripod": "Tripod",
    "beta_tcvae": "beta-TCVAE",
    "factor_vae": "FactorVAE",
    "ada_gvae": "Ada-GVAE, pairs",
}
QUANTISED = ("qlae", "tripod")
NUM_IMAGES = 10_000  # for InfoMEC
METRICS = ("dci_lightgbm", "mcc")
DEFAULTS = {"steps": 200_000, "seeds": 5, "width": 0, "rate": 0.0}


def get_study(argument=""):
    options = (*ROWS, *base_config.OPTIONS)
    found = words.read(argument, DEFAULTS, options, datasets=True)
    steps, seeds, width, rate = found.numbers.values()
    methods = [word for word in found.options if word in ROWS] or ROWS
    others = [word for word in found.options if word not in ROWS]
    dataset = next(iter(found.names), "rendered_shapes3d")
    rows = {}
    for method in methods:
        rows[ROWS[method]] = config = load_config(
            ",".join((f"{method}:{dataset}", *others))
        )
        config.steps = steps
        config.batch_size = 32 if method == "ada_gvae" else 64
        config.network.latent = base_config.two_per_factor(dataset)
        if width:
            config.network.update(encoder=(width,) * 2, decoder=(width,) * 3)
            if method == "factor_vae":
                config.discriminator.widths = (width,) * 6
        if rate:
            config.hparams.learning_rate = rate
        config.tensorboard = False
        config.checkpoint_every = max(1, min(10_000, steps // 4))
    changed = [f"{k}{v:g}" for k, v in found.given.items() if k != "seeds"]
    return studies.Study(
        name="_".join(["quantised", dataset, *others, *changed]),
        title=f"Quantised codes on {dataset}",
        rows=rows,
        seeds=tuple(range(seeds)),
        score=score,
        notes=(
            f"InfoM, InfoE and InfoC from {NUM_IMAGES:,} images, every factor as labels; "
            "information by counts for quantised codes, by nearest neighbours for the "
            "others (Hsu et al. 2023). DCI uses LightGBM."
        ),
    )


def score(trained):
    """Scores of quantised codes, or of posterior means."""
    images = data.load(trained.config.dataset, trained.data_dir, trained.config.split)
    encode = evaluation.code_fn(trained.method, trained.state)
    draw = np.random.default_rng(trained.seed)
    index = jnp.asarray(images.choose(draw, NUM_IMAGES))
    codes = evaluation.encode_all(encode, index, lambda rows: images.take(rows)[0])
    info = evaluation.infomec(
        np.asarray(codes),
        np.asarray(images.factors(index)),
        discrete=trained.config.method in QUANTISED,
    )
    key = jax.random.key(trained.seed)
    found = evaluation.evaluate(encode, images, key, METRICS, baselines="none")
    result = {name: entry["result"] for name, entry in found["metrics"].items()}
    found = {
        "InfoM": info.modularity,
        "InfoE": info.explicitness,
        "InfoC": info.compactness,
        "DCI disentanglement": result["dci_lightgbm"]["disentanglement"],
        "MCC": result["mcc"]["score"],
    }
    return {"": found}
