r"""Times the training step of a config; the measuring half of `launch.bench`.

  python -m launch.bench_training --config=configs/factor_vae.py --steps_per_call=10

Data are drawn and updates made as in a real run. Prints one JSON line.
"""

import json
import time

import jax
from absl import app, flags
from ml_collections import config_flags

from dis_jax import training
from dis_jax.training import program

_CONFIG = config_flags.DEFINE_config_file("config", "configs/factor_vae.py", "What.")
_STEPS_PER_CALL = flags.DEFINE_integer("steps_per_call", 0, "0: the backend's own.")
_POPULATION = flags.DEFINE_integer("population", 0, "Members; 0 for a single model.")
_VECTORISE = flags.DEFINE_boolean("vectorise", None, "By default the backend's own.")
_FORM = flags.DEFINE_string("form", "pair", "Form of the convolution.")
_STEPS = flags.DEFINE_integer("steps", 30, "Steps that are timed, three times over.")


def main(_):
    config = _CONFIG.value
    if _POPULATION.value:
        config.population.seed = tuple(range(_POPULATION.value))
    config.network.form = _FORM.value
    run = training.set_up(config)
    # set_up chooses the form for a population; here the caller does
    method = training.make_method(run.config)
    stride = _STEPS_PER_CALL.value or program.backend().steps_per_call
    compiled = training.compile_program(
        method,
        run.sampler,
        run.image_set,
        run.mesh,
        population=run.population,
        vectorise=_VECTORISE.value,
    )
    state = program.init(
        method,
        run.sampler,
        run.image_set,
        run.members,
        population=run.population is not None,
    )
    carry = compiled.load(state)
    times = []
    for repeat in range(4):
        start = time.perf_counter()
        calls = max(1, _STEPS.value // stride) if repeat else 2  # first a warm-up
        for _ in range(calls):
            carry, _ = compiled.run(carry, stride)
        jax.block_until_ready(carry)
        times.append((time.perf_counter() - start) / (calls * stride))
    print(json.dumps({"ms_per_step": 1e3 * min(times[1:])}))


if __name__ == "__main__":
    app.run(main)
