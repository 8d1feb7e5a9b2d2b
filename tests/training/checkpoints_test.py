"""The last few and the best are kept; damage costs one checkpoint and is reported."""

import json
import logging
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.methods import State
from dis_jax.training import Checkpoints
from dis_jax.training.checkpoints import placed
from dis_jax.training.digests import is_sealed, sealed


def _state(value):
    return State(
        step=jnp.int32(value),
        key=jax.random.key(value),
        params={"net": {"w": jnp.full((3, 2), value, jnp.float32)}},
        stats={},
        opt_state={},
        hparams={"beta": jnp.float32(value)},
    )


@pytest.fixture
def template():
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return placed(jax.eval_shape(lambda: _state(0)), sharding)


def _fill(folder, scores, keep=2):
    checkpoints = Checkpoints(folder, keep=keep)
    for step, score in scores.items():
        checkpoints.save(step, _state(step), {"step": step}, score)
    checkpoints.wait()
    return checkpoints


def test_everything_comes_back_typed_keys_included(tmp_path, template):
    checkpoints = _fill(tmp_path, {7: 1.0})
    state = checkpoints.read(7, template)
    assert isinstance(state, State)
    np.testing.assert_array_equal(state.params["net"]["w"], np.full((3, 2), 7.0))
    assert jax.random.key_data(state.key).tolist() == [0, 7]
    assert checkpoints.facts(7) == {"step": 7}
    checkpoints.close()


