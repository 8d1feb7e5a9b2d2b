"""Finding the runs in a folder, and the records of their transfers.

Whole studies of transfer are run in tests/launch/transfer_test.py.
"""

import json

import pytest

from dis_jax import studies


def record(after):
    return {"run": "runs/a", "member": None, "after": after}


def test_records_are_found_at_any_depth_and_only_when_complete(tmp_path, monkeypatch):
    # the file of a study in a folder named transfer is not a record of a run
    (tmp_path / "transfer" / "x").mkdir(parents=True)
    (tmp_path / "transfer" / "x" / "transfer.json").write_text('{"records": []}')
    for run, after in (("a", {"trees": "lightgbm"}), ("transfer/x/b/seed0", None)):
        folder = tmp_path / run / "transfer" / "target"
        folder.mkdir(parents=True)
        (tmp_path / run / "config.json").write_text("{}")
        (folder / "config.json").write_text("{}")
        (tmp_path / run / "checkpoints" / "3").mkdir(parents=True)
        (tmp_path / run / "checkpoints" / "3" / "config.json").write_text("{}")
        text = json.dumps([record(after)])
        (folder / "transfer.json").write_text(text)
    assert len(studies.read_transfers(tmp_path)) == 1
    assert len(studies.read_transfers(tmp_path / "a")) == 1
    monkeypatch.chdir(tmp_path / "a")
    assert [r["run"] for r in studies.read_transfers(".")] == ["."]
    assert studies.read_transfers(tmp_path / "transfer") == []
    damaged = tmp_path / "a" / "transfer" / "target" / "transfer.json"
    for text in ("{", '{"records": []}'):
        damaged.write_text(text)
        with pytest.raises(ValueError, match=r"target/transfer\.json is damaged"):
            studies.read_transfers(tmp_path)
    runs = [p.relative_to(tmp_path) for p in studies.find_runs(tmp_path)]
    assert [run.as_posix() for run in runs] == ["a", "transfer/x/b/seed0"]


def test_a_folder_without_runs_or_of_fine_tuning_alone_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="except fine-tuning runs"):
        studies.find_runs(tmp_path)
    tuned = tmp_path / "transfer" / "b"
    tuned.mkdir(parents=True)
    for run in (tmp_path, tuned):
        (run / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="except fine-tuning runs"):
        studies.find_runs(tuned)
    assert studies.find_runs(tmp_path) == [tmp_path]
