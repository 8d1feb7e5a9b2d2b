"""Two programs of one training step, timed in turn on one core."""

import json
import os
import pathlib
import statistics
import sys
import time

from launch import memory


def one_core():
    """Before JAX is loaded: one core, and freed memory kept, as in our own runs."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    memory.keep()


def compare(programs, *, steps, rounds, warm_up=0):
    """Medians over rounds of what each program takes for a step.

    Args:
      programs: functions of a number of steps by name, "dis_jax" and "pytorch", which
        return the last loss, or None.
      steps: a round.
      rounds: of both; one more comes first and does not count.
      warm_up: steps of that one; by default as many as of the others.

    Returns:
      Milliseconds a step, of the processor and of the clock, the last loss where there is
      one, and `speedup`, the ratio of processor times.
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
    """Prints a result with its versions, and writes it where a path is given."""
    from dis_jax.provenance import provenance

    script = pathlib.Path(sys.argv[0]).stem
    result |= {"made_by": f"python -m launch.{script}", **provenance()}
    text = json.dumps(result, indent=1) + "\n"
    print(text)
    if path:
        pathlib.Path(path).write_text(text)
