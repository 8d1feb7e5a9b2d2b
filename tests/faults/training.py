r"""Kills runs, damages their files and misspells their configs; counts the outcomes.

  python -m tests.faults.training                # all: an hour on two cores
  python -m tests.faults.training --kills=20 --checkpoints=50 --files=0

A killed run must end bit for bit like the unbroken one, including its log. A damaged
checkpoint must be set aside or give what was saved, never anything else. A damaged file
or a wrong value must end in an error that names it, or in the correct run. Prints a table;
exits with code 1 if a check fails.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import importlib
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

METHODS = (
    *("vae", "beta_vae", "annealed_vae", "factor_vae", "beta_tcvae", "dip_vae_i"),
    *("dip_vae_ii", "ada_gvae", "ada_ml_vae", "group_vae", "ml_vae", "joint_vae"),
    *("infogan", "elastic_infogan", "sdim", "edim"),
    *("gaussian_tc", "hfs", "slow_vae", "qlae", "tripod"),
)
LENGTH = {"steps": 60, "steps_per_call": 5, "log_every": 10, "checkpoint_every": 10}
LIKE = "ended like the unbroken run"
_PRELOADED = [
    "tests.conftest",
    "dis_jax.training",
    "dis_jax.data",
    "dis_jax.training.base_config",
]


def tiny(method, **overrides):
    """A config of a method with networks of a few units, as in the tests."""
    from tests import conftest

    make = conftest.tiny_config.__wrapped__()  # pyright: ignore[reportAttributeAccessIssue]
    if method == "elastic_infogan":  # its own config uses MNIST
        method, overrides = "infogan", {"elastic": ("entropy",), **overrides}
    return make(method, **(LENGTH | overrides))


def train(method, folder, overrides):
    """Trains a run, in a process that may be killed."""
    from absl import logging

    from dis_jax import training

    logging.set_verbosity(logging.ERROR)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a fork server ignores it
    training.train(tiny(method, **overrides), folder)


def bits(state):
    """A state as bytes."""
    import jax
    import numpy as np

    state = state._replace(key=jax.random.key_data(state.key))
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]


def log_of(folder):
    """A run's log without times."""
    from dis_jax import training

    timed = ("time", "steps_per_second")
    lines = training.read_metrics(folder)
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


