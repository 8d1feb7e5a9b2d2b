r"""Models trained on correlated factors, scored with and without the correlation.

  dis-jax study --workdir=runs/shift_correlated \
      --study=shift_correlated
  dis-jax study --workdir=runs/shift_correlated_small \
      --study=shift_correlated:rendered_dsprites,small,steps2000,seeds1,\
beta_vae,hfs,ada_gvae

Arguments after the colon: methods, which select rows; widths of the correlation
("width.1,width.4"); "steps14000", "seeds2"; "small", dense networks for a CPU; config
arguments; and a data set: rendered_shapes3d (floor and wall hue), rendered_dsprites
(position x and y) or rendered_norb (elevation and azimuth). The defaults, 300,000 steps
and 5 seeds as in Träuble et al. 2021, need an accelerator. The second command, whose
numbers are in results/, takes 10 minutes of a CPU core. docs/correlated_factors.md
describes the results.
"""

import functools

import jax
import numpy as np

from dis_jax import data, evaluation, studies
from dis_jax.studies.shift_studies import SMALL, shift_rows
from dis_jax.training import base_config, words

METHODS = ("beta_vae", "factor_vae", "beta_tcvae", "hfs", "ada_gvae")
METRICS = {"mig": "MIG", "mcc": "MCC", "r2": "R2"}
DCI = "dci_lightgbm"
FACTORS = {
    "rendered_shapes3d": ("floor_hue", "wall_hue"),
    "rendered_dsprites": ("pos_x", "pos_y"),
    "rendered_norb": ("elevation", "azimuth"),
}


def get_study(argument=""):
    numbers = {"steps": 300_000, "seeds": 5, "width": (0.1, 0.4)}
    options = (*METHODS, *FACTORS, SMALL, *base_config.OPTIONS)
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
    changed = [f"{k}{v}" for k, v in found.given.items() if k == "steps"]
    small = SMALL in others
    return studies.Study(
        name="_".join(["shift_correlated", dataset, *others, *changed]),
        title=f"Trained with {first} and {second} correlated, on {dataset}",
        rows=shift_rows(methods, sets, steps, others),
        seeds=tuple(range(seeds)),
        score=functools.partial(
            score, codes=(3_000, 1_500) if small else (10_000, 5_000)
        ),
        notes=(
            "Each model is scored on its training set (trained) and on independent "
            f"factors (uniform). Pair: pairwise entanglement of {first} and {second}; "
            "others: mean over all other pairs of factors (Träuble et al. 2021); smaller "
            "is better. DCI uses LightGBM."
        ),
    )


def score(trained, codes):
    """Scores of the posterior means, on both sets."""
    name = trained.config.dataset
    plain = name.split("+")[0]
    encode = evaluation.code_fn(trained.method, trained.state)
    lines, chance = {}, {}
    # Without a correlation, both sets are the same.
    for label, of in {"uniform": plain, "trained": name}.items():
        if label == "trained" and of == plain:
            continue
        found = evaluation.evaluate(
            encode,
            data.load(of, trained.data_dir),
            jax.random.key(trained.seed),
            (DCI, *METRICS),
            num_train=codes[0],
            num_test=codes[1],
        )
        entries = found["metrics"]
        tree = entries[DCI]["result"]
        scores = {
            column: entries[m]["result"]["score"] for m, column in METRICS.items()
        }
        lines[label] = {
            "DCI disentanglement": tree["disentanglement"],
            **scores,
            **_entanglement(tree["importance"], found["factor_names"], FACTORS[plain]),
        }
        chance[label] = {
            column: entries[m]["baselines"]["chance"]["score"]
            for m, column in METRICS.items()
        }
    return studies.Scored(lines, chance)


def _entanglement(importance, names, correlated):
    """Pairwise entanglement of the correlated pair, and the mean of all others."""
    apart = evaluation.pairwise_entanglement(importance)
    first, second = map(names.index, correlated)
    pairs = zip(*np.triu_indices(len(names), 1), strict=True)
    others = [apart[pair] for pair in pairs if {*pair} != {first, second}]
    return {"pair": float(apart[first, second]), "others": float(np.mean(others))}
