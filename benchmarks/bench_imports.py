r"""Measures CPU seconds of imports, and the sizes of the wheel and the models in weights/.

    python -m benchmarks.bench_imports --wheel=dist/dis_jax-0.1.0-py3-none-any.whl

`pip wheel --no-deps -w dist .` makes the wheel. CPU time depends less on other processes
than wall time. Writes results/imports.json.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from absl import flags

from dis_jax.provenance import provenance
from launch import start

_WHEEL = flags.DEFINE_string("wheel", None, "The wheel.", required=True)
_OUT = flags.DEFINE_string("out", "results/imports.json", "JSON file.")
_STATEMENTS = ("import dis_jax", "from dis_jax import evaluation", "import jax")
_TIMES = 3


def cpu_seconds(statement, site):
    """Least CPU time of several processes with the wheel; includes Python's start."""
    found = []
    for _ in range(_TIMES):
        before = os.times()
        subprocess.run(
            [sys.executable, "-c", statement],
            cwd=site,
            env=os.environ | {"PYTHONPATH": site},
            check=True,
        )
        after = os.times()
        found.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    return round(min(found), 3)


def main(argv):
    del argv
    with tempfile.TemporaryDirectory() as site:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, f"--target={site}", _WHEEL.value], check=True)
        seconds = {code: cpu_seconds(code, site) for code in ("pass", *_STATEMENTS)}
    models = sorted(pathlib.Path("weights").glob("*/model.safetensors"))
    result = {
        "what": f"CPU seconds, the least of {_TIMES} warm processes; bytes",
        "made_by": "python -m benchmarks.bench_imports --wheel=...",
        "load": os.getloadavg()[0],
        "cpu_seconds": seconds,
        "wheel_bytes": pathlib.Path(_WHEEL.value).stat().st_size,
        "model_bytes": {path.parent.name: path.stat().st_size for path in models},
        **provenance(),
    }
    pathlib.Path(_OUT.value).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["cpu_seconds"]))


if __name__ == "__main__":
    start.run(main)
