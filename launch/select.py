r"""Ranks trained models by UDR, without labels, next to label-based scores.

    python -m launch.select --workdir=runs/population

The folder is a population, a study, or any folder of runs with several seeds. UDR compares
models with the same settings and different seeds, on the same images. If the set has
labels, the table also shows --metrics, and their rank correlation with UDR.
Writes <workdir>/udr_seed<seed>.json.
"""

import json

from absl import flags

from dis_jax import evaluation

from . import start

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of a population, a study or several runs.", required=True
)
_METRICS = flags.DEFINE_list(
    "metrics", ["mig"], "Label-based scores shown next to UDR; empty for none."
)
_IMAGES = flags.DEFINE_integer(
    "images", 10_000, "Number of encoded images.", lower_bound=3
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of real data sets.")
_SEED = flags.DEFINE_integer(
    *("seed", 0, "Seed for the images."),
    lower_bound=0,
    upper_bound=start.LARGEST_SEED,
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace an earlier result.")


def main(argv):
    del argv
    start.set_up_jax()
    from dis_jax import studies

    metrics = [name for name in _METRICS.value if name]
    evaluation.resolve_metrics(metrics)  # complain before anything is loaded
    found = studies.find_candidates(_WORKDIR.value)
    out = evaluation.new_file(
        _WORKDIR.value, f"udr_seed{_SEED.value}", _OVERWRITE.value
    )
    result = studies.rank_models(
        found,
        _DATA_DIR.value,
        metrics=metrics,
        num_images=_IMAGES.value,
        seed=_SEED.value,
    )
    out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(f"{studies.ranking_table(result)}\nwritten to {out}")


if __name__ == "__main__":
    start.run(main)
