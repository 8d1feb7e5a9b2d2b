r"""Models trained on correlated factors, scored with and without the correlation.

  python -m launch.study --workdir=runs/shift --study=configs/studies/shift_correlated.py
  python -m launch.study --workdir=runs/shift_short \
      --study=configs/studies/shift_correlated.py:steps2000,seeds1,width.1,beta_vae

Arguments after the colon: methods, which select rows; widths of the correlation
("width.1,width.4"); "steps14000", "seeds2"; those of a config, such as "mlp"; and a
data set: rendered_shapes3d (floor and wall hue), rendered_dsprites (position x and y)
or rendered_norb (elevation and azimuth). The defaults, 300,000 steps and 5 seeds as in
Träuble et al. 2021, need an accelerator.
"""

import jax
import numpy as np

from dis_jax import data, evaluation, studies
from dis_jax.training import base_config, load_config, words

METHODS = ("beta_vae", "factor_vae", "beta_tcvae", "ada_gvae")
METRICS = ("dci_lightgbm", "mig", "mcc", "r2")
FACTORS = {
    "rendered_shapes3d": ("floor_hue", "wall_hue"),
    "rendered_dsprites": ("pos_x", "pos_y"),
    "rendered_norb": ("elevation", "azimuth"),
}


def get_study(argument=""):
    numbers = {"steps": 300_000, "seeds": 5, "width": (0.1, 0.4)}
    options = (*METHODS, *FACTORS, *base_config.OPTIONS)
    found = words.read(argument, numbers, options)
    steps, seeds, widths = found.numbers.values()
    dataset = next((w for w in found.options if w in FACTORS), "rendered_shapes3d")
    methods = [word for word in found.options if word in METHODS] or METHODS
    others = [word for word in found.options if word not in (*METHODS, *FACTORS)]
    first, second = FACTORS[dataset]
    sets = {"independent": dataset}
    for width in widths:
        word = f"+correlated({first},{second},{width:g})"
        sets[f"width {width:g}"] = dataset + word
    rows = {}
    for method in methods:
        for label, name in sets.items():
            config = load_config(",".join((f"{method}:{name}", *others)))
            config.steps = steps
            config.tensorboard = False
            config.checkpoint_every = max(1, min(10_000, steps // 20))
            rows[f"{method}, {label}"] = config
    changed = [f"{k}{v}" for k, v in found.given.items() if k == "steps"]
    return studies.Study(
        name="_".join(["shift_correlated", dataset, *others, *changed]),
        title=f"Trained with {first} and {second} correlated, on {dataset}",
        rows=rows,
        seeds=tuple(range(seeds)),
        score=score,
        notes=(
            "Each model is scored on its training set (trained) and on independent "
            f"factors (uniform). Pair: pairwise entanglement of {first} and {second}; "
            "others: mean over all other pairs of factors (Träuble et al. 2021)."
        ),
    )


def score(trained):
    """Scores of the posterior means, on both sets."""
    name = trained.config.dataset
    plain = name.split("+")[0]
    first, second = FACTORS[plain]
    encode = evaluation.code_fn(trained.method, trained.state)
    lines = {}
    for label, of in {"trained": name, "uniform": plain}.items():
        images = data.load(of, trained.data_dir)
        key = jax.random.key(trained.seed)
        found = evaluation.evaluate(encode, images, key, METRICS, baselines="none")
        result = {key: entry["result"] for key, entry in found["metrics"].items()}
        tree = result["dci_lightgbm"]
        apart = evaluation.pairwise_entanglement(tree["importance"])
        names = found["factor_names"]
        i, j = names.index(first), names.index(second)
        pairs = np.triu_indices(len(names), 1)
        others = [apart[a, b] for a, b in zip(*pairs, strict=True) if {a, b} != {i, j}]
        lines[label] = {
            "DCI disentanglement": tree["disentanglement"],
            "MIG": result["mig"]["score"],
            "MCC": result["mcc"]["score"],
            "R2": result["r2"]["score"],
            "pair": float(apart[i, j]),
            "others": float(np.mean(others)),
        }
    return lines
