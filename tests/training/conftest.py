"""Fixtures of the tests of training: short runs on images of 8x8 pixels."""

import shutil

import pytest

from dis_jax import training


@pytest.fixture(scope="session")
def make_config(tiny_config, small_images):
    values = {"log_every": 2, "checkpoint_every": 4, "steps_per_call": 2}
    values |= {"dataset": small_images, "image_shape": (8, 8, 1)}
    return lambda method, **overrides: tiny_config(method, **values | overrides)


@pytest.fixture(scope="session")
def trained(make_config, tmp_path_factory):
    """The workdir of a run of four steps, two checkpoints, and its state."""
    folder = tmp_path_factory.mktemp("trained")
    config = make_config("beta_vae", steps=4, checkpoint_every=2)
    return folder, training.train(config, folder)


@pytest.fixture
def begun(trained, tmp_path):
    """A copy of that workdir, the config in it, and the state."""
    folder = shutil.copytree(trained[0], tmp_path / "begun")
    return folder, training.read_config(folder), trained[1]


@pytest.fixture(scope="session")
def stopped_at():
    """`stopped_at(step, folder, last)`: a copy of a run's folder as a kill leaves it.

    The kill comes after the checkpoint of `step` and before that of `last`.
    """

    def copy_of(step, folder, last):
        copy = shutil.copytree(folder, folder.with_name("stopped"))
        assert (copy / "checkpoints" / str(step)).is_dir()
        shutil.rmtree(copy / "checkpoints" / str(last))
        return copy

    return copy_of