def test_the_last_ones_and_the_best_stay(tmp_path):
    checkpoints = _fill(tmp_path, {1: 5.0, 2: 3.0, 3: 4.0, 4: 6.0, 5: 7.0})
    assert checkpoints.steps() == [2, 4, 5]
    assert checkpoints.best_step() == 2
    checkpoints.close()
    again = Checkpoints(tmp_path, keep=2)
    assert again.steps() == [2, 4, 5]
    assert again.best_step() == 2
    again.close()


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_taken(
    tmp_path, template, caplog
):
    checkpoints = _fill(tmp_path, {1: 2.0, 2: 1.0})
    for file in (tmp_path / "2" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        step, state = checkpoints.newest(
            lambda step: checkpoints.read(step, template), set_aside=True
        )
    assert step == int(state.step) == 1
    assert "checkpoint 2" in caplog.text
    assert "cannot be read" in caplog.text
    assert (tmp_path / "damaged-2").is_dir()
    # the step can be written again, and be damaged again
    checkpoints.save(2, _state(2), {}, 1.0)
    checkpoints.wait()
    assert checkpoints.steps() == [1, 2]
    for file in (tmp_path / "2" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    checkpoints.newest(lambda step: checkpoints.read(step, template), set_aside=True)
    assert (tmp_path / "damaged-2-2").is_dir()
    assert checkpoints.steps() == [1]
    checkpoints.close()


def test_readers_leave_a_damaged_checkpoint_where_it_is(tmp_path, template):
    checkpoints = _fill(tmp_path, {1: 2.0, 2: 1.0})
    for file in (tmp_path / "2" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    step, _ = checkpoints.newest(lambda step: checkpoints.read(step, template))
    assert step == 1
    assert (tmp_path / "2").is_dir()
    checkpoints.close()


def test_nothing_readable_is_an_error_and_nothing_there_is_none(tmp_path, template):
    empty = Checkpoints(tmp_path / "empty")
    assert empty.newest(lambda step: empty.read(step, template)) is None
    empty.close()
    checkpoints = _fill(tmp_path / "bad", {1: 2.0})
    for file in (tmp_path / "bad" / "1" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(OSError, match=r"none of the checkpoints \[1\]"):
        checkpoints.newest(lambda step: checkpoints.read(step, template))
    checkpoints.close()


def _flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _take_newest(checkpoints, template):
    step, state = checkpoints.newest(
        lambda step: checkpoints.read(step, template), set_aside=True
    )
    assert step == int(state.step)
    return step


def test_a_flipped_bit_of_any_file_is_seen_before_it_is_parsed(
    tmp_path, template, monkeypatch
):
    checkpoints = _fill(tmp_path, {1: 2.0, 2: 1.0})
    read = checkpoints.read(2, template)
    np.testing.assert_array_equal(read.params["net"]["w"], np.full((3, 2), 2))
    monkeypatch.setattr(checkpoints._manager, "restore", pytest.fail)
    files = [path for path in (tmp_path / "2").rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        before = path.read_bytes()
        for at in range(0, len(before), max(1, len(before) // 15)):
            _flip(path, at)
            with pytest.raises(OSError, match=f"its file .*{path.name} differs from"):
                checkpoints.read(2, template)
            path.write_bytes(before)
    (tmp_path / "2" / "state" / "manifest.ocdbt").unlink()
    with pytest.raises(OSError, match=r"its file state/manifest\.ocdbt is missing"):
        checkpoints.read(2, template)
    monkeypatch.undo()
    assert _take_newest(checkpoints, template) == 1
    checkpoints.close()


def test_arrays_that_were_not_saved_are_seen_by_their_digests(tmp_path, template):
    """Also if a kill has left no digests of files. Orbax reads such arrays silently."""
    checkpoints = _fill(tmp_path, {1: 2.0, 2: 1.0})
    (tmp_path / "2" / "digests.json").unlink()
    np.testing.assert_array_equal(
        checkpoints.read(2, template).params["net"]["w"], np.full((3, 2), 2)
    )
    shutil.rmtree(tmp_path / "2" / "state")
    shutil.copytree(tmp_path / "1" / "state", tmp_path / "2" / "state")
    with pytest.raises(
        OSError, match=r"differs from what was saved, and so do \d others"
    ):
        checkpoints.read(2, template)
    checkpoints.close()


def test_changed_facts_and_a_renamed_folder_are_refused(tmp_path, template):
    checkpoints = _fill(tmp_path, {1: 2.0, 2: 1.0}, keep=3)
    checkpoints.close()
    facts = tmp_path / "2" / "facts" / "metadata"
    facts.write_text(facts.read_text().replace('"step": 2', '"step": 3'))
    checkpoints = Checkpoints(tmp_path, keep=3)
    with pytest.raises(OSError, match=r"checkpoint 2 in .*metadata differ from"):
        checkpoints.facts(2)
    assert checkpoints.best_step() == 1
    assert _take_newest(checkpoints, template) == 1
    checkpoints.close()
    (tmp_path / "1").rename(tmp_path / "9")
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(OSError, match=r"checkpoint 9 .* of step 1, renamed"):
        checkpoints.read(9, template)
    checkpoints.close()


def test_checkpoints_of_before_there_were_digests_are_read_with_a_line(
    tmp_path, template, caplog
):
    _fill(tmp_path, {1: 2.0, 2: 1.0}).close()
    for step, score in ((1, 0.5), (2, 1.0)):
        path = tmp_path / str(step) / "facts" / "metadata"
        facts = json.loads(path.read_text())
        del facts["checkpoint"], facts["seal"]
        (tmp_path / str(step) / "digests.json").unlink()
        path.write_text(json.dumps(facts))
        metrics = tmp_path / str(step) / "metrics" / "metrics"
        metrics.parent.mkdir()
        metrics.write_text(json.dumps({"score": score}))
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.best_step() == 1
    with caplog.at_level(logging.INFO):
        assert _take_newest(checkpoints, template) == 2
    assert "checkpoint 2 has no digests" in caplog.text
    checkpoints.close()
    (tmp_path / "1" / "metrics" / "metrics").write_text("{'score")
    (tmp_path / "2").rename(tmp_path / "5")
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.best_step() is None or checkpoints.best_step() == 5
    assert _take_newest(checkpoints, template) == 1
    checkpoints.close()


def test_a_seal_is_that_of_the_facts_as_they_are_read():
    """JSON turns keys that are numbers into strings, and "10" sorts before "2"."""
    facts = sealed({"diverged": {2: 5, 10: 7}, "shape": (3, 4)})
    read = json.loads(json.dumps(facts))
    assert is_sealed(read)
    read["diverged"]["10"] = 8
    assert not is_sealed(read)
