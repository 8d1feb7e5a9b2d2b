r"""Trains a method on a data set; the same command resumes it.

  python -m launch.train --config=configs/factor_vae.py:rendered_dsprites \
      --workdir=runs/a --config.steps=2000 --config.seed=0

The workdir contains the whole run: config.json, metrics.jsonl, checkpoints/. Lists of
seeds or hyperparameters train as one population: --config.population.seed="(0, 1, 2)".
"""

import pathlib
import shlex
import sys

from absl import flags, logging
from ml_collections import config_flags

from dis_jax import process, shipped
from dis_jax.files import write_whole

from . import shared_flags, start

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Name of a config or a file, with :dataset or :demo.",
    lock_config=True,
)
_WORKDIR = shared_flags.workdir("Folder of the run; created if needed.")
_DATA_DIR = shared_flags.data_dir()
_RESIDENT = flags.DEFINE_boolean(
    "resident",
    None,
    "Keep images in device memory, or stream them; by default depends on their size.",
)
_ACCEPT_CHANGES = flags.DEFINE_boolean(
    "accept_changes",
    False,
    "Resume although config or data changed; seeds and init_from must be the same.",
)
_DISTRIBUTED = flags.DEFINE_boolean(
    "distributed",
    False,
    "Run as one of several processes: calls jax.distributed.initialize().",
)


def _history(path: pathlib.Path) -> list[str]:
    """All commands that produced a run: the first, and one for each accepted change."""
    earlier = path.read_text("utf-8").splitlines() if path.exists() else []
    # Without a change, this command replaces the last one: it makes all of its steps too.
    return [*(earlier if _ACCEPT_CHANGES.value else earlier[:-1]), _command()]


def main(argv):
    del argv
    process.set_up_jax(distributed=_DISTRIBUTED.value)
    import jax

    from dis_jax import training
    from dis_jax.training.workdir import steps_made

    before = steps_made(_WORKDIR.value)
    training.train(
        _CONFIG.value,
        _WORKDIR.value,
        data_dir=_DATA_DIR.value,
        resident=_RESIDENT.value,
        accept_changes=_ACCEPT_CHANGES.value,
    )
    command = pathlib.Path(_WORKDIR.value, "command.txt")
    # If the run was finished before, this command made no step.
    made_some = before < _CONFIG.value.steps or not command.exists()
    if jax.process_index() == 0 and made_some:
        write_whole(command, "\n".join([*_history(command), ""]))
    logging.info("done: %s", _WORKDIR.value)


def _command():
    """The command line without the folders."""
    kept, words = [], iter(sys.argv[1:])
    for word in words:
        name, equals, _ = word.lstrip("-").partition("=")
        if name not in ("workdir", "data_dir"):
            kept.append(word)
        elif not equals:
            next(words)  # the folder
    return f"{shipped.command('train')} {shlex.join(kept)}"


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    start.run(main)
