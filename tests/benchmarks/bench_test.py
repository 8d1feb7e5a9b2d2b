"""Benchmarks run on every kind of method and measure what they report."""

import json

import pytest
from absl import flags
from absl.testing import flagsaver

from benchmarks import bench
from configs import edim, sdim


@pytest.fixture(scope="module", autouse=True)
def _parsed():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # other scripts' flags are required


def test_pairs_are_both_networks_at_both_widths(monkeypatch):
    asked = []

    def measure(module, config, *options):
        assert module == "bench_training"
        assert options == ("--memory", "--steps=2")
        file, argument = config.removeprefix("--config=configs/").split(":")
        asked.append({"sdim.py": sdim, "edim.py": edim}[file].get_config(argument))
        return {"ms_per_step": 1.23456, "weights": len(asked)}

    monkeypatch.setattr(bench, "measure", measure)
    with flagsaver.flagsaver(pair_steps=2):
        rows = bench.pairs()
    found = {
        name: (c.method, c.network.widths[0], bool(c.network.grid), c.batch_size)
        for name, c in zip(rows, asked, strict=True)
    }
    assert found == {
        f"{method}, {width} width, {kind}": (method, channels, pooled, 64)
        for method in ("sdim", "edim")
        for width, channels in (("half", 32), ("full", 64))
        for kind, pooled in (("pooled", True), ("published", False))
    }
    assert rows["edim, full width, published"] == {"ms_per_step": 1.2, "weights": 8}
    assert "pairs" in bench.PARTS


def test_steps_stand_beside_every_peer_that_runs_here(monkeypatch, tmp_path):
    """Times by hand: ours 10, 20, 30 ms; eager twice that, channels_last half of it."""
    times, last = iter([10.0, 20.0, 30.0]), 0.0

    def measure(module, *options, cores):
        nonlocal last
        assert cores == 1
        if module == "bench_training":
            last = next(times)
            return {"ms_per_step": last}
        if "--compile" in options:
            return {"skipped": "no C++ compiler"}
        return {"ms_per_step": last * (0.5 if "--channels_last" in options else 2)}

    monkeypatch.setattr(bench, "measure", measure)
    before = {"step": {"what": "", "factor_vae, cores: 1": {"ratio": 1.0}}}
    (tmp_path / "bench_cpu.json").write_text(json.dumps(before))
    options = {"parts": ["step"], "step_methods": ["beta_vae"], "step_cores": ["1"]}
    with flagsaver.flagsaver(**options, out=str(tmp_path)):
        bench.main([])
    found = json.loads((tmp_path / "bench_cpu.json").read_text())["step"]
    rows = {name: row for name, row in found.items() if ", cores" in name}
    ours = {"dis_jax_ms": 20.0, "rounds": 3}
    assert rows == {
        "factor_vae, cores: 1": {"ratio": 1.0},  # not requested: kept
        "beta_vae, cores: 1": ours | {"pytorch_ms": 40.0, "ratio": 2.0},
        "beta_vae, PyTorch channels_last, cores: 1": ours
        | {"pytorch_ms": 10.0, "ratio": 0.5},
        "beta_vae, PyTorch compiled, cores: 1": {"skipped": "no C++ compiler"},
    }


@pytest.mark.slow
def test_a_step_of_pairs_is_timed_and_weighed(run):
    done = run(
        "benchmarks.bench_training",
        "--config=configs/ada_gvae.py:rendered_dsprites,mlp",
        *(f"--config.network.{side}coder=(64,)" for side in ("en", "de")),
        "--config.batch_size=8",
        "--steps=1",
        "--memory",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # parameters, and two moments of the trained ones, four bytes each
    weights = found["weights"]
    assert 4 * weights / 1e6 < found["state_mb"] < 1.1 * 3 * 4 * weights / 1e6
    assert found["beside_it_mb"] > 0
    assert found["ms_per_step"] > 0
