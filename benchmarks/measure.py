"""Runs a benchmark script in its own process and returns its result."""

import json
import os
import subprocess
import sys


def measure(module, *arguments, cores=None):
    """Runs a benchmark on the first `cores` cores and returns the JSON that it prints."""
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[: cores or len(available)])  # inherited
    try:
        process = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        os.sched_setaffinity(0, available)
    return json.loads(process.stdout.strip().splitlines()[-1])
