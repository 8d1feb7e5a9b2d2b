r"""Models trained on a part of the grid, and scored inside and outside of it.

  dis-jax study --workdir=runs/shift_splits --study=shift_splits
  dis-jax study --workdir=runs/shift_splits_small \
      --study=shift_splits:rendered_dsprites,small,steps2000,seeds1,beta_vae,\
beta_tcvae,extrapolation,composition,random,interpolation,recombination_to_range

Arguments after the colon: methods and splits, which select rows; "steps14000",
"seeds2"; "small", dense networks for a CPU; config arguments; and a data set,
rendered_shapes3d or rendered_dsprites. The splits are random, composition,
interpolation and extrapolation (Schott et al. 2022), recombination_to_element and
recombination_to_range (Montero et al. 2021). The defaults, 300,000 steps and 5 seeds,
need an accelerator. The second command, whose numbers are in results/, took 34
minutes on a shared CPU core. docs/generalisation.md describes the results.
"""

import functools

import jax.numpy as jnp
import numpy as np

from dis_jax import data, evaluation, studies
from dis_jax.data.subsets import SPLITS
from dis_jax.studies.shift_studies import SMALL, shift_rows
from dis_jax.training import base_config, words

METHODS = ("beta_vae", "factor_vae", "beta_tcvae", "hfs")
SETS = ("rendered_shapes3d", "rendered_dsprites")
PROBE = "mlp"


def get_study(argument=""):
    options = (*METHODS, *SETS, *SPLITS, SMALL, *base_config.OPTIONS)
    found = words.read(argument, {"steps": 300_000, "seeds": 5}, options)
    steps, seeds = found.numbers.values()
    dataset = next((word for word in found.options if word in SETS), SETS[0])
    methods = [word for word in found.options if word in METHODS] or METHODS
    splits = [word for word in found.options if word in SPLITS] or SPLITS
    others = [w for w in found.options if w not in (*METHODS, *SETS, *SPLITS)]
    changed = [f"{k}{v}" for k, v in found.given.items() if k == "steps"]
    small = SMALL in others
    sets = {split: f"{dataset}+split({split}):train" for split in splits}
    return studies.Study(
        name="_".join(["shift_splits", dataset, *others, *changed]),
        title=f"Trained on a part of {dataset}, scored inside and outside of it",
        rows=shift_rows(methods, sets, steps, others),
        seeds=tuple(range(seeds)),
        score=functools.partial(
            score, codes=(3_000, 1_500) if small else (10_000, 5_000)
        ),
        notes=(
            "R2 of each ordered factor, predicted from the posterior means by an MLP that "
            "is fitted to codes of the training part. Inside: other images of the "
            "training part. Outside: images of the held-out part. Unseen value: those "
            "images of it whose value of this factor never occurs in training. The "
            "errors are divided by the variance over the whole grid (Schott et al. "
            "2022), so 0 is the error of a constant. Shape is a category and has no R2."
        ),
    )


def score(trained, codes):
    """R2 of each factor inside and outside of the training part."""
    name = trained.config.dataset.removesuffix(":train")
    inside, outside = (
        data.load(f"{name}:{side}", trained.data_dir) for side in ("train", "test")
    )
    encode = evaluation.code_fn(trained.method, trained.state)
    rng = np.random.default_rng(trained.seed)

    def encoded(images, count):
        index = images.choose(rng, min(count, images.num_images))
        found = evaluation.encode_all(encode, index, lambda i: images.take(i)[0])
        return np.asarray(found), np.asarray(images.factors(index), float)

    fit, held_out = codes
    # Sampled together, so that no image is in both.
    z, v = encoded(inside, fit + held_out)
    out_z, out_v = encoded(outside, held_out)
    unseen = [
        ~np.isin(column, seen)
        for column, seen in zip(out_v.T, _values(inside), strict=True)
    ]
    parts = {
        "inside": (z[fit:], v[fit:]),
        "outside": (out_z, out_v),
        "unseen value": (out_z, np.where(np.transpose(unseen), out_v, np.nan)),
    }
    plain = data.load(name.split("+")[0], trained.data_dir)
    found = evaluation.held_out_r2(
        z[:fit],
        v[:fit],
        parts,
        model=PROBE,
        kinds=plain.kinds,
        whole=plain.factors(jnp.arange(plain.num_images)),
        seed=trained.seed,
    )
    return {
        label: _columns(plain.factor_names, r2)
        for label, r2 in found.items()
        if not np.isnan(r2).all()
    }


def _columns(names, r2):
    """R2 by factor, and the mean over factors; categories have none."""
    found = {
        name: float(value)
        for name, value in zip(names, r2, strict=True)
        if not np.isnan(value)
    }
    return found | {"mean": float(np.nanmean(r2))}


def _values(images):
    """The values of each factor that occur."""
    factors = np.asarray(images.factors(jnp.arange(images.num_images)))
    return [np.unique(column) for column in factors.T]