def kill_runs(root, methods, seed, wanted, workers):
    """Kills runs of all methods at random moments; counts how each run ends."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    of_method = -(-wanted // len(methods))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(kill_method, context, root, method, of_method, seed + number)
            for number, method in enumerate(METHODS)
            if method in methods
        ]
        counts = [job.result() for job in concurrent.futures.as_completed(jobs)]
    return sum(counts, collections.Counter())


def kill_method(context, root, method, wanted, seed):
    """Kills runs of one method; every third method trains a population."""
    chance = random.Random(seed)
    overrides = {"population.seed": (0, 1)} if seed % 3 == 2 else {}
    whole = root / method
    broken = root / f"{method}_broken"

    def start(folder):
        process = context.Process(target=train, args=(method, folder, overrides))
        process.start()
        return process

    start(whole).join()
    found = collections.Counter()
    kills = 0
    while kills < wanted:
        process = start(broken)
        # the log shows the progress: some are killed at the start, some while saving
        reached = chance.choice([0, 1, 1, 2])
        lines = len(log_of(broken)) + reached
        while process.exitcode is None and len(log_of(broken)) < lines:
            time.sleep(0.02)
        process.join(chance.uniform(0, 0.5))
        signum = chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        if process.exitcode is None:
            os.kill(process.pid, signum)
        process.join()
        if process.exitcode == 0:  # finished before the kill: compare and restart
            found[ended_like(whole, broken)] += 1
            shutil.rmtree(broken)
            continue
        found[f"{signal.Signals(signum).name}, exit code {process.exitcode}"] += 1
        kills += 1
    start(broken).join()
    found[ended_like(whole, broken)] += 1
    print(f"  {method}: {dict(found)}", flush=True)
    return found


def ended_like(whole, broken):
    """Says whether the broken run equals the unbroken one bit for bit, log included."""
    from dis_jax import training

    one, two = (training.restore(folder)[1] for folder in (whole, broken))
    same = bits(one) == bits(two) and log_of(whole) == log_of(broken)
    return LIKE if same else f"WRONG: {broken.name}"


def damage(path, chance):
    """Damages a file, or renames the folder of its checkpoint; returns the damage."""
    kind = chance.choice(["flip", "flip", "cut", "empty", "delete", "zeros", "rename"])
    content = bytearray(path.read_bytes())
    if kind == "flip" and content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del content[chance.randrange(max(1, len(content))) :]
    elif kind == "empty":
        content.clear()
    elif kind == "zeros" and content:
        start = chance.randrange(len(content))
        content[start : start + 64] = bytes(len(content[start : start + 64]))
    if kind == "delete":
        path.unlink()
    else:
        path.write_bytes(content)
    return kind


def damage_checkpoints(root, chance, wanted):
    """Damages the last checkpoint of a run; a state that is read must have been saved."""
    import jax

    from dis_jax import training
    from dis_jax.training.checkpoints import placed

    folder, copy = root / "sound", root / "damaged"
    state = training.train(tiny("vae", steps=20), folder)
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    template = placed(jax.eval_shape(lambda: state), sharding)
    checkpoints = training.Checkpoints(folder / "checkpoints")
    saved = {s: bits(checkpoints.read(s, template)) for s in checkpoints.steps()}
    checkpoints.close()
    last = folder / "checkpoints" / "20"
    files = [path.relative_to(last) for path in last.rglob("*") if path.is_file()]
    found = collections.Counter()
    for _ in range(wanted):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "checkpoints", copy)
        kind = damage(copy / "20" / chance.choice(files), chance)
        if kind == "rename":
            (copy / "20").rename(copy / "40")
        checkpoints = training.Checkpoints(copy)
        step, read = checkpoints.newest(
            lambda step, at=checkpoints: at.read(step, template), set_aside=True
        )
        checkpoints.best_step()
        checkpoints.close()
        aside = any(path.name.startswith("damaged") for path in copy.iterdir())
        if saved.get(step) != bits(read):
            found[f"{kind}: WRONG, used"] += 1
        else:
            found["set aside" if aside else "harmless: what was saved is read"] += 1
    return found


def file_faults():
    """Damage of config.json and of metrics.jsonl: name, file, function of its bytes."""
    cuts = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]
    for part in cuts:
        yield "config.json", f"cut at {part}", lambda b, p=part: b[: int(p * len(b))]
    others = {
        "list": b"[]",
        "text": b'"vae"',
        "null": b"null",
        "binary": bytes(range(256)),
        "latin-1": '{"méthode": "vae"}'.encode("latin-1"),
        "XML": b"<html></html>",
        "two": b"{}{}",
        "BOM": b"\xff\xfe{}",
    }
    for name, content in others.items():
        yield "config.json", name, lambda b, c=content: c
    for field in (
        "method",
        "dataset",
        "network",
        "hparams",
        "population",
        "batch_size",
    ):
        yield "config.json", f"no {field}", lambda b, f=field: _without(b, f)
    values = {"method": "factor_vae", "dataset": "rendered_shapes3d", "batch_size": -1}
    for field, value in values.items():
        yield (
            "config.json",
            f"{field} {value}",
            lambda b, f=field, v=value: json.dumps({**json.loads(b), f: v}).encode(),
        )
    rows = {
        "binary": bytes(range(256)),
        "cut": b'{"step": 10, "lo',
        "list": b"[1, 2]",
        "no step": b'{"loss": 2.0}',
        "step a text": b'{"step": "ten"}',
        "step null": b'{"step": null}',
        "time a text": b'{"step": 10, "time": "now"}',
        "latin-1": "é".encode("latin-1"),
    }
    for name, row in rows.items():
        yield "metrics.jsonl", f"{name}, first", lambda b, r=row: r + b"\n" + b
        yield "metrics.jsonl", f"{name}, last", lambda b, r=row: b + r + b"\n"
    yield "metrics.jsonl", "binary alone", lambda b: bytes(range(256))
    yield "metrics.jsonl", "empty", lambda b: b""


def _without(content, field):
    config = json.loads(content)
    del config[field]
    return json.dumps(config).encode()


def damage_files(root, wanted):
    """Damages the small files of a run; it resumes, or an error names the file."""
    from dis_jax import training

    folder, copy = root / "small", root / "small_copy"
    config = tiny("vae", steps=20)
    training.train(config, folder)
    config.steps = 30
    unbroken = bits(training.train(config, root / "small_unbroken"))
    found = collections.Counter()
    for name, kind, change in [*file_faults()][:wanted]:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        path = copy / name
        path.write_bytes(change(path.read_bytes()))
        try:
            if name == "config.json":
                training.restore(copy)
            right = bits(training.train(config, copy)) == unbroken
            outcome = "went on, right" if right else f"WRONG after {name}, {kind}"
        except (ValueError, OSError) as error:
            named = str(copy) in str(error)
            outcome = "error names it" if named else f"UNNAMED {name}, {kind}: {error}"
        except Exception as error:
            outcome = f"TRACEBACK {name}, {kind}: {type(error).__name__} {error}"
        found[outcome] += 1
    return found


def misspell(wanted):
    """Tries invalid field values; each must be refused by name before data are loaded."""
    from dis_jax import training
    from tests.training.fields_test import OF_METHODS, WRONG

    cases = [("beta_vae", name, value) for name, row in WRONG.items() for value in row]
    found = collections.Counter()
    for method, name, value in [*cases, *OF_METHODS][:wanted]:
        config = importlib.import_module(f"configs.{method}").get_config()
        try:
            with config.ignore_type():
                config.update_from_flattened_dict({name: value})
            training.set_up(config)
            found[f"ACCEPTED {name}={value!r}"] += 1
        except ValueError as error:
            named = f"config.{name}" in str(error)
            found["refused by name" if named else f"UNNAMED {name}: {error}"] += 1
        except Exception as error:
            found[f"TRACEBACK {name}: {type(error).__name__}"] += 1
    return found


def report(title, found):
    """Prints the counts; returns whether all checks passed."""
    print(f"{title}: {sum(found.values())}")
    for outcome, count in sorted(found.items()):
        print(f"  {count:4d}  {outcome}")
    bad = ("WRONG", "UNNAMED", "TRACEBACK", "ACCEPTED")
    return not any(word in outcome for outcome in found for word in bad)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=112)
    parser.add_argument("--checkpoints", type=int, default=260)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--values", type=int, default=1000)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--workers", type=int, default=2, help="methods at a time")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    from absl import logging

    logging.set_verbosity(logging.FATAL)
    chance = random.Random(given.seed)
    held = True
    with contextlib.ExitStack() as stack:
        root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if given.values:
            held &= report("config values", misspell(given.values))
        if given.files:
            held &= report("run files", damage_files(root, given.files))
        if given.checkpoints:
            found = damage_checkpoints(root, chance, given.checkpoints)
            held &= report("damaged checkpoints", found)
        if given.kills:
            found = kill_runs(
                root, given.methods, given.seed, given.kills, given.workers
            )
            held &= report("kills, and runs that came to their end", found)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
