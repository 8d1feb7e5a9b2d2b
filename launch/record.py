r"""Records a run in results/: config, last losses, scores, versions and hardware.

  python -m launch.record --workdir=runs/a --name=factor_vae_rendered_dsprites

Writes results/<name>.json from what the run's folder holds, and the traversal picture of
its report to docs/<name>.png with --picture.
"""

import importlib
import json
import pathlib
import shutil

from absl import flags

from dis_jax import training
from dis_jax.training.workdir import differences
from launch import start

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
_NAME = flags.DEFINE_string("name", None, "Name of the result.", required=True)
_PICTURE = flags.DEFINE_boolean("picture", False, "Also keep the traversals in docs/.")
_COMMENT = flags.DEFINE_string("comment", "", "What a reader should know of this run.")


def _command(config):
    """The command that makes a run with this config: what differs from its file."""
    file = importlib.import_module(f"configs.{config['method']}")
    default = json.loads(file.get_config(config["dataset"]).to_json())
    changed = differences(default, config | {"image_shape": default["image_shape"]})
    overrides = [f"--config.{name}={value}" for name, (_, value) in changed.items()]
    config_file = f"--config=configs/{config['method']}.py:{config['dataset']}"
    return " ".join(["python -m launch.train", config_file, *overrides])


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
        "command": _command(config | {"steps": steps[-1]}),
        "comment": _COMMENT.value,
        "steps": steps[-1],
        "last_log_line": lines[-1],
        "evaluation": scores,
        "config": config,
        "versions": facts["versions"],
        "hardware": facts["hardware"],
    }
    out = pathlib.Path("results") / f"{_NAME.value}.json"
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written to {out}")
    if _PICTURE.value:
        picture = pathlib.Path("docs") / f"{_NAME.value}.png"
        shutil.copy(workdir / "figures" / "traversals_z.png", picture)
        print(f"written to {picture}")


if __name__ == "__main__":
    start.run(main)
