"""A discriminator trained by the loss finds the total correlation of a Gaussian."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_density_ratio_tc_comes_within_ten_per_cent(tmp_path):
    result = tmp_path / "density_ratio_tc.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.check_density_ratio",
        f"--result={result}",
    ]
    environment = os.environ | {"XLA_FLAGS": ""}  # as users run it
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    two, ten = json.loads(result.read_text())["cases"]
    np.testing.assert_allclose(two["exact_nats"], -0.5 * np.log(1 - 0.8**2), rtol=1e-5)
    determinant = 0.5**9 * 5.5
    np.testing.assert_allclose(ten["exact_nats"], -0.5 * np.log(determinant), rtol=1e-5)
    for case in (two, ten):
        np.testing.assert_allclose(case["estimated_nats"], case["exact_nats"], rtol=0.1)
