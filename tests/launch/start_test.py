"""What every launch script does first."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Page faults of ten steps, after twenty, of a network whose buffers hold 51 MB each.
FAULTS = """
import resource
{first}
import jax, jax.numpy as jnp

@jax.jit
def step(weights, x):
    def loss(weights):
        h = x
        for w in weights:
            h = jnp.tanh(h @ w)
        return (h**2).sum()
    return [w - g for w, g in zip(weights, jax.grad(loss)(weights))]

weights, x = 3 * [jnp.eye(32)], jnp.ones((400_000, 32))
for i in range(30):
    if i == 20:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    weights = jax.block_until_ready(step(weights, x))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_memory_is_not_asked_for_anew_in_every_step():
    faults = []
    for first in ("", "from launch import start; start.set_up_jax()"):
        done = subprocess.run(
            [sys.executable, "-c", FAULTS.format(first=first)],
            cwd=ROOT,
            env=os.environ | {"XLA_FLAGS": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        faults.append(int(done.stdout))
    default, kept = faults
    assert default > 10 * 51e6 / 4096  # a buffer's pages in each step, and more
    assert kept < default / 10
