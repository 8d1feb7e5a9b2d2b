r"""Transfers trained models to another image set: score, fine-tune, score again.

  python -m launch.transfer --source=runs/a --target=smallnorb+coloured \
      --finetune_steps=50000
  python -m launch.transfer --source=runs        # tables of all transfers in a folder
  python -m launch.transfer --study=configs/studies/transfer_dsprites.py \
      --workdir=runs/t                           # trains the sources as well

--source is a run, or a folder of runs such as that of a study. The same command resumes.
Results of a transfer are in <run>/transfer/<target>/; transfer.json, transfer.md and
figures/ in the folder summarise them.
"""

import pathlib

from absl import flags

from dis_jax import process, shipped

from . import shared_flags, start

_SOURCE = flags.DEFINE_string("source", None, "A run, or a folder of runs.")
_TARGET = flags.DEFINE_list("target", [], "Target sets, comma-separated.")
_STEPS = shared_flags.count(
    "finetune_steps", 50_000, "Fine-tuning steps on the target.", at_least=0
)
_ADAM = flags.DEFINE_enum(
    "adam", "kept", ["kept", "fresh"], "Keep the source's Adam moments, or reset them."
)
_RATE = shared_flags.number("learning_rate", 1e-4, "Learning rate of fine-tuning.")
_TREES = flags.DEFINE_enum(
    "trees", "lightgbm", ["lightgbm", "sklearn"], "Trees for GBT and DCI."
)
_READERS = flags.DEFINE_list("readers", ["gbt", "mlp"], "Probes: gbt, mlp.")
_CODES = shared_flags.count(
    "num_codes", 15_000, "Number of codes for scores; one third for testing."
)
_SEED = shared_flags.seed("the scored images")
_PICTURES = flags.DEFINE_boolean("pictures", True, "Draw figures as well.")
_STUDY = flags.DEFINE_string(
    "study", None, "Name or file of a transfer study, with :argument."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the study.")
_RESULTS = flags.DEFINE_string("results", None, "A second folder for the tables.")
_DATA_DIR = shared_flags.data_dir()


_SETTINGS = (_STEPS, _ADAM, _RATE, _TREES, _READERS, _CODES, _SEED)


def _check():
    """Raises ValueError if a given flag would have no effect."""
    if bool(_SOURCE.value) == bool(_STUDY.value):
        raise ValueError("give either --source=..., or --study=... and --workdir=...")
    if bool(_STUDY.value) != bool(_WORKDIR.value):
        raise ValueError(
            "--workdir is the folder of a study: use it only with --study."
        )
    given = [f"--{flag.name}" for flag in (_TARGET, *_SETTINGS) if flag.present]
    if _STUDY.value and given:
        raise ValueError(
            f"{', '.join(given)}: no effect with --study, whose file sets it; see "
            "dis_jax/studies/transfer_studies.py for its arguments."
        )
    if given and not _TARGET.value:
        raise ValueError(
            f"{', '.join(given)}: no effect without --target; without it, the command "
            "only summarises existing transfers."
        )


def main(argv):
    del argv
    _check()
    process.set_up_jax()
    from dis_jax import figures, studies

    study = studies.load_study(_STUDY.value) if _STUDY.value else None
    if study and not isinstance(study, studies.TransferStudy):
        raise ValueError(
            f"--study: {_STUDY.value} is not a transfer study; run it with "
            f"{shipped.command('study')} --study=... --workdir=..."
        )
    title, notes = (study.title, study.notes) if study else ("Transfer", "")
    folder = pathlib.Path(_SOURCE.value or _WORKDIR.value or "")

    def write(*, pictures=False):
        return figures.write_transfer(
            *(folder, _RESULTS.value or folder),
            title=title,
            notes=notes,
            # A command that only summarises keeps the name of the command that computed.
            made_by=start.command() if study or _TARGET.value else "",
            data_dir=_DATA_DIR.value,
            pictures=pictures,
        )

    made = {"data_dir": _DATA_DIR.value, "on_run": write}
    if study:
        studies.run_transfer_study(study, folder, **made)
    else:
        settings = studies.TransferSettings(
            finetune_steps=_STEPS.value,
            adam=_ADAM.value,
            learning_rate=_RATE.value,
            trees=_TREES.value,
            readers=tuple(_READERS.value),
            num_codes=_CODES.value,
            seed=_SEED.value,
        )
        studies.run_transfers(folder, _TARGET.value, settings, **made)
    print(studies.transfer_markdown(write(pictures=_PICTURES.value)))


if __name__ == "__main__":
    start.run(main)
