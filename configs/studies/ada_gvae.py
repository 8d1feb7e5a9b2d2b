r"""Weak supervision: Ada-GVAE, Ada-ML-VAE and GroupVAE against beta-VAE, equal steps.

  python -m launch.study --study=configs/studies/ada_gvae.py --workdir=runs/ada_gvae
  python -m launch.study --study=configs/studies/ada_gvae.py:rendered_shapes3d,20000,2 \
      --workdir=runs/ada_gvae_3d

After the colon: data set, steps, number of seeds; 300,000 steps and 5 seeds by default,
an accelerator's work. beta-VAE sees the images of a pair one by one, in batches of two
times 64, so that all see as many images a step.
"""

import jax

from configs import ada_gvae, beta_vae, group_vae
from dis_jax import data, evaluation

DCI = "dci_lightgbm"
METRICS = ("factor_vae_score", "mig", DCI, "omes")


def get_study(argument=""):
    words = [word for word in argument.split(",") if word]
    dataset = words[0] if words else "rendered_dsprites"
    steps = int(words[1]) if len(words) > 1 else 300_000
    seeds = int(words[2]) if len(words) > 2 else 5
    rows = {
        "beta-VAE": beta_vae.get_config(dataset),
        "Ada-GVAE": ada_gvae.get_config(dataset),
        "Ada-ML-VAE": ada_gvae.get_config(dataset, "ada_ml_vae"),
        "GroupVAE, labels": group_vae.get_config(dataset),
    }
    for config in rows.values():
        config.steps = steps
        config.hparams.beta = 1.0
        config.tensorboard = False
    rows["beta-VAE"].batch_size = 128
    return evaluation.Study(
        name=f"ada_gvae_{dataset}",
        title=f"Learned from pairs, on {dataset}",
        rows=rows,
        seeds=tuple(range(seeds)),
        score=score,
        compare=[(row, "beta-VAE") for row in rows if row != "beta-VAE"],
        notes=(
            "All with beta 1. DCI by LightGBM; OMES with alpha .5. In a pair one factor, "
            "drawn uniformly, takes another value; only GroupVAE is told which."
        ),
    )


def score(trained):
    """Scores of the posterior means."""
    images = data.load(trained.config.dataset, trained.data_dir, trained.config.split)
    encode = evaluation.code_fn(trained.method, trained.state)
    key = jax.random.key(trained.seed)
    found = evaluation.evaluate(encode, images, key, METRICS)["metrics"]
    result = {name: entry["result"] for name, entry in found.items()}
    return {
        "": {
            "FactorVAE score": result["factor_vae_score"]["score"],
            "MIG": result["mig"]["score"],
            "DCI disentanglement": result[DCI]["disentanglement"],
            "OMES": result["omes"]["score"],
        }
    }
