"""A workdir belongs to one config, and its model can be restored."""

import pathlib
import shutil
import subprocess
import sys

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import workdir
from tests.trees import same

OPTIONS = {
    "image_shape": (8, 8, 1),
    **{"steps": 6, "log_every": 2, "checkpoint_every": 2, "keep_checkpoints": 2},
}


@pytest.fixture
def config(tiny_config, small_images):
    return tiny_config("beta_vae", dataset=small_images, **OPTIONS)


@pytest.fixture(scope="module")
def trained(tiny_config, small_images, tmp_path_factory):
    """The workdir of a run, which tests only read, and its state."""
    folder = tmp_path_factory.mktemp("trained")
    config = tiny_config("beta_vae", dataset=small_images, **OPTIONS)
    return folder, training.train(config, folder)


def test_differences_are_dotted_names():
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 0}
    new = {"a": 1, "b": {"c": 5, "d": 3}, "new": [1]}
    assert workdir.differences(old, new) == {
        "b.c": (2, 5),
        "gone": (0, "(absent)"),
        "new": ("(absent)", [1]),
    }


def test_another_config_is_refused_and_the_fields_are_shown(config, tmp_path):
    workdir.write_config(tmp_path, config)
    (tmp_path / "checkpoints" / "2").mkdir(parents=True)
    config.hparams.beta = 7.0
    config.batch_size = 8
    with pytest.raises(ValueError, match="--accept_changes") as error:
        workdir.check_config(tmp_path, config)
    assert "batch_size: 16 -> 8" in str(error.value)
    assert "hparams.beta: 4.0 -> 7.0" in str(error.value)
    workdir.check_config(tmp_path, config, accept_changes=True)


@pytest.mark.parametrize(
    "changed",
    [{"seed": 1}, {"population.seed": (0, 1)}, {"init_from.workdir": "runs/a"}],
)
def test_what_only_a_first_step_reads_stays_as_it_was(changed, config, tmp_path):
    if "population.seed" in changed:
        config.population.seed = (0, 2)
    workdir.write_config(tmp_path, config)
    config.update_from_flattened_dict(changed)
    workdir.check_config(tmp_path, config)  # there is no first step yet
    (tmp_path / "checkpoints" / "2").mkdir(parents=True)
    config.hparams.beta = 7.0
    (name,) = changed
    with pytest.raises(ValueError, match=f"{name}: no effect after the first step"):
        workdir.check_config(tmp_path, config, accept_changes=True)


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        (
            (),
            (0, 1),
            "contains a single model and the config describes a population of 2",
        ),
        ((0,), (0, 1), "a population of 1 and the config describes a population of 2"),
        ((0, 1), (), "a population of 2 and the config describes a single model"),
    ],
)
def test_no_model_joins_a_run_or_leaves_it(first, then, said, config, tmp_path):
    config.population.seed = first
    workdir.write_config(tmp_path, config)
    config.population.seed = then
    workdir.check_config(tmp_path, config)  # there is no first step yet
    (tmp_path / "checkpoints" / "2").mkdir(parents=True)
    with pytest.raises(ValueError, match=said) as error:
        workdir.check_config(tmp_path, config, accept_changes=True)
    assert "population.seed" in str(error.value)
    assert "no effect" not in str(error.value)


def test_length_and_logging_may_change(config, tmp_path):
    workdir.write_config(tmp_path, config)
    config.steps = 100
    config.log_every = 50
    workdir.check_config(tmp_path, config)


def test_a_config_survives_the_file_exactly(config, tmp_path):
    workdir.write_config(tmp_path, config)
    found = training.read_config(tmp_path)
    assert found.hparams.clip_norm == float("inf")
    assert training.members(found) == training.members(config)


