r"""Records a run in results/: config, last losses, scores, versions and hardware.

  python -m benchmarks.record --workdir=runs/a --name=factor_vae_rendered_dsprites

Writes results/<name>.json (or elsewhere, --results=DIR) from what the folder of a complete
run holds, and the traversal picture of its report to docs/<name>.png with --picture.
"""

import json
import math
import pathlib
import shutil
from typing import Any

from absl import flags

from dis_jax import training
from launch import start

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
_NAME = flags.DEFINE_string("name", None, "Name of the result.", required=True)
_RESULTS = flags.DEFINE_string("results", "results", "Folder of the result.")
_PICTURE = flags.DEFINE_boolean("picture", False, "Also keep the traversals in docs/.")
_COMMENT = flags.DEFINE_string("comment", "", "What a reader should know of this run.")


def _standard(value: Any) -> Any:
    """Infinity and NaN as words: only Python's JSON has numbers for them."""
    if isinstance(value, dict):
        return {key: _standard(of_key) for key, of_key in value.items()}
    if isinstance(value, (list, tuple)):
        return [_standard(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


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
        scores[path.stem] = json.loads(path.read_text(encoding="utf-8"))
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
    text = json.dumps(_standard(record), indent=1, allow_nan=False)
    out.write_text(f"{text}\n", encoding="utf-8")
    print(f"written to {out}")
    if _PICTURE.value:
        picture = pathlib.Path("docs") / f"{_NAME.value}.png"
        shutil.copy(workdir / "figures" / "traversals_z.png", picture)
        print(f"written to {picture}")


if __name__ == "__main__":
    start.run(main)
