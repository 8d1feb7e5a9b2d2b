"""Scores from the shell: of codes in a file, and of a run."""

import json

import numpy as np
import pytest

from dis_jax.evaluation import mig


@pytest.fixture
def codes(tmp_path):
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, size, 300) for size in (3, 4)], axis=1)
    path = tmp_path / "my.npz"
    np.savez(path, codes=factors + 0.2 * rng.normal(size=(300, 2)), factors=factors)
    return path


def test_codes_from_anywhere(run, codes):
    options = (f"--codes={codes}", "--metrics=mig,omes")
    done = run("evaluate", *options)
    assert done.returncode == 0, done.stderr
    path = codes.with_name("my.npz_mig+omes_seed0.json")
    assert done.stdout.splitlines()[0].split() == [
        "metric",
        "score",
        "value",
        "chance",
        "seconds",
    ]
    assert done.stdout.splitlines()[-1] == f"written to {path}"
    result = json.loads(path.read_text())
    with np.load(codes) as arrays:
        expected = mig(arrays["codes"], arrays["factors"]).score
    assert result["metrics"]["mig"]["result"]["score"] == pytest.approx(expected)
    assert result["source"] == {"codes": str(codes)}
    assert result["seed"] == 0
    before = path.read_text()
    again = run("evaluate", *options)
    assert again.returncode == 1
    assert "exists" in again.stderr
    assert "--overwrite" in again.stderr
    assert path.read_text() == before
    kinds = "--kinds=factor_0=ordered,factor_1=circular:4"
    assert run("evaluate", *options, "--overwrite", kinds).returncode == 0
    found = json.loads(path.read_text())["factor_kinds"]
    assert found == {"factor_0": "ordered", "factor_1": ["circular", 4.0]}


def test_everyday_files_of_codes(run, codes):
    with np.load(codes) as arrays:
        of_strings = np.array([str(i) for i in range(300)], object)
        np.savez(codes, **arrays, image_id=of_strings)
        np.savez(codes.with_name("other.npz"), z=arrays["codes"])
        parts = [codes.with_name(name) for name in ("z.npy", "labels.npy")]
        for part, name in zip(parts, ("codes", "factors"), strict=True):
            np.save(part, arrays[name])
    done = run("evaluate", f"--codes={codes}", "--metrics=default")
    assert done.returncode == 0, done.stderr
    assert "ignored image_id; known: codes, factors, test_codes" in done.stderr
    assert "skipped factor_vae_score: needs an encoder" in done.stdout
    result = json.loads(codes.with_name("my.npz_default_seed0.json").read_text())
    assert set(result["metrics"]) == {"mig"}
    many = ",".join(["mig"] * 80)  # longer than a file name may be
    files = (f"--codes={parts[0]}", f"--factors={parts[1]}")
    done = run("evaluate", *files, f"--metrics={many}")
    assert done.returncode == 0, done.stderr
    written = "z.npy_labels.npy_mig+79_more_????????_seed0.json"
    assert len([*codes.parent.glob(written)]) == 1
    done = run("evaluate", f"--codes={codes.with_name('other.npz')}")
    assert done.returncode == 1
    assert "has no array codes and no factors, found z; np.savez(" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metrics=mgi",), "did you mean 'mig'"),
        (("--metrics=factor_vae_score",), "needs an encoder and a full factor grid"),
        (("--workdir=runs/a",), "either --workdir=... or --codes=..."),
        (("--member=0", "--best"), "--member, --best: no effect with --codes"),
        (("--metrics=",), "--metrics is empty; omit it for the default"),
    ],
)
def test_a_mistake_ends_in_a_message(run, codes, arguments, message):
    done = run("evaluate", f"--codes={codes}", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in codes.parent.iterdir()) == ["my.npz"]


def test_a_folder_that_is_not_there_is_not_made(run, tmp_path):
    for command, folder in (
        ("evaluate", f"--codes={tmp_path}/no/z.npz"),
        ("select", f"--workdir={tmp_path}/no"),
    ):
        done = run(command, folder)
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("error: no ")
    assert not [*tmp_path.iterdir()]
