r"""Signals to one of two processes that train one run; both must end at the same step.

  python -m tests.faults.processes [--steps=4000]

Sends SIGTERM to the second process, later SIGINT to the first, and repeats the same command
after each. The run must end bit for bit like the unbroken one. Takes about three minutes on
two cores; exits with code 1 if a check fails.
"""

import argparse
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from tests.faults import training as faults

COUNT = 2
PATIENCE = 300  # seconds to wait for a process
SCRIPT = """
import sys
from launch import start
import jax
port, process, folder, steps = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
jax.distributed.initialize(f"localhost:{port}", 2, process)
from absl import logging
from dis_jax import training
logging.set_verbosity(logging.INFO)
config = training.load_config("vae:rendered_dsprites,mlp")
config.network.update(encoder=(8,), decoder=(8,))
config.update(batch_size=16, steps=int(steps), steps_per_call=2, log_every=50)
config.update(checkpoint_every=1000, tensorboard=False)
training.train(config, folder)
"""


def begin(folder: pathlib.Path, steps: int) -> list[subprocess.Popen]:
    """Starts both processes of a run, each with a log next to the folder."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    one = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    started = []
    for process in range(COUNT):
        with folder.with_suffix(f".{process}.log").open("a") as log:
            command = [sys.executable, "-c", SCRIPT, port, process, folder, steps]
            started.append(
                subprocess.Popen([*map(str, command)], stderr=log, env=os.environ | one)
            )
    return started


def end(processes: list[subprocess.Popen]) -> list[int]:
    """Returns the exit statuses; raises `subprocess.TimeoutExpired` if a process hangs."""
    try:
        return [process.wait(PATIENCE) for process in processes]
    finally:
        for process in processes:
            process.kill()


def reached(folder: pathlib.Path) -> list[list[str]]:
    """Returns the steps whose checkpoints each process has logged."""
    logs = [folder.with_suffix(f".{i}.log").read_text() for i in range(COUNT)]
    return [re.findall(r"saved a checkpoint of step (\d+)", log) for log in logs]


def main() -> int:
    """Makes both runs, and prints and returns whether the checks passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as scratch:
        folders = [pathlib.Path(scratch) / name for name in ("broken", "unbroken")]
        began = time.monotonic()
        assert end(begin(folders[1], steps)) == [0, 0]
        whole = time.monotonic() - began
        codes = []
        for process, signum, part in (
            (1, signal.SIGTERM, 0.5),
            (0, signal.SIGINT, 0.4),
        ):
            started = begin(folders[0], steps)
            time.sleep(part * whole)
            started[process].send_signal(signum)
            codes.append(end(started))
        assert end(begin(folders[0], steps)) == [0, 0]
        first, second = reached(folders[0])
        same = faults.ended_like(folders[1], folders[0]) == faults.LIKE
    print(f"exit statuses {codes}; stopped at steps {first} and {second}")
    print(f"the run ended {'like' if same else 'UNLIKE'} the unbroken one")
    held = same and first == second and codes == [[143, 143], [130, 143]]
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
