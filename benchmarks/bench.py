r"""Speed on this machine, written to results/bench_<backend>.json.

  python -m benchmarks.bench [--parts=step,calls,data]

All parts (PARTS) by default; those that are not asked for stay as they are in it, and so
do rows of `step` (--step_methods, --step_cores). Each figure is measured in a process of
its own, on one core and on all; what is compared is measured in turn, in one run.
PyTorch is the peer where it is installed (extra `dev`).
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app, flags

from benchmarks.measure import measure
from dis_jax.provenance import provenance

PARTS = (
    "step",
    "calls",
    "population",
    "pairs",
    "start",
    "data",
    "metrics",
    "penalties",
)
_PARTS = flags.DEFINE_list("parts", list(PARTS), "What to measure.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds of what is compared.")
_PAIR_STEPS = flags.DEFINE_integer("pair_steps", 5, "Steps of pairs, three times over.")
_OUT = flags.DEFINE_string("out", "results", "Folder of the result.")
_METHODS = flags.DEFINE_list(
    "step_methods", ["factor_vae", "beta_vae"], "Rows of `step`."
)
_CORES = flags.DEFINE_list("step_cores", [], "Rows of `step`; by default 1 and all.")
_STEPS = flags.DEFINE_integer("num_steps", 30, "Steps of `step`, three times over.")
_PEERS = {  # PyTorch's own ways to be faster, each a row beside that of eager mode
    "": (),
    ", PyTorch channels_last": ("--channels_last",),
    ", PyTorch compiled": ("--compile",),
}


def _ours(*arguments, cores=None):
    found = measure("bench_training", *arguments, cores=cores)
    return round(found["ms_per_step"], 2)


def step():
    """ms a step beside PyTorch, in turn; the ratio is PyTorch's time over ours."""
    every = sorted({1, len(os.sched_getaffinity(0))})
    rows = {}
    for cores in map(int, _CORES.value or every):
        for name in _METHODS.value:
            rows |= _beside_peers(name, cores)
    return rows


def _beside_peers(name, cores):
    """Rows of a method: ours and each of the peers in every round."""
    steps = f"--steps={_STEPS.value}"
    options = (f"--method={name}", f"--threads={cores}", steps)
    ours, theirs = [], {peer: [] for peer in _PEERS}
    for _ in range(_ROUNDS.value):
        ours.append(_ours(f"--config=configs/{name}.py", steps, cores=cores))
        for peer, how in _PEERS.items():
            theirs[peer].append(measure("bench_torch", *options, *how, cores=cores))
    return {
        f"{name}{peer}, cores: {cores}": _compared(ours, found)
        for peer, found in theirs.items()
    }


def _compared(ours, theirs):
    """Medians, or why there are none: PyTorch compiles with the system's compiler."""
    if skipped := [found["skipped"] for found in theirs if "skipped" in found]:
        return {"skipped": skipped[0]}
    times = [found["ms_per_step"] for found in theirs]
    ratios = [their / our for our, their in zip(ours, times, strict=True)]
    return {
        "dis_jax_ms": statistics.median(ours),
        "pytorch_ms": round(statistics.median(times), 2),
        "ratio": round(statistics.median(ratios), 3),
        "rounds": len(ratios),
    }


def calls():
    """ms a step by steps in one dispatch and by form of the convolution."""
    rows = {f"{n} steps a call": _ours(f"--steps_per_call={n}") for n in (1, 10)}
    return rows | {f"form {f}": _ours(f"--form={f}") for f in ("pair", "lax", "matmul")}


def population():
    """ms a round in which every member makes one step."""
    config = "--config=configs/beta_vae.py"
    rows = {}
    for size in (1, 5, 10):
        for name, flag in (("one after another", "no"), ("side by side", "")):
            options = (f"--population={size}", f"--{flag}vectorise", "--steps=5")
            rows[f"{size} {name}"] = _ours(config, "--form=pair", *options)
        rows[f"{size} side by side, matmul"] = _ours(
            config, f"--population={size}", "--vectorise", "--form=matmul", "--steps=5"
        )
    return rows


def pairs():
    """SDIM and EDIM, 64x64, 64 pairs: the published global network and the pooled one.

    ms a step (SmallNORB objects are drawn in it, one part in twenty of the fastest),
    weights of all networks, MB of the state and of what an update computes beside it.
    """
    rows = {}
    for method in ("sdim", "edim"):
        for width in ("half", "full"):
            for kind in ("pooled", "published"):
                words = [w for w in (width, kind) if w in ("half", "published")]
                argument = ",".join(["rendered_norb", *words])
                found = measure(
                    "bench_training",
                    f"--config=configs/{method}.py:{argument}",
                    *("--memory", f"--steps={_PAIR_STEPS.value}"),
                )
                found["ms_per_step"] = round(found["ms_per_step"], 1)
                rows[f"{method}, {width} width, {kind}"] = found
    return rows


def start():
    """Seconds from the command to the end of the first step, cache empty and full."""
    cache, rows = tempfile.mkdtemp(), {}
    for name in ("cold", "warm"):
        workdir = tempfile.mkdtemp()
        began = time.perf_counter()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "launch.train", f"--workdir={workdir}"),
                *("--config=configs/factor_vae.py:demo", "--config.steps=1"),
            ],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": cache},
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "compiled in" in line:
                rows[name] = round(time.perf_counter() - began, 2)
        process.wait()
        shutil.rmtree(workdir)
    shutil.rmtree(cache)
    return rows


def data():
    """Images a second: rendered, gathered, streamed."""
    return measure("bench_data")


def metrics():
    """Seconds for each metric at 10,000 codes of 10 dimensions."""
    return measure("bench_metrics")


def penalties():
    """CPU ms a step of FactorVAE, and of a Gaussian in place of its discriminator.

    Medians of seven rounds of 20 steps for dense networks, and of five rounds of five
    steps for convolutional ones, which take ten times as long.
    """
    few = ("--rounds=5", "--steps=5")
    return {
        name: measure("bench_penalties", f"--study={study}", *options)
        for name, study, options in (
            ("dense", "small,gamma10", ()),
            ("convolutional", "gamma10", few),
        )
    }


def main(_):
    made_with = provenance()
    path = pathlib.Path(_OUT.value) / f"bench_{made_with['hardware']['backend']}.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    result["made_by"] = "python -m benchmarks.bench"
    for part in _PARTS.value:
        part_of = globals()[part]
        what = " ".join(part_of.__doc__.split())
        print(f"{part}: {what}", flush=True)
        kept = result.get(part, {}) if part == "step" else {}
        result[part] = {**kept, "what": what, **part_of(), **made_with}
        print(json.dumps(result[part], indent=1), flush=True)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    app.run(main)
