r"""Runs all measurements that need a GPU or TPU; the same command resumes.

  python -m benchmarks.accelerator --out=results/accelerator           (make accelerator)
  python -m benchmarks.accelerator --out=runs/dry --tiny               on any CPU, minutes

Each part runs in its own process with its own time limit, and writes `<out>/<part>.json`
when it is complete. The same command resumes with the missing parts. A part that fails or
exceeds its limit does not stop the others. After the first part, a part starts only if its
limit ends within --minutes. The most informative parts come first.

Needs jax with its accelerator plugin, flax, optax, orbax-checkpoint, ml_collections,
scikit-learn and lightgbm; torch for comparisons. No data are downloaded.
"""

import json
import pathlib
import shutil
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from absl import flags

from benchmarks import accelerator_parts as parts
from benchmarks import in_parts
from dis_jax import process
from launch import start

_OUT = flags.DEFINE_string("out", None, "Folder of the results.", required=True)
_PARTS = flags.DEFINE_list("parts", [], "Parts to measure; all by default.")
_MINUTES = flags.DEFINE_float("minutes", 60, "Minutes that all parts may take.")
_TINY = flags.DEFINE_boolean("tiny", False, "Tiny sizes: only check that it runs.")
_PART = flags.DEFINE_string("part", "", "Measure this part in this process.")


class Part(NamedTuple):
    """A measurement with its time limit.

    Attributes:
      measure: `(folder, tiny) -> a dict for JSON`; it writes files to the folder. If it was
        stopped before, the folder contains its earlier files.
      minutes: the time limit.
      xla_flags: added to XLA_FLAGS of its process.
    """

    measure: Callable[[pathlib.Path, bool], dict]
    minutes: float
    xla_flags: str = ""


PARTS = {
    "agreement": Part(parts.agreement, 15),
    "resume": Part(parts.resume, 4, "--xla_gpu_deterministic_ops=true"),
    "step": Part(parts.step, 5),
    "factor_vae": Part(parts.factor_vae, 10),
    "calls": Part(parts.calls, 5),
    "population": Part(parts.population, 8),
    "data": Part(parts.images, 4),
    "metrics": Part(parts.metrics, 4),
    "pairs": Part(parts.pairs, 5),
    "ada_gvae": Part(parts.ada_gvae, 35),
}


def begin_part(name: str, seconds: float) -> int | None:
    """Measures one part in its own process; returns its exit status, None at the limit."""
    command = [sys.executable, "-m", "benchmarks.accelerator", f"--part={name}"]
    command += [f"--out={_OUT.value}", f"--{'' if _TINY.value else 'no'}tiny"]
    log = pathlib.Path(_OUT.value) / f"{name}.log"
    return in_parts.begin(command, log, seconds, PARTS[name].xla_flags)


def measure_part(name: str, out: pathlib.Path, *, tiny: bool) -> None:
    """Measures one part in this process and writes its JSON file atomically."""
    from dis_jax.files import write_whole
    from dis_jax.provenance import provenance

    process.set_up_jax()
    work = out / "work" / name
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    what = " ".join((PARTS[name].measure.__doc__ or "").split())
    found = PARTS[name].measure(work, tiny)
    found = {"what": what, "tiny": tiny, **found, **provenance()}
    found["seconds"] = round(time.monotonic() - began, 1)
    for picture in work.rglob("*.png"):
        shutil.copy(picture, out / f"{name}_{picture.name}")
    write_whole(out / f"{name}.json", json.dumps(found, indent=1) + "\n")


def main(argv):
    del argv
    out = pathlib.Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    if unknown := {_PART.value, *_PARTS.value} - {"", *PARTS}:
        raise ValueError(
            f"no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}."
        )
    if _PART.value:
        measure_part(_PART.value, out, tiny=_TINY.value)
        return
    limits = {name: PARTS[name].minutes for name in _PARTS.value or PARTS}
    status = in_parts.run_all(out, limits, _MINUTES.value, begin_part)
    for name, word in status.items():
        print(f"{name:12} {word}")
    missing = [name for name, word in status.items() if not word.startswith("done")]
    if missing:
        raise ValueError(
            f"missing: {', '.join(missing)}; see the logs in {out}. The same command "
            "resumes with them."
        )


if __name__ == "__main__":
    # On a signal, the main process must end its parts, so it unwinds; parts do not.
    start.run(main, unwinds=not any(arg.startswith("--part=") for arg in sys.argv))
