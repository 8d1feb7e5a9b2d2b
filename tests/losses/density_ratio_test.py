"""A discriminator trained by the loss finds the total correlation of a Gaussian."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_density_ratio_tc_comes_within_ten_per_cent(run, tmp_path):
    """Runs two dimensions with a fifth of the recorded steps; ten are recorded only."""
    result = tmp_path / "density_ratio_tc.json"
    options = "--dims=2", "--steps=300", f"--result={result}"
    done = run("benchmarks.check_density_ratio", *options, XLA_FLAGS="")
    assert done.returncode == 0, done.stderr
    (here,) = json.loads(result.read_text())["cases"]
    recorded = json.loads((ROOT / "results" / result.name).read_text())["cases"]
    two, ten = (case["exact_nats"] for case in recorded)
    np.testing.assert_allclose(two, -0.5 * np.log(1 - 0.8**2), rtol=1e-5)
    np.testing.assert_allclose(ten, -0.5 * np.log(0.5**9 * 5.5), rtol=1e-5)
    assert (here["dim"], here["exact_nats"]) == (2, two)
    for case in (here, *recorded):
        np.testing.assert_allclose(case["estimated_nats"], case["exact_nats"], rtol=0.1)
