r"""A Gaussian instead of FactorVAE's discriminator: scores on rendered dSprites.

  dis-jax study --study=gaussian_tc --workdir=runs/gaussian_tc
  dis-jax study --workdir=runs/gaussian_tc_small \
      --study=gaussian_tc:small,steps5000,seeds2

Rows: VAE; beta-VAE; FactorVAE and `gaussian_tc` in all its forms, each with the same
gammas. Default: convolutional networks, 300,000 steps, three seeds; needs an accelerator.
"small": dense networks of width 128, learning rate 1e-3; 5,000 steps of a model take
about a minute of a CPU core. Other arguments: "steps5000", "seeds2", and gammas:
--study=gaussian_tc:small,gamma10,gamma35.
`python -m benchmarks.bench --parts=penalties` measures the time per step.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import data, evaluation, losses, studies
from dis_jax.training import load_config, words

DATASET = "rendered_dsprites"
FORMS = {
    f"Gaussian {penalty.upper()}, {moments}": (moments, penalty)
    for penalty in ("tc", "kl")
    for moments in ("batch", "moving", "network")
}
DCI, SCORE = "dci_lightgbm", "factor_vae_score_paper"


def get_study(argument=""):
    defaults = {"steps": 300_000, "seeds": 3, "gamma": (10.0, 35.0)}
    asked = words.read(argument, defaults, ("small",))
    steps, seeds, gammas = asked.numbers.values()
    small = "small" in asked.options
    rows = {"VAE": _config("vae"), "beta-VAE, beta 4": _config("beta_vae")}
    for gamma in gammas:
        rows[f"FactorVAE, gamma {gamma:g}"] = _config("factor_vae", gamma)
        for name, (moments, penalty) in FORMS.items():
            config = rows[f"{name}, gamma {gamma:g}"] = _config("gaussian_tc", gamma)
            config.moments, config.penalty = moments, penalty
    for config in rows.values():
        config.steps, config.tensorboard = steps, False
        config.checkpoint_every = max(1, min(10_000, steps // 5))
        if small:
            _shrink(config)
    changed = [word for word in argument.split(",") if word and "seeds" not in word]
    factor_vae = f"FactorVAE, gamma {gammas[0]:g}"
    return studies.Study(
        name="_".join(("gaussian_tc", *changed)),
        title="A Gaussian instead of FactorVAE's discriminator, rendered dSprites",
        rows=rows,
        seeds=tuple(range(seeds)),
        score=score,
        compare=[(row, factor_vae) for row in rows if row != factor_vae],
        notes=(
            "FactorVAE score: 800 votes of 100 images. DCI uses LightGBM. Reconstruction "
            "in nats, of posterior means, on 2,000 images."
        ),
    )


def score(trained):
    """Scores of the posterior means, and the loss of their reconstructions."""
    config, method, state = trained.config, trained.method, trained.state
    images = data.load(config.dataset, trained.data_dir, config.split)
    encode = evaluation.code_fn(method, state)
    key = jax.random.key(trained.seed)
    found = evaluation.evaluate(
        *(encode, images, key, (SCORE, "mig", DCI, "mcc")), baselines="none"
    )
    result = {name: entry["result"] for name, entry in found["metrics"].items()}
    index = images.choose(np.random.default_rng(trained.seed), 2000)
    image = images.take(jnp.asarray(index))[0]
    decoded = jnp.clip(
        method.decode(state, {method.code: encode(image)}), 1e-6, 1 - 1e-6
    )
    nll = losses.bernoulli_nll(jax.scipy.special.logit(decoded), image)
    return {
        "": {
            "FactorVAE score": result[SCORE]["score"],
            "MIG": result["mig"]["score"],
            "DCI disentanglement": result[DCI]["disentanglement"],
            "MCC": result["mcc"]["score"],
            "reconstruction": float(nll.mean()),
        }
    }


def _config(method, gamma=None):
    config = load_config(f"{method}:{DATASET}")
    if gamma is not None:
        config.hparams.gamma = gamma
    return config


def _shrink(config):
    mlp = load_config(f"{config.method}:{DATASET},mlp")
    config.network = mlp.network
    config.network.encoder = config.network.decoder = (128, 128)
    config.hparams.learning_rate = 1e-3
    if config.method == "factor_vae":
        config.discriminator.widths = (128,) * 4
        config.hparams.discriminator_learning_rate = 3e-4
