r"""Measures speed on this machine; writes results/bench_<backend>.json.

  python -m benchmarks.bench [--parts=step,calls,data]

Measures all parts (PARTS) by default. Parts that are not selected keep their results in
the file, and so do rows of `step` (--step_methods, --step_cores). Each number is measured
in its own process; `step` uses one core and all cores, and measures compared programs
alternately. `step` compares with PyTorch, which must be installed (extra `dev`).
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
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds of each comparison.")
_PAIR_STEPS = flags.DEFINE_integer(
    "pair_steps", 5, "Timed steps of `pairs`, repeated three times."
)
_OUT = flags.DEFINE_string("out", "results", "Folder of the result.")
_METHODS = flags.DEFINE_list(
    "step_methods", ["factor_vae", "beta_vae"], "Methods of `step`."
)
_CORES = flags.DEFINE_list(
    "step_cores", [], "Numbers of cores of `step`; by default 1 and all."
)
_STEPS = flags.DEFINE_integer(
    "num_steps", 30, "Timed steps of `step`, repeated three times."
)
_PEERS = {  # eager mode, and PyTorch's own speed options; one row each
    "": (),
    ", PyTorch channels_last": ("--channels_last",),
    ", PyTorch compiled": ("--compile",),
}


def _ours(*arguments, cores=None):
    found = measure("bench_training", *arguments, cores=cores)
    return round(found["ms_per_step"], 2)


def step():
    """Measures ms per step of dis_jax and PyTorch alternately; ratio: PyTorch's / ours."""
    every = sorted({1, len(os.sched_getaffinity(0))})
    rows = {}
    for cores in map(int, _CORES.value or every):
        for name in _METHODS.value:
            rows |= _beside_peers(name, cores)
    return rows


def _beside_peers(name, cores):
    """Rows of a method; each round measures dis_jax and each PyTorch variant."""
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
    """Medians, or the reason for skipping: torch.compile needs the system's compiler."""
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
    """Measures ms per step, by steps per call and by form of the convolution."""
    rows = {f"{n} steps a call": _ours(f"--steps_per_call={n}") for n in (1, 10)}
    return rows | {f"form {f}": _ours(f"--form={f}") for f in ("pair", "lax", "matmul")}


def population():
    """Measures ms per round, in which every member makes one step."""
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
    """Compares the published and pooled global networks of SDIM and EDIM, 64x64, 64 pairs.

    Measures ms per step (it includes the rendering of SmallNORB objects, a twentieth of the
    fastest step), weights of all networks, MB of the state and of an update's temporary
    arrays.
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
    """Measures seconds from command to end of the first step, cache empty and full."""
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
    """Measures images per second: rendered, gathered, streamed."""
    return measure("bench_data")


def metrics():
    """Measures seconds of each metric for 10,000 codes of 10 dimensions."""
    return measure("bench_metrics", "--out=")


def penalties():
    """Measures CPU ms per step of FactorVAE and of a Gaussian instead of the discriminator.

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
