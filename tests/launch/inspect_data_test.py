"""The page of a data set, from the shell."""

import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_page_and_sheet_of_ones_own_file(run, tmp_path):
    images = np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)
    kind = np.array([0, 1, 2, 0, 1, 2])
    np.savez(tmp_path / "mine.npz", images=images, kind=kind)
    done = run(
        "inspect_data",
        f"--dataset={tmp_path / 'mine.npz'}",
        f"--out={tmp_path / 'mine.html'}",
        f"--sheet={tmp_path / 'mine.png'}",
    )
    assert done.returncode == 0, done.stderr
    assert "sweep of kind" in (tmp_path / "mine.html").read_text()
    assert (tmp_path / "mine.png").read_bytes()[1:4] == b"PNG"


def test_mistakes_end_in_a_message(run):
    for arguments, message in (
        (("--dataset=mnist",), "nothing to write: pass --out=FILE.html"),
        (("--dataset=mnist", "--out=x.html"), "DIS_JAX_DATA_DIR"),
    ):
        done = run("inspect_data", *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
