"""What a benchmark script prints, measured in a process of its own."""

import json
import os
import subprocess
import sys


def measure(module, *arguments, cores=None):
    """The JSON line that a benchmark prints, run on the first `cores` cores."""
    available = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, available[: cores or len(available)])  # is inherited
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