def test_a_model_comes_back_from_its_workdir_alone(trained):
    folder, state = trained
    method, restored, found = training.restore(folder)
    chex.assert_trees_all_equal(state, restored)
    assert found.method == "beta_vae"
    assert tuple(found.image_shape) == (8, 8, 1)
    image = np.random.default_rng(1).random((3, 8, 8, 1), np.float32)
    encode = jax.jit(training.make_method(found).encode)
    codes = jax.jit(method.encode)(restored, {"image": image})["z"]
    np.testing.assert_array_equal(codes, encode(state, {"image": image})["z"])


def test_members_of_a_population_come_back_one_by_one(config, tmp_path):
    config.population.seed = (4, 9)
    state = training.train(config, tmp_path)
    first, second = (training.member(state, i) for i in range(2))
    assert not same(first.params, second.params)
    for i in range(2):
        _, restored, _ = training.restore(tmp_path, member=i)
        chex.assert_trees_all_equal(training.member(state, i), restored)
    _, stacked, _ = training.restore(tmp_path)
    chex.assert_trees_all_equal(state, stacked)
    with pytest.raises(ValueError, match=r"member is 2, but .* contains 2 members"):
        training.restore(tmp_path, member=2)
    # seed 9 alone is the second member
    config.population.seed = ()
    config.seed = 9
    alone = training.train(config, tmp_path / "alone")
    np.testing.assert_array_equal(
        state.params["encoder"]["mean"]["kernel"][1],
        alone.params["encoder"]["mean"]["kernel"],
    )


def test_the_best_checkpoint_is_that_of_the_smallest_mean_of_members(config, tmp_path):
    config.population.learning_rate = (0.0,)
    config.population.seed = (2, 3)
    config.update(steps=24, checkpoint_every=4, batch_size=2)
    training.train(config, tmp_path)
    lines = training.read_metrics(tmp_path)
    losses = np.array([line["loss"] for line in lines]).mean(1).reshape(6, 2).mean(1)
    best = int(losses.argmin())
    # unlike the best mean over all steps so far, and the last steps
    assert best not in ((np.cumsum(losses) / np.arange(1, 7)).argmin(), 4, 5)
    assert lines[2 * best + 1]["step"] == 4 * (best + 1)
    _, state, _ = training.restore(tmp_path, member=1, best=True)
    assert int(state.step) == 4 * (best + 1)


def test_a_command_asks_for_a_download_of_a_model_of_the_hub():
    with pytest.raises(FileNotFoundError, match="hf download OWNER/NAME"):
        training.read_config(pathlib.Path("hf://owner/name"))


def test_an_empty_folder_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not the workdir of a run"):
        training.restore(tmp_path)


def test_a_run_without_checkpoint_says_when_one_is_written(config, tmp_path):
    workdir.write_config(tmp_path, config)
    with pytest.raises(FileNotFoundError, match="first is written after 2 steps"):
        training.restore(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b'{"method": "vae", "st', "cannot be read"),
        (b"[1, 2]", "contains a list"),
        ('{"dataset": "\u00e9"}'.encode("latin-1"), "cannot be read"),
        (b"{}", "config has no method"),
        (b'{"method": 3}', "config has no dataset"),
    ],
)
def test_a_damaged_config_is_named_with_the_way_out(content, message, config, tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        training.read_config(tmp_path)
    assert str(path) in str(error.value)
    assert "delete it and run the training command again" in str(error.value)
    (tmp_path / "model.safetensors").touch()  # no training command writes this folder
    with pytest.raises(ValueError, match=message) as error:
        training.read_config(tmp_path)
    assert str(error.value).endswith("If it is damaged, export the model again.")


def test_the_config_of_another_run_is_refused(config, trained, tmp_path):
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    config.dataset += "+coloured"
    workdir.write_config(tmp_path, config)
    with pytest.raises(ValueError, match="does not match the checkpoints") as error:
        training.restore(tmp_path)
    assert "images.npz+coloured'" in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"), [("network.activation", "tanh"), ("likelihood", "gaussian")]
)
def test_weights_of_another_network_or_likelihood_are_refused(
    field, value, config, trained, tmp_path
):
    training.export(trained[0], tmp_path / "exported")
    shutil.copytree(trained[0], tmp_path / "run")
    for folder in (tmp_path / "run", tmp_path / "exported"):
        training.restore(folder)
        config = training.read_config(folder)
        config.network.init = "kaiming"  # only the first step used it
        config.update_from_flattened_dict({field: value})
        workdir.write_config(folder, config)
        with pytest.raises(ValueError, match=rf"{field}: .* -> '{value}'"):
            training.restore(folder)


