"""Probes of the codes of pairs, from the shell."""

import collections
import json

import pytest

from dis_jax import training


def test_heads_and_probes_read_every_code_in_both_modes(run, tiny_config, tmp_path):
    training.train(tiny_config("sdim", steps=1), tmp_path)
    options = ("--models=knn", "--num_train=300", "--num_test=200")
    done = run("evaluate_pairs", f"--workdir={tmp_path}", *options)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "evaluation").glob("pairs_seed0_step1*.json")
    assert done.stdout.splitlines()[-1] == f"written to {path}"
    found = json.loads(path.read_text())["metrics"]
    assert [*found] == ["probes, running statistics", "probes, batch statistics"]
    for title, entry in found.items():
        assert title in done.stdout
        away = collections.Counter()
        for r in entry["result"].pop("readings"):
            # shapes, scales and orientations are shared by a pair, colours are not
            assert r["wanted"] == (r["attribute"] != "colour")
            name = f"{r['code']} {r['attribute']} {r['reader']}"
            assert entry["result"][name] == r["accuracy"]
            lost = 1 - r["accuracy"] if r["wanted"] else r["accuracy"] - r["chance"]
            away[f"distance {r['code']} {r['reader']}"] += abs(lost)
        names = {f"distance {code} knn" for code in ("shared_x", "shared_y")}
        assert {*away} == {*names, "distance shared_x head"}
        for name, distance in away.items():
            assert entry["result"][name] == pytest.approx(distance)
    first, second = (entry["result"] for entry in found.values())
    assert first != second  # one batch's statistics are not the running ones


def test_an_unknown_probe_is_refused_before_anything_is_encoded(run, tmp_path):
    done = run("evaluate_pairs", f"--workdir={tmp_path}", "--models=knn,svm")
    assert done.returncode == 1
    assert "found 'svm'" in done.stderr
    assert not list(tmp_path.iterdir())
