r"""Times the training step of a config; `benchmarks.bench` calls this script.

  python -m benchmarks.bench_training --config=configs/factor_vae.py --steps_per_call=10

Samples data and makes updates as in a real run. Prints one JSON line: ms per step, weights
of all networks, and with --memory the MB of one update, compiled alone: of the state, and
of temporary arrays.
"""

import json
import time

import jax
from absl import app, flags
from ml_collections import config_flags

from dis_jax import process, training
from dis_jax.training import program

_CONFIG = config_flags.DEFINE_config_file(
    "config", "configs/factor_vae.py", "The config to time."
)
_STEPS_PER_CALL = flags.DEFINE_integer(
    "steps_per_call", 0, "Steps per call; 0: the backend's value."
)
_POPULATION = flags.DEFINE_integer("population", 0, "Members; 0 for a single model.")
_VECTORISE = flags.DEFINE_boolean(
    "vectorise", None, "Vectorise over members; by default the backend's value."
)
_FORM = flags.DEFINE_string("form", "pair", "Form of the convolution.")
_MEMORY = flags.DEFINE_boolean("memory", False, "Also measure memory; compiles again.")
_STEPS = flags.DEFINE_integer(
    "steps", 30, "Number of timed steps, repeated three times."
)


def memory(run, state):
    """MB of the state and of an update's temporary arrays."""
    batch = program.batch_shapes(run.sampler, run.image_set)
    update = jax.jit(run.method.update, donate_argnums=0)
    found = update.lower(state, batch).compile().memory_analysis()
    return {
        "state_mb": round(sum(x.nbytes for x in jax.tree.leaves(state)) / 1e6, 1),
        "beside_it_mb": round(found.temp_size_in_bytes / 1e6, 1) if found else None,
    }


def main(_):
    process.set_up_jax()
    config = _CONFIG.value
    if _POPULATION.value:
        config.population.seed = tuple(range(_POPULATION.value))
    if "form" in config.network:
        config.network.form = _FORM.value
    run = training.set_up(config)
    stride = _STEPS_PER_CALL.value or program.backend().steps_per_call
    compiled = training.compile_program(
        run.method,
        run.sampler,
        run.image_set,
        run.mesh,
        population=run.population,
        vectorise=_VECTORISE.value,
    )
    state = program.init(
        run.method,
        run.sampler,
        run.image_set,
        run.members,
        population=run.population is not None,
    )
    found = {"weights": sum(x.size for x in jax.tree.leaves(state.params))}
    if _MEMORY.value:
        found |= memory(run, state)
    carry = compiled.load(state)
    del state
    times = []
    for repeat in range(4):
        began = time.perf_counter()
        calls = max(1, _STEPS.value // stride) if repeat else 2  # warm-up first
        for _ in range(calls):
            carry, _ = compiled.run(carry, stride)
        jax.block_until_ready(carry)
        times.append((time.perf_counter() - began) / (calls * stride))
    print(json.dumps({"ms_per_step": 1e3 * min(times[1:]), **found}))


if __name__ == "__main__":
    app.run(main)
