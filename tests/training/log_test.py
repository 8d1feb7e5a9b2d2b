"""The log has one line per window, whatever happens to the process that writes it."""

import json
import logging
import time

import pytest

from dis_jax.training import Log, read_metrics


def _log(folder, first, last=100, **options):
    return Log(folder, first_step=first, last_step=last, tensorboard=False, **options)


def test_lines_are_json_with_step_time_and_rate(tmp_path):
    log = _log(tmp_path, 0)
    time.sleep(0.05)  # times are written in milliseconds
    log.write(50, {"loss": 2.0, "kl": [1.0, 3.0]})
    log.close()
    (line,) = read_metrics(tmp_path)
    assert line["step"] == 50
    assert line["kl"] == [1.0, 3.0]
    assert line["steps_per_second"] == pytest.approx(50 / line["time"], rel=0.1)


def test_lines_after_the_step_gone_on_from_are_taken_back(tmp_path, caplog):
    log = _log(tmp_path, 0)
    for step in (10, 20, 30):
        log.write(step, {"loss": float(step)})
    log.close()
    earlier = read_metrics(tmp_path)[1]["time"]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "lo')  # killed while it wrote
    with caplog.at_level(logging.INFO):
        log = _log(tmp_path, 20)
    assert "dropped 1 log lines after step 20" in caplog.text
    log.write(30, {"loss": -1.0})
    log.close()
    lines = [
        json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()
    ]
    assert [(x["step"], x["loss"]) for x in lines] == [
        (10, 10.0),
        (20, 20.0),
        (30, -1.0),
    ]
    assert lines[-1]["time"] >= earlier


@pytest.mark.parametrize(
    "damage", [b'{"st', b"\xff\xfe\x00", b"[1]", b'{"loss": 2.0}', b'{"step": "7"}']
)
def test_a_damaged_line_is_left_out_with_a_warning(damage, tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "time": 2.0}\n' + damage + b'\n{"step": 3}\n')
    with caplog.at_level(logging.WARNING):
        assert [line["step"] for line in read_metrics(tmp_path)] == [1, 3]
    assert f"{path}, line 2 is damaged" in caplog.text
    log = _log(tmp_path, 3)  # a training resumes
    log.write(4, {"loss": 1.0})
    log.close()
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 3, 4]


def test_plain_progress_tells_step_rate_and_time_left(tmp_path, caplog):
    log = _log(tmp_path, 0, seconds_between_lines=0.0)
    log.write(10, {"loss": 12.34567, "kl": [1.0, 3.0]})
    with caplog.at_level(logging.INFO):
        log.progress(5)
        assert not caplog.text  # a rate with the time of compilation would mislead
        log.progress(10)
    log.close()
    assert "step 10 of 100" in caplog.text
    assert "steps/s" in caplog.text
    assert "left" in caplog.text
    assert "loss 12.35" in caplog.text
    assert "kl 2" in caplog.text


def test_tensorboard_gets_every_scalar_and_member(tmp_path):
    log = Log(tmp_path, first_step=0, last_step=2, tensorboard=True)
    log.write(1, {"loss": 2.0, "kl": [1.0, 3.0]})
    log.close()
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    for tag in (b"loss", b"kl/0", b"kl/1", b"steps_per_second"):
        assert tag in content


def test_tensorboard_is_opened_by_the_first_line(tmp_path):
    """Its import takes seconds if PyTorch is installed, so no first step waits for it."""
    log = Log(tmp_path, first_step=0, last_step=2, tensorboard=True)
    assert not (tmp_path / "tensorboard").exists()
    log.write(1, {"loss": 2.0})
    log.close()
    assert (tmp_path / "tensorboard").exists()


def test_tensorboard_goes_on_behind_the_checkpoint(tmp_path):
    """For an interrupted run, it hides the steps that are run again, from the next one."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]

    for step, folder in ((0, "a"), (6, "b")):
        (tmp_path / folder).mkdir()
        log = Log(tmp_path / folder, first_step=step, last_step=8, tensorboard=True)
        log.write(step + 1, {})
        log.close()
        (file,) = (tmp_path / folder / "tensorboard").iterdir()
        content, events = file.read_bytes(), []
        while content:  # length, its checksum, the event, its checksum
            size = int.from_bytes(content[:8], "little")
            events.append(Event.FromString(content[12 : 12 + size]))
            content = content[16 + size :]
        starts = [e.step for e in events if e.session_log.status == SessionLog.START]
        assert starts == [step + 1]