def test_unknown_methods_are_answered_with_the_nearest(config):
    config.method = "betavae"
    with pytest.raises(ValueError, match="did you mean 'beta_vae'"):
        training.make_method(config)


def test_graft_takes_the_named_networks_and_nothing_else(config, tmp_path):
    method = training.make_method(config)
    batch, init = {"image": jnp.zeros((2, 8, 8, 1))}, jax.jit(method.init)
    a, b = (init(jax.random.key(i), batch) for i in range(2))
    grafted = training.graft(a, b, ("encoder",))
    chex.assert_trees_all_equal(grafted.params["encoder"], b.params["encoder"])
    chex.assert_trees_all_equal(grafted._replace(params=a.params), a)
    chex.assert_trees_all_equal(grafted.params["decoder"], a.params["decoder"])
    with pytest.raises(ValueError, match="cannot copy network 'critic'"):
        training.graft(a, b, ("critic",))
    moved, _ = jax.jit(method.update)(b, batch)
    grafted = training.graft(a, moved, (), optimisers=("vae",))
    chex.assert_trees_all_equal(grafted.opt_state, moved.opt_state)
    chex.assert_trees_all_equal(grafted._replace(opt_state=a.opt_state), a)
    with pytest.raises(ValueError, match="cannot copy optimiser 'critic'"):
        training.graft(a, b, (), optimisers=("critic",))
    config.network.latent = 5
    other = jax.jit(training.make_method(config).init)(jax.random.key(0), batch)
    with pytest.raises(ValueError, match="'encoder' differs in shape"):
        training.graft(a, other, ("encoder",))
    with pytest.raises(ValueError, match="cannot copy optimiser 'vae'"):
        training.graft(a, other, (), optimisers=("vae",))


def test_init_from_starts_with_the_networks_of_another_run(config, trained, tmp_path):
    folder, source = trained
    config.init_from.workdir = str(folder)
    config.init_from.networks = ("decoder",)
    config.hparams.learning_rate = 0.0
    state = training.train(config, tmp_path / "target")
    chex.assert_trees_all_equal(state.params["decoder"], source.params["decoder"])
    assert not same(state.params["encoder"], source.params["encoder"])
    assert not same(state.opt_state, source.opt_state)
    config.steps, config.init_from.networks = 0, ("encoder", "decoder")
    with config.unlocked():
        config.init_from.optimisers = ("vae",)
    state = training.train(config, tmp_path / "same")
    chex.assert_trees_all_equal(
        (state.params, state.opt_state), (source.params, source.opt_state)
    )


def test_a_folder_is_held_by_one_and_let_go_of_at_a_kill(tmp_path):
    lock = tmp_path / "run" / ".lock"
    busy = pytest.raises(workdir.BusyError, match=str(lock.parent))
    with workdir.held(lock), busy, workdir.held(lock):
        pass
    code = f"""
import sys, time
from dis_jax.training import workdir
with workdir.held({str(lock)!r}):
    print("held", flush=True)
    time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(workdir.BusyError), workdir.held(lock):
            pass
        other.kill()
    with workdir.held(lock):
        pass


@pytest.mark.parametrize(
    ("steps", "reason"), [(0, "its config.steps is 0"), (7, "written after 7 steps")]
)
def test_a_run_without_a_checkpoint_says_why(tiny_config, tmp_path, steps, reason):
    config = tiny_config("vae")
    config.steps = steps
    workdir.write_config(tmp_path, config)
    with pytest.raises(FileNotFoundError, match=f"has no checkpoint yet; .*{reason}"):
        training.restore(tmp_path)
