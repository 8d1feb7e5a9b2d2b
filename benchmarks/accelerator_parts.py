"""The measurements of `benchmarks.accelerator`: functions of a folder and of `tiny`."""

import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
from concurrent import futures

from benchmarks.measure import measure

# "highest" is float32 throughout. "default" is what a user gets: TF32 in matrix products on
# an NVIDIA GPU, whose rounding alone causes differences of .03 to .07.
PRECISIONS = ("highest", "default")
# Relative to the largest value of each array.
TOLERANCES = {"highest": 1e-4, "float64": 1e-9}
# Some steps amplify rounding errors: alternating updates of networks, quantisation, second
# derivatives. To measure this, all parameters change by a random relative amount of size
# MOVE; the largest difference of DRAWS draws counts. It explains a difference but does not
# excuse it. In float64, rounding errors are far below the tolerance, so a difference above
# it means a different computation.
MOVE, DRAWS = 1e-6, 4
CORES_A_METHOD = 3  # methods are compared in parallel
PAIRS = ("sdim", "edim")
TINY = ("--config.network.encoder=(8,)", "--config.network.decoder=(8,)")
GOAL_FACTOR_VAE, GOAL_ADA_GVAE = 2.0, 30.0  # minutes on an H100


def agreement(work: pathlib.Path, tiny: bool) -> dict:
    """Compares one step of every method, from one state and batch, here and on the CPU.

    Returns the largest difference of metrics and of the optimisers' first moments (the
    gradients), relative to the largest value of each array: in float32 at both precisions
    of matrix products, and in float64. "sensitivity" is this difference on the CPU alone
    after all parameters change by about a millionth of their value, the largest of four
    draws. Devices agree at a precision if all differences are within its tolerance;
    "default" has no tolerance.
    """
    from dis_jax.files import write_whole
    from dis_jax.methods import METHODS
    from dis_jax.provenance import cpu_cores

    names = ("beta_vae",) if tiny else METHODS
    # Each method compiles five programs. So results of a stopped process are kept, and
    # several methods compile in parallel.
    kept = work / "rows.json"
    rows = json.loads(kept.read_text()) if kept.exists() else {}
    missing = [name for name in names if "float64" not in rows.get(name, ())]
    with futures.ThreadPoolExecutor(max(1, cpu_cores() // CORES_A_METHOD)) as pool:
        begun = {pool.submit(_differences, name, tiny=tiny): name for name in missing}
        for done in futures.as_completed(begun):
            if not done.exception():
                rows[begun[done]] = done.result()
                write_whole(kept, json.dumps(rows))
    for done in begun:
        done.result()  # raises the error of a failed method
    rows = {name: rows[name] for name in names}
    above = {
        precision: [name for name, row in rows.items() if row[precision] > tolerance]
        for precision, tolerance in TOLERANCES.items()
    }
    return {
        "rows": rows,
        "tolerances": TOLERANCES,
        "above_tolerance": above,
        "agrees": {precision: not names for precision, names in above.items()},
    }


def _differences(name: str, *, tiny: bool) -> dict[str, float]:
    import jax
    import jax.numpy as jnp

    from dis_jax import data, training

    config = _config(name, "rendered_norb" if name in PAIRS else "rendered_dsprites")
    if tiny:
        _shrink(config)
    images = data.load(config.dataset)
    config.image_shape = images.image_shape
    method = training.make_method(config)
    sampler = data.SAMPLERS[method.batch](
        images, config.batch_size, **dict(config.sampler)
    )
    cpu, here = jax.devices("cpu")[0], jax.devices()[0]
    with jax.default_device(cpu):
        batch = sampler.sample(images, jax.random.key(1), jnp.int32(0), sampler.args)
        state = jax.jit(method.init)(jax.random.key(0), batch)
    update = jax.jit(method.update)

    def stepped(state, device, precision=PRECISIONS[0]):
        with jax.default_matmul_precision(precision):
            return update(*jax.device_put((state, batch), device))

    found = {
        precision: _differ(*(stepped(state, d, precision) for d in (cpu, here)))
        for precision in PRECISIONS
    }
    with jax.enable_x64(True):
        config.precision = "float64"
        wide = jax.jit(training.make_method(config).update)
        inputs = _in_float64((state, batch))
        found["float64"] = _differ(
            *(wide(*jax.device_put(inputs, d)) for d in (cpu, here))
        )
    return found | {"sensitivity": _sensitivity(lambda s: stepped(s, cpu), state)}


def _in_float64(tree):
    """Converts the floats of a tree to float64; keys and integers stay unchanged."""
    import jax
    import jax.numpy as jnp

    def wide(x):
        return x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(wide, tree)


def _sensitivity(step, state) -> float:
    """Largest difference that small changes of all parameters cause in one step."""
    import jax
    import numpy as np

    rng, still = np.random.default_rng(0), step(state)

    def moved(x):
        return x * np.float32(1 + MOVE * rng.standard_normal(x.shape))

    others = (
        step(state._replace(params=jax.tree.map(moved, state.params)))
        for _ in range(DRAWS)
    )
    return max(_differ(still, other) for other in others)


def _config(method: str, dataset: str):
    config = importlib.import_module(f"configs.{method}").get_config(dataset)
    config.unlock()
    return config


def _moments(state):
    return [optimiser.mu for optimiser in state.opt_state.values()]


def _differ(one, other) -> float:
    """Largest difference between two steps, in metrics and moments."""
    moments = _apart(_moments(one[0]), _moments(other[0]))
    return max(_apart(one[1], other[1]), moments)


def _apart(a, b) -> float:
    """Largest difference between two trees, relative to the largest value of each array."""
    import jax
    import numpy as np

    def apart(x, y):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        return np.abs(x - y).max() / max(np.abs(x).max(), 1e-6)

    return float(max(jax.tree.leaves(jax.tree.map(apart, a, b))))


def resume(work: pathlib.Path, tiny: bool) -> dict:
    """Compares an interrupted and resumed run with an uninterrupted run, bit for bit.

    On a GPU, XLA uses deterministic operations; the flag is set before JAX is imported.
    """
    from dis_jax import training

    steps = 20 if tiny else 2_000
    config = _config("beta_vae" if tiny else "factor_vae", "rendered_dsprites")
    config.update(checkpoint_every=steps // 2, tensorboard=False)
    if tiny:
        _shrink(config)

    def train(folder: str, steps: int) -> None:
        config.steps = steps
        training.train(config, work / folder, accept_changes=True)

    train("broken", steps // 2)
    train("broken", steps)
    shutil.rmtree(work / "unbroken", ignore_errors=True)  # of a stopped attempt
    train("unbroken", steps)
    return {"steps": steps, "bit_for_bit": _same(work / "broken", work / "unbroken")}


def _shrink(config) -> None:
    """Sets networks of a few units, for runs that only check that the code runs."""
    small = {"name": "mlp", "latent": 10, "init": "xavier"}
    config.network = {**small, "encoder": (8,), "decoder": (8,)}
    if "discriminator" in config:
        config.discriminator.widths = (8,)


def _launch(script: str, *options: str) -> None:
    """Runs a launch script."""
    # with preallocation, a process takes most of the GPU's memory
    own = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    subprocess.run(
        [sys.executable, "-m", f"launch.{script}", *options],
        check=True,
        env=os.environ | own,
    )


def _minutes(folder: pathlib.Path) -> float:
    """Minutes of a training run with compilation, also if it was stopped and resumed."""
    from dis_jax import training

    return round(training.read_metrics(folder)[-1]["time"] / 60, 2)


def _same(a: pathlib.Path, b: pathlib.Path) -> bool:
    import jax
    import numpy as np

    from dis_jax import training

    states = [training.restore(folder)[1] for folder in (a, b)]
    states = [s._replace(key=jax.random.key_data(s.key)) for s in states]
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, *states)))


def step(work: pathlib.Path, tiny: bool) -> dict:
    """Measures ms per step and MB of FactorVAE and beta-VAE, and ms per step of PyTorch.

    PyTorch runs in eager mode and compiled.
    """
    del work
    steps = ("--steps=2",) if tiny else ("--steps=300",)
    rows = {}
    for name in ("factor_vae", "beta_vae"):
        words = ":rendered_dsprites,mlp" if tiny else ":rendered_dsprites"
        config = f"--config=configs/{name}.py{words}"
        rows[name] = {"dis_jax": measure("bench_training", config, "--memory", *steps)}
        for form in ("eager", "compiled"):
            rows[name][f"PyTorch, {form}"] = _peer(name, form, *steps)
    return {"rows": rows}


def _peer(name: str, form: str, *options: str) -> dict | str:
    compiled = "compile" if form == "compiled" else "nocompile"
    try:
        return measure("bench_torch", f"--method={name}", f"--{compiled}", *options)
    except subprocess.CalledProcessError as error:
        return f"not measured: exit status {error.returncode}"  # e.g. without torch


def calls(work: pathlib.Path, tiny: bool) -> dict:
    """Measures ms per FactorVAE step, by steps per call and by form of the convolution.

    The values in `training.program.BACKENDS` are chosen from this measurement.
    """
    del work
    numbers = (1, 2) if tiny else (1, 10, 100, 1000)
    words = "rendered_dsprites,mlp" if tiny else "rendered_dsprites"
    config = f"--config=configs/factor_vae.py:{words}"
    rows = {}
    for form in ("pair",) if tiny else ("pair", "lax", "matmul"):
        for n in numbers:
            found = measure(
                *("bench_training", config, f"--form={form}", f"--steps_per_call={n}"),
                f"--steps={2 if tiny else max(300, 2 * n)}",
            )
            rows[f"{form}, {n} steps a call"] = found["ms_per_step"]
    best = min(rows, key=lambda name: rows[name])
    return {"ms_per_step": rows, "fastest": best}


def population(work: pathlib.Path, tiny: bool) -> dict:
    """Measures ms per round: one step of each of 1 to 64 vectorised beta-VAEs."""
    del work
    sizes = (1, 2) if tiny else (1, 4, 16, 64)
    words = "rendered_dsprites,mlp" if tiny else "rendered_dsprites"
    config = f"--config=configs/beta_vae.py:{words}"
    rows = {}
    for size in sizes:
        for form in ("pair",) if tiny else ("pair", "lax"):
            found = measure(
                *("bench_training", config, f"--population={size}", "--vectorise"),
                *(f"--form={form}", f"--steps={2 if tiny else 200}"),
            )
            rows[f"{size} members, {form}"] = found["ms_per_step"]
    return {"ms_per_round": rows}


def images(work: pathlib.Path, tiny: bool) -> dict:
    """Measures images per second: rendered, gathered from device memory, and streamed."""
    del work
    return {"rows": measure("bench_data", f"--seconds={0.01 if tiny else 3}")}


def metrics(work: pathlib.Path, tiny: bool) -> dict:
    """Measures seconds of each metric for 10,000 codes of 10 dimensions."""
    del work
    if tiny:
        return {"rows": "skipped: the metrics have no tiny size"}
    return {"rows": measure("bench_metrics", "--out=")}


def pairs(work: pathlib.Path, tiny: bool) -> dict:
    """Measures SDIM and EDIM at 64x64: ms per step, weights, MB of state and update."""
    del work
    rows = {}
    for method in PAIRS[:1] if tiny else PAIRS:
        for words in ("half",) if tiny else ("half", ""):
            argument = ",".join(filter(None, ("rendered_norb", words)))
            rows[f"{method}, {words or 'full'} width"] = measure(
                "bench_training",
                *(f"--config=configs/{method}.py:{argument}", "--memory"),
                f"--steps={1 if tiny else 100}",
            )
    return {"rows": rows}


def factor_vae(work: pathlib.Path, tiny: bool) -> dict:
    """Trains and scores the paper's FactorVAE: 300,000 steps on rendered dSprites.

    Also writes the report page.
    """
    steps = 20 if tiny else 300_000
    words = "rendered_dsprites" + (",mlp" if tiny else "")
    run = f"--workdir={work / 'run'}"
    _launch(
        "train",
        f"--config=configs/factor_vae.py:{words}",
        run,
        f"--config.steps={steps}",
    )
    scored = (
        "mig" if tiny else "factor_vae_score,factor_vae_score_paper,mig,dci_lightgbm"
    )
    _launch("evaluate", run, f"--metrics={scored}", "--overwrite")
    _launch("report", run)
    found = [
        json.loads(p.read_text()) for p in (work / "run/evaluation").glob("*.json")
    ]
    return {
        "steps": steps,
        "minutes": _minutes(work / "run"),
        "goal_minutes": GOAL_FACTOR_VAE,
        "scores": found,
    }


def ada_gvae(work: pathlib.Path, tiny: bool) -> dict:
    """Trains a population of twenty Ada-GVAEs for 400,000 steps on rendered Shapes3D."""
    steps, members = (4, 2) if tiny else (400_000, 20)
    words = "rendered_dsprites,mlp" if tiny else "rendered_shapes3d"
    run = f"--workdir={work / 'run'}"
    _launch(
        *("train", f"--config=configs/ada_gvae.py:{words}", run),
        f"--config.population.seed={tuple(range(members))}",
        f"--config.steps={steps}",
        f"--config.checkpoint_every={2 if tiny else 50_000}",
        *(TINY if tiny else ()),
        "--config.tensorboard=False",
    )
    return {
        "steps": steps,
        "members": members,
        "minutes": _minutes(work / "run"),
        "goal_minutes": GOAL_ADA_GVAE,
    }
