"""Launch scripts, run as a person runs them."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def run():
    """`run(script, *arguments, **environment)`, from the repository's folder."""

    def run(script, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", f"launch.{script}", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"XLA_FLAGS": "", "DIS_JAX_DATA_DIR": ""} | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
