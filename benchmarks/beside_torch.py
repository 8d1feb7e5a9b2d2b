"""Times the same training step in dis_jax and PyTorch, alternately on one core."""

import json
import os
import pathlib
import statistics
import sys
import time

from dis_jax import memory


def one_core():
    """Uses one core, and keeps freed memory as in our runs; call before JAX is loaded."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    memory.keep()


def compare(programs, *, steps, rounds, warm_up=0):
    """Compares the time per step of two programs, as medians over rounds.

    Args:
      programs: by name, "dis_jax" and "pytorch": functions of a number of steps, which
        return the last loss, or None.
      steps: steps per round.
      rounds: timed rounds of both programs, after one warm-up round.
      warm_up: steps of the warm-up round; by default `steps`.

    Returns:
      For each program, milliseconds of CPU time and of wall time per step, and the last
      loss if there is one; and `speedup`, PyTorch's CPU time divided by ours.
    """
    found = {name: [] for name in programs}
    losses = {}
    for number in range(rounds + 1):
        count = steps if number else warm_up or steps
        for name, make in programs.items():
            clock, processor = time.perf_counter(), time.process_time()
            losses[name] = make(count)
            spent = time.process_time() - processor, time.perf_counter() - clock
            if number:
                found[name].append([1e3 * seconds / count for seconds in spent])
    result = {}
    for name, times in found.items():
        processor, clock = map(statistics.median, zip(*times, strict=True))
        result[name] = {
            "processor_ms_per_step": round(processor, 2),
            "clock_ms_per_step": round(clock, 2),
        }
        if losses[name] is not None:
            result[name]["last_loss"] = round(losses[name], 1)
    ours, theirs = (result[n]["processor_ms_per_step"] for n in ("dis_jax", "pytorch"))
    return result | {"speedup": round(theirs / ours, 3), "rounds": rounds}


def write(result, path):
    """Prints a result with versions and hardware, and writes it to `path` if given."""
    from dis_jax.provenance import provenance

    script = pathlib.Path(sys.argv[0]).stem
    result |= {"made_by": f"python -m benchmarks.{script}", **provenance()}
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if path:
        pathlib.Path(path).write_text(text)
