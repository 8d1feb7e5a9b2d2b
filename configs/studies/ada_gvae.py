r"""Weak supervision: Ada-GVAE, Ada-ML-VAE and GroupVAE compared with beta-VAE.

  dis-jax study --study=ada_gvae --workdir=runs/ada_gvae
  dis-jax study --workdir=runs/ada_gvae_3d --study=ada_gvae:\
rendered_shapes3d,14000,2,32,5e-4,beta_vae,ada_gvae,group_vae

Arguments after the colon: a data set; names of methods, which select rows;
"steps14000", "seeds2", "pairs32" (per step) and "rate5e-4" (of Adam), or only the
numbers in this order. The defaults are 300,000 steps, 5 seeds, 64 pairs and 1e-4
(Locatello et al. 2020) and need an accelerator. The second command, whose numbers are
in results/, takes 45 minutes of a CPU core per model. beta-VAE receives the images of
pairs as single images, in batches twice as large, so all methods receive the same
number of images per step.
"""

import jax

from dis_jax import data, evaluation, studies
from dis_jax.training import base_config, load_config, words

DCI = "dci_lightgbm"
OMES = "omes_on_grid"
METRICS = ("factor_vae_score", "mig", DCI, OMES)
DEFAULTS = {"steps": 300_000, "seeds": 5, "pairs": 64, "rate": 1e-4}
ROWS = {
    "beta_vae": "beta-VAE",
    "ada_gvae": "Ada-GVAE",
    "ada_ml_vae": "Ada-ML-VAE",
    "group_vae": "GroupVAE, labels",
}

COMPARED = (
    ("Ada-GVAE", "beta-VAE"),
    ("Ada-ML-VAE", "beta-VAE"),
    ("GroupVAE, labels", "beta-VAE"),
    ("GroupVAE, labels", "Ada-GVAE"),
)


def get_study(argument=""):
    found = words.read(
        *(argument, DEFAULTS, (*ROWS, *base_config.OPTIONS)),
        bare=(float,) * len(DEFAULTS),
        datasets=True,
    )
    asked = found.numbers | dict(zip(DEFAULTS, found.bare, strict=False))
    steps, seeds, pairs, rate = asked.values()
    methods = [word for word in found.options if word in ROWS] or ROWS
    of_config = {*found.names, *found.options} - ROWS.keys()
    kept = [word for word in argument.split(",") if word in of_config]
    dataset = ",".join(kept) or "rendered_dsprites"
    rows = {}
    for method in methods:
        rows[ROWS[method]] = config = load_config(f"{method}:{dataset}")
        config.steps = int(steps)
        config.batch_size = int(pairs) * (2 if method == "beta_vae" else 1)
        config.hparams.learning_rate = rate
        config.hparams.beta = 1.0
        config.tensorboard = False
        config.checkpoint_every = max(1, min(10_000, int(steps) // 20))
    # more seeds extend the same table; all other arguments change its name
    changed = [k for k in asked if k != "seeds" and asked[k] != DEFAULTS[k]]
    return studies.Study(
        name="_".join([f"ada_gvae_{dataset}", *(f"{k}{asked[k]:g}" for k in changed)]),
        title=f"Learning from pairs on {dataset}",
        rows=rows,
        seeds=tuple(range(int(seeds))),
        score=score,
        compare=[pair for pair in COMPARED if rows.keys() >= {*pair}],
        notes=(
            f"All rows: beta 1, {int(pairs)} pairs per step, Adam with learning rate "
            f"{rate:g}. DCI uses LightGBM. OMES uses alpha .5 and pairs sampled from "
            "the grid. In each training pair one factor, chosen uniformly, takes "
            "another value; only GroupVAE receives its index."
        ),
    )


def score(trained):
    """Scores of the posterior means."""
    images = data.load(trained.config.dataset, trained.data_dir, trained.config.split)
    encode = evaluation.code_fn(trained.method, trained.state)
    key = jax.random.key(trained.seed)
    found = evaluation.evaluate(encode, images, key, METRICS, baselines="none")
    found = found["metrics"]
    result = {name: entry["result"] for name, entry in found.items()}
    return {
        "": {
            "FactorVAE score": result["factor_vae_score"]["score"],
            "MIG": result["mig"]["score"],
            "DCI disentanglement": result[DCI]["disentanglement"],
            "OMES": result[OMES]["score"],
        }
    }
