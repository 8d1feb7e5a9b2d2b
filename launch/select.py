r"""Ranks trained models by UDR, without labels, next to label-based scores.

    python -m launch.select --workdir=runs/population

The folder is a population, a study, or any folder of runs with several seeds. UDR compares
models with the same settings and different seeds, on the same images. If the set has
labels, the table also shows --metrics, and their rank correlation with UDR.
Writes <workdir>/udr_seed<seed>.json.
"""

from absl import flags

from dis_jax import evaluation, process
from dis_jax.files import write_json

from . import shared_flags, start

_WORKDIR = shared_flags.workdir("Folder of a population, a study or several runs.")
_METRICS = flags.DEFINE_list(
    "metrics", ["mig"], "Label-based scores shown next to UDR; empty for none."
)
_IMAGES = shared_flags.count("images", 10_000, "Number of encoded images.", at_least=3)
_DATA_DIR = shared_flags.data_dir()
_SEED = shared_flags.seed("the images")
_OVERWRITE = shared_flags.overwrite()


def main(argv):
    del argv
    process.set_up_jax()
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
    write_json(out, result)
    print(f"{studies.ranking_table(result)}\nwritten to {out}")


if __name__ == "__main__":
    start.run(main)
