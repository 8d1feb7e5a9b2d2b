"""Checks the tests: puts one fault at a time into a copy of the clone and runs them.

    python tests/mutations.py [--only=losses/] [--result=results/mutations.json]

The faults are in tests/mutations.toml, each with the tests that should detect it. Prints
whether they do, and writes which test failed first; the exit status is 1 if one survives.
Takes about 10 s per fault.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from typing import Any

from dis_jax.provenance import provenance

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]


def copy_of_the_clone(folder: pathlib.Path) -> None:
    """Copies all files that git tracks, as they are in the working tree, to `folder`."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=-1, check=True)
    for name in listed.stdout.decode().split("\0"):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def try_one(clone: pathlib.Path, mutation: dict[str, Any]) -> dict[str, Any]:
    """Whether a fault is "caught" or has "survived", by which test, in how many seconds."""
    path = clone / mutation["file"]
    text = path.read_text(encoding="utf-8")
    found = text.count(mutation["old"])
    if found != 1:
        raise SystemExit(
            f"{mutation['file']} has {found} times, expected once: {mutation['old']}"
        )
    # Without bytecode: Python takes a file of the same size and second for the same file.
    environment = os.environ | {
        "PYTHONPATH": str(clone),
        "PYTHONDONTWRITEBYTECODE": "1",
        "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR")
        or str(ROOT / ".cache" / "xla"),
    }
    began = time.monotonic()
    try:
        path.write_text(text.replace(mutation["old"], mutation["new"]), "utf-8")
        done = subprocess.run(
            PYTEST + mutation["tests"],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(text, "utf-8")
    if done.returncode not in (0, 1):  # no test ran
        raise SystemExit(
            f"pytest {' '.join(mutation['tests'])}:\n{done.stdout[-2000:]}"
        )
    seen = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", done.stdout, re.MULTILINE)
    return {
        "file": mutation["file"],
        "old": mutation["old"],
        "new": mutation["new"],
        "outcome": "caught" if done.returncode else "survived",
        "by": seen and seen[1],
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--result", help="JSON file to write")
    options = parser.parse_args()
    listed = tomllib.loads((ROOT / "tests" / "mutations.toml").read_text("utf-8"))
    chosen = [m for m in listed["mutation"] if options.only in m["file"]]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        clone = pathlib.Path(folder)
        copy_of_the_clone(clone)
        for mutation in chosen:
            result = try_one(clone, mutation)
            results.append(result)
            row = f"{result['outcome']:8}  {result['seconds']:6.1f} s  {result['file']}"
            print(f"{row}: {result['new'].strip().splitlines()[0]}", flush=True)
    caught = sum(result["outcome"] == "caught" for result in results)
    print(f"{caught} of {len(results)} caught")
    if options.result:
        summary = {
            "command": " ".join(["python", *sys.argv]),
            "date": datetime.date.today().isoformat(),
            **provenance(),
            "caught": caught,
        }
        text = json.dumps(summary | {"mutations": results}, indent=1)
        pathlib.Path(options.result).write_text(text + "\n", "utf-8")
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
