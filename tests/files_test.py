"""A file is complete or unchanged, whoever else writes it and wherever writing stops."""

import threading

import pytest

from dis_jax import files


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "scores.json"
    files.write_json(path, {"mig": 0.5})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"mig": float("nan")})
    with pytest.raises(ZeroDivisionError):
        _write_half(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["scores.json"]


def _write_half(path):
    with files.replacing(path) as fresh:
        fresh.write_text("half")
        raise ZeroDivisionError


def test_a_message_names_the_file_and_not_what_becomes_of_it(tmp_path):
    path = tmp_path / f"{'a' * 240}.json"  # 32 more characters are too many
    with pytest.raises(OSError, match=f"{path}'$"):
        files.write_json(path, {})


def test_writers_of_one_file_do_not_meet(tmp_path):
    """Two hosts may give their processes the same number."""
    path, failed = tmp_path / "table.md", []
    barrier = threading.Barrier(4)

    def write(letter):
        barrier.wait()
        try:
            for _ in range(50):
                files.write_whole(path, letter * 10_000)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert path.read_text() in {letter * 10_000 for letter in "abcd"}
    assert len(list(tmp_path.iterdir())) == 1
