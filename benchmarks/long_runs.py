r"""Runs the papers' full schedules from a queue, one process per core; resumes.

  python -m benchmarks.long_runs --folder=~/dis_jax_runs                 starts or resumes
  python -m benchmarks.long_runs --folder=~/dis_jax_runs --list          prints the status
  python -m benchmarks.long_runs --folder=~/dis_jax_runs --queue=weights --cores=1

The last command makes the small models of weights/: dense networks and short schedules,
each a few minutes, exported to <folder>/weights with model cards.

Real data sets are read from $DIS_JAX_DATA_DIR. Choose a folder outside the clone; it
contains the runs and their logs `<name>.log`. The same command resumes: a run continues
from its last checkpoint, and finished runs are skipped. Each process stays on one core and
has the lowest priority. Ctrl-C or SIGTERM stops the queue and its processes. The results of
a run are in its folder: scores in `evaluation/`, the table of a study in `*.md`.
`benchmarks.record` and `launch.study --results=results` copy them to results/.

Times are hours on one core of an x86 server, and differ between servers by a factor of
three: FactorVAE 8 to 24, beta-VAE 5 to 14. On the faster servers, JointVAE takes 1 hour per
seed on MNIST and 12 on dSprites, Elastic-InfoGAN 13, SDIM and EDIM 7, each source on
Shapes3D 5, and each of its transfers 3. On a GPU, `--cores=2 --nopin` trains two runs at a
time. On an NVIDIA H200 with other runs at the same time, beta-VAE, FactorVAE and JointVAE
on dSprites take 7 to 9 minutes each, an InfoGAN 2.
"""

import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading
from typing import NamedTuple

from absl import flags, logging

from launch import start

_FOLDER = flags.DEFINE_string("folder", None, "Folder of all runs.", required=True)
_CORES = flags.DEFINE_integer("cores", 0, "Parallel processes; 0: one per core.")
_ONLY = flags.DEFINE_string("only", "", "Only runs whose names contain this.")
_QUEUE = flags.DEFINE_enum(
    "queue", "papers", ["papers", "weights"], "Which queue to run."
)
_PIN = flags.DEFINE_boolean("pin", True, "Keep each process on one core.")
_LIST = flags.DEFINE_boolean(
    "list", False, "Print the status of all runs; run nothing."
)

# Dense networks that train in minutes on a core; Shapes3D at 32x32 keeps them small.
SMALL = (
    "--config.network.encoder=(128,128) --config.network.decoder=(128,128)",
    "--config.hparams.learning_rate=1e-3 --config.tensorboard=False",
)
DSPRITES, SHAPES3D = "rendered_dsprites", "rendered_shapes3d+resized32"
SCORES = "factor_vae_score,factor_vae_score_paper,mig,dci_lightgbm"
_DONE = ".done"
_PROCESSES: list[subprocess.Popen] = []
_STOPPING = threading.Event()
_STARTING = threading.RLock()  # reentrant: its thread may receive a signal


class Run(NamedTuple):
    """One entry of the queue: commands that run in order, each of which resumes."""

    name: str
    commands: tuple[str, ...]


def trained(name: str, config: str, *options: str) -> Run:
    """A single model: trained, scored, with a report page."""
    workdir = f"--workdir={{folder}}/{name}"
    return Run(
        name,
        (
            " ".join((f"launch.train --config=configs/{config}", workdir, *options)),
            f"launch.evaluate {workdir} --metrics={SCORES} --overwrite",
            f"launch.report {workdir}",
        ),
    )


def study(name: str, script: str, argument: str) -> Run:
    """A study or transfer study; its command trains, scores and tabulates."""
    file = f"--study=configs/studies/{argument}"
    return Run(name, (f"launch.{script} {file} --workdir={{folder}}/{name}",))


def small(method: str, dataset: str, steps: int, *options: str) -> Run:
    """A model of weights/: trained, scored with intervals, and exported."""
    name = f"{method}_{dataset.replace('+resized', '_')}_mlp_seed0"
    workdir = f"--workdir={{folder}}/{name}"
    length = (
        f"--config.steps={steps} --config.log_every=500 --config.checkpoint_every=500"
    )
    config = f"--config=configs/{method}.py:{dataset},mlp"
    return Run(
        name,
        (
            " ".join(("launch.train", config, workdir, length, *SMALL, *options)),
            f"launch.evaluate {workdir} --metrics=mig,sap,dcimig --resamples=100 "
            "--resample_limit=20 "
            "--overwrite",
            f"launch.export {workdir} --out={{folder}}/weights/{name} --half",
        ),
    )


