r"""Times a step of FactorVAE, of a Gaussian instead of its discriminator, and of beta-VAE.

  python -m benchmarks.bench_penalties [--study=small,gamma10]

Part of `benchmarks.bench`. The models are those of configs/studies/gaussian_tc.py:
convolutional, or dense with "small". They run alternately in one process, so that other
work on the machine slows all of them. Times are CPU times of all cores together. The ratio
of a row is FactorVAE's time divided by the row's time, the median over rounds. Prints one
JSON line.
"""

import json
import statistics
import time

import jax
from absl import flags

from dis_jax import process, shipped, training
from dis_jax.training import program
from launch import start

_STUDY = flags.DEFINE_string("study", "gamma10", "Arguments of the study.")
_STEPS = flags.DEFINE_integer("steps", 20, "Steps of a model in each round.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Timed rounds, after one warm-up.")


def prepared(config):
    """Returns a function that makes the steps of one round and returns CPU ms per step."""
    run = training.set_up(config)
    method = training.make_method(run.config)
    compiled = training.compile_program(
        method, run.sampler, run.image_set, run.mesh, population=None
    )
    state = program.init(
        method, run.sampler, run.image_set, run.members, population=False
    )
    stride = program.backend().steps_per_call
    carry = compiled.load(state)

    def steps():
        nonlocal carry
        calls = max(1, _STEPS.value // stride)
        began = time.process_time()
        for _ in range(calls):
            carry, _ = compiled.run(carry, stride)
        jax.block_until_ready(carry)
        return 1e3 * (time.process_time() - began) / (calls * stride)

    return steps


def main(argv):
    del argv
    process.set_up_jax()
    study = shipped.load("configs/studies", "gaussian_tc").get_study(_STUDY.value)
    # the two penalties of one Gaussian cost the same
    names = {n: c for n, c in study.rows.items() if not n.startswith("Gaussian KL")}
    base = next(name for name in names if name.startswith("FactorVAE"))
    models = {name: prepared(config) for name, config in names.items()}
    rounds = [
        {name: steps() for name, steps in models.items()}
        for _ in range(1 + _ROUNDS.value)
    ][1:]
    rows = {
        name: {
            "cpu_ms_per_step": round(statistics.median(r[name] for r in rounds), 2),
            "ratio": round(statistics.median(r[base] / r[name] for r in rounds), 2),
        }
        for name in models
    }
    print(json.dumps(rows))


if __name__ == "__main__":
    start.run(main)
