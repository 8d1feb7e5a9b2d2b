"""Compares a trained discriminator's estimate with a known total correlation.

    python -m benchmarks.check_density_ratio

Trains a narrow version of FactorVAE's discriminator on samples of each of two Gaussians.
Writes its estimate on held-out samples and the exact value; takes about a minute on one
core.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import optax
from absl import flags

from dis_jax import losses, networks
from dis_jax.provenance import provenance
from launch import start

_RESULT = flags.DEFINE_string("result", "results/density_ratio_tc.json", "JSON file.")
_DIMS = flags.DEFINE_multi_enum(
    "dims", ["2", "10"], ["2", "10"], "Dimensions of the Gaussians."
)
_STEPS = flags.DEFINE_integer("steps", 0, "Training steps; 0: depends on the case.")
_CASES = {2: (0.8, 1500), 10: (0.5, 4000)}  # dimensions: correlation, steps
_WIDTHS, _BATCH, _LEARNING_RATE, _HELD_OUT = (64,) * 6, 1024, 5e-3, 100_000


def estimate(covariance: jax.Array, steps: int) -> float:
    """Mean log-odds of held-out samples of N(0, covariance) after training, in nats."""
    network = networks.Discriminator(_WIDTHS)
    logits = lambda params, z: jnp.asarray(network.apply(params, z))
    optimiser = optax.adam(optax.cosine_decay_schedule(_LEARNING_RATE, steps))
    factor = jnp.linalg.cholesky(covariance)
    sample = lambda key, n: jax.random.normal(key, (n, len(factor))) @ factor.T

    def step(state, key):
        keys = jax.random.split(key, 3)
        joint = sample(keys[0], _BATCH)
        permuted = losses.permute_dims(keys[1], sample(keys[2], _BATCH))
        loss = lambda params: losses.density_ratio_discriminator_loss(
            logits(params, joint), logits(params, permuted)
        )
        updates, opt_state = optimiser.update(jax.grad(loss)(state[0]), state[1])
        return (optax.apply_updates(state[0], updates), opt_state), None

    init_key, train_key, test_key = jax.random.split(jax.random.key(0), 3)
    params = network.init(init_key, jnp.zeros((1, len(factor))))
    train = jax.jit(lambda *args: jax.lax.scan(step, *args)[0])
    state = (params, optimiser.init(params))
    params, _ = train(state, jax.random.split(train_key, steps))
    held_out = sample(test_key, _HELD_OUT)
    return float(losses.density_ratio_tc(logits(params, held_out)).mean())


def main(_) -> None:
    cases = []
    for dim in map(int, _DIMS.value):
        correlation, steps = _CASES[dim]
        steps = _STEPS.value or steps
        covariance = (1 - correlation) * jnp.eye(dim) + correlation
        exact = float(losses.gaussian_total_correlation(covariance, jitter=0))
        case = {"dim": dim, "correlation": correlation, "steps": steps}
        found = estimate(covariance, steps)
        cases.append(case | {"exact_nats": exact, "estimated_nats": found})
    settings = {"widths": _WIDTHS, "batch_size": _BATCH, "seed": 0}
    settings |= {"learning_rate": _LEARNING_RATE, "held_out": _HELD_OUT}
    result = {"cases": cases, "settings": settings} | provenance()
    print(text := json.dumps(result, indent=2))
    pathlib.Path(_RESULT.value).write_text(text + "\n")


if __name__ == "__main__":
    start.run(main)
