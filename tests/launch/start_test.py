"""What every launch script does first."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAULTS = """
import resource
{first}
import jax, jax.numpy as jnp
double = jax.jit(lambda x: jnp.flip(x) * 2)
x = jnp.ones(20_000_000)
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    double(x).block_until_ready()
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
    assert default > 15_000  # 80 MB in pages of 4 KiB
    assert kept < 100
