r"""Records a run in results/: config, last losses, scores, versions and hardware.

  python -m benchmarks.record --workdir=runs/a --name=factor_vae_rendered_dsprites

Reads the folder of a complete run and writes results/<name>.json (DIR/<name>.json with
--results=DIR). --picture also copies the traversal picture of its report to
docs/<name>.png.
"""

import json
import pathlib
import shutil

from absl import flags

from dis_jax import training
from dis_jax.evaluation.records import read_record
from dis_jax.files import write_json
from dis_jax.training.workdir import strict_json
from launch import start

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
_NAME = flags.DEFINE_string("name", None, "Name of the result.", required=True)
_RESULTS = flags.DEFINE_string("results", "results", "Folder of the result.")
_PICTURE = flags.DEFINE_boolean(
    "picture", False, "Also copy the traversal picture to docs/."
)
_COMMENT = flags.DEFINE_string("comment", "", "A comment on this run for the reader.")


def _command(workdir):
    path = workdir / "command.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}: python -m launch.train writes it when a run is complete; models "
            "of a study are recorded by launch.study --results=results."
        )
    return path.read_text(encoding="utf-8").strip()


def main(argv):
    del argv
    workdir = pathlib.Path(_WORKDIR.value)
    config = json.loads(training.read_config(workdir).to_json())
    checkpoints = training.Checkpoints(workdir / "checkpoints")
    try:
        steps = checkpoints.steps()
        if not steps:
            raise FileNotFoundError(f"{workdir} has no checkpoint to record.")
        facts = checkpoints.facts(steps[-1])
    finally:
        checkpoints.close()
    scores = {}
    for path in sorted((workdir / "evaluation").glob("*.json")):
        scores[path.stem] = read_record(path)
    lines = [x for x in training.read_metrics(workdir) if x["step"] <= steps[-1]]
    record = {
        "command": _command(workdir),
        "comment": _COMMENT.value,
        "steps": steps[-1],
        "last_log_line": lines[-1],
        "evaluation": scores,
        "config": config,
        "versions": facts["versions"],
        "hardware": facts["hardware"],
    }
    out = pathlib.Path(_RESULTS.value) / f"{_NAME.value}.json"
    write_json(out, strict_json(record))
    print(f"written to {out}")
    if _PICTURE.value:
        picture = pathlib.Path("docs") / f"{_NAME.value}.png"
        shutil.copy(workdir / "figures" / "traversals_z.png", picture)
        print(f"written to {picture}")


if __name__ == "__main__":
    start.run(main)