def weights() -> list[Run]:
    """The small models of weights/, with hyperparameters that suit short schedules."""
    hparams = lambda **given: [f"--config.hparams.{k}={v}" for k, v in given.items()]
    discriminator = "--config.discriminator.widths=(128,128,128)"
    capacities = {"capacity_continuous": 15, "gamma_continuous": 50}
    annealed = hparams(gamma=100, capacity=15, capacity_steps=1_500)
    return [
        small("beta_vae", DSPRITES, 3_000),
        small("ada_gvae", SHAPES3D, 3_000),
        small("beta_tcvae", DSPRITES, 2_000, *hparams(beta=4)),
        small("annealed_vae", DSPRITES, 2_000, *annealed),
        small(
            "joint_vae", DSPRITES, 2_000, *hparams(capacity_steps=1_500, **capacities)
        ),
        small("dip_vae_i", DSPRITES, 2_000),
        small("factor_vae", SHAPES3D, 1_200, discriminator, *hparams(gamma=10)),
        small("gaussian_tc", DSPRITES, 1_500, *hparams(gamma=10)),
        small("group_vae", DSPRITES, 1_000),
        small("vae", SHAPES3D, 1_000),
    ]


def papers() -> list[Run]:
    """The papers' schedules, in the order in which they start."""
    runs = []
    for seed in range(3):
        runs += [
            trained(
                f"{method}_rendered_dsprites_seed{seed}",
                f"{method}.py:rendered_dsprites",
                f"--config.seed={seed}",
            )
            for method in ("factor_vae", "beta_vae")
        ]
    elastic = "elastic_infogan_mnist.py:as_coded,epochs60,splits1,seeds1"
    settings = ",uniform,gumbel,elastic,published"
    norb = "sdim_edim_smallnorb.py:seeds1"
    sources = "transfer_shapes3d.py:1,100000,50000,pairs32,rate5e-4,beta1"
    return [
        *runs[:2],
        study("joint_vae_mnist", "study", "joint_vae.py:mnist,seeds10"),
        study("joint_vae_mnist_xavier", "study", "joint_vae.py:mnist,xavier,seeds3"),
        study("sdim_edim_smallnorb", "study", norb),
        study("elastic_infogan_mnist", "study", elastic + settings),
        study("transfer_shapes3d", "transfer", f"{sources},ada_gvae,beta_vae"),
        *runs[2:],
        study("joint_vae_dsprites", "study", "joint_vae.py:rendered_dsprites,seeds1"),
    ]


def queue() -> list[Run]:
    """The runs that --queue names."""
    return {"papers": papers, "weights": weights}[_QUEUE.value]()


def work(
    waiting: list[Run], lock: threading.Lock, folder: pathlib.Path, core: int
) -> None:
    """Runs entries of the queue until it is empty; one worker per core."""
    # On Linux, affinity and niceness belong to the thread, and its processes inherit them.
    # XLA starts as many threads as the process has cores.
    if _PIN.value:
        os.sched_setaffinity(0, {core})
    os.nice(19)
    while True:
        with lock:
            if not waiting or _STOPPING.is_set():
                return
            run = waiting.pop(0)
        logging.info("core %d: %s", core, run.name)
        if make(run, folder):
            (folder / f"{run.name}{_DONE}").touch()
            logging.info("core %d: %s is done", core, run.name)
        else:
            logging.warning("%s stopped; see %s/%s.log", run.name, folder, run.name)


def make(run: Run, folder: pathlib.Path) -> bool:
    """Runs the commands of a run in order; returns whether all of them succeeded."""
    with (folder / f"{run.name}.log").open("ab") as log:
        for command in run.commands:
            words = shlex.split(command.format(folder=shlex.quote(str(folder))))
            script = [sys.executable, "-m", *words]
            with _STARTING:
                if _STOPPING.is_set():
                    return False
                process = subprocess.Popen(script, stdout=log, stderr=log)
                _PROCESSES.append(process)
            if process.wait():
                return False
    return True


def _stop(number: int, _: object) -> None:
    _STOPPING.set()  # a worker whose process ends would take the next run
    with _STARTING:  # after this no worker starts a process
        processes = [*_PROCESSES]
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)
    for process in processes:
        process.wait()  # each may write a checkpoint first
    os._exit(128 + number)


def main(argv):
    del argv
    folder = pathlib.Path(_FOLDER.value).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    runs = [run for run in queue() if _ONLY.value in run.name]
    if _LIST.value:
        for run in runs:
            log = folder / f"{run.name}.log"
            print(f"{run.name:40} {'done' if done(folder, run) else last_line(log)}")
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))
    cores = sorted(usable(0))[: _CORES.value or None]
    waiting, lock = [run for run in runs if not done(folder, run)], threading.Lock()
    workers = [
        threading.Thread(target=work, args=(waiting, lock, folder, core), daemon=True)
        for core in cores
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def done(folder: pathlib.Path, run: Run) -> bool:
    """Whether all commands of a run have succeeded."""
    return (folder / f"{run.name}{_DONE}").exists()


def last_line(log: pathlib.Path) -> str:
    """The last line of a run's log, or "waiting" without a log."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "waiting")


if __name__ == "__main__":
    start.run(main)
