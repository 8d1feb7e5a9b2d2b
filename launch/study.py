r"""Trains, scores and compares the models of a study; the same command resumes.

  python -m launch.study --study=configs/studies/ml_vae_mnist.py --workdir=runs/ml_vae

Each file of configs/studies/ has a `get_study(argument="")`; the argument follows a colon.
Writes <workdir>/<name>.json, .md and .png after every run; --results=DIR also writes them
to DIR. --notrain trains nothing and tabulates the models that are already scored; the table
names models whose settings differ from the study's. --udr adds UDR to the finished table.
"""

import pathlib

from absl import flags

from dis_jax import process, shipped
from dis_jax.files import replacing, write_json, write_whole

from . import shared_flags, start

_STUDY = flags.DEFINE_string(
    "study", None, "Name or file of a study, with :argument.", required=True
)
_WORKDIR = shared_flags.workdir("Folder of the study.")
_DATA_DIR = shared_flags.data_dir()
_RESULTS = flags.DEFINE_string("results", None, "A second folder for the table.")
_UDR = flags.DEFINE_bool(
    "udr", False, "Add a column: agreement with models of other seeds, without labels."
)
_TRAIN = flags.DEFINE_bool("train", True, "Train the missing models.")


def main(argv):
    del argv
    process.set_up_jax()
    from dis_jax import figures, studies

    study = studies.load_study(_STUDY.value)
    if not isinstance(study, studies.Study):
        raise ValueError(
            f"--study: {_STUDY.value} is a transfer study; run it with "
            f"{shipped.command('transfer')} --study=... --workdir=..."
        )

    def write(result):
        result = {"made_by": start.command(), **result}
        # Without any score, for example if all models have diverged, there is no chart.
        scored = any(result["lines"].values())
        picture = figures.to_png(figures.study_chart(result)) if scored else None
        for folder in map(pathlib.Path, filter(None, (_WORKDIR.value, _RESULTS.value))):
            write_json(folder / f"{study.name}.json", result)
            write_whole(folder / f"{study.name}.md", studies.markdown_table(result))
            if picture:
                with replacing(folder / f"{study.name}.png") as fresh:
                    fresh.write_bytes(picture)

    if _TRAIN.value:
        folders = _WORKDIR.value, _DATA_DIR.value
        made_by = start.command()
        result = studies.run_study(study, *folders, on_model=write, command=made_by)
        if not result["models"]:
            print("no model is scored yet: other processes train the remaining ones")
            return
    else:
        scored = studies.read_scores(study, _WORKDIR.value)
        if not scored:
            raise ValueError(
                f"--notrain: {_WORKDIR.value} contains no scores of this study's models; "
                "omit the flag to train them."
            )
        result = studies.tabulate(study, scored)
    if _UDR.value:
        folder = pathlib.Path(_WORKDIR.value)
        ranked = studies.rank_models(
            studies.find_candidates(folder), _DATA_DIR.value, metrics=()
        )
        result = studies.tabulate(
            *studies.with_udr(study, studies.read_scores(study, folder), folder, ranked)
        )
    write(result)
    print(studies.markdown_table(result))


if __name__ == "__main__":
    start.run(main)
