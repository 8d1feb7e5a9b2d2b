"""A run is the same whether its images are on the device or streamed to it."""

import importlib.util
import pathlib
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, training
from dis_jax.methods import Method, State
from dis_jax.methods.autoencoder import step_key
from dis_jax.training import feed, program

pytest.importorskip("grain")
_path = pathlib.Path(__file__).parents[1] / "data" / "official_files.py"
_spec = importlib.util.spec_from_file_location("official_files", _path)
official_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(official_files)


def test_no_batch_is_drawn_with_the_key_of_a_step():
    """Otherwise, the pixels of a batch and the noise of its codes would be dependent."""
    start = State(0, jax.random.key(0), {}, {}, {}, {})
    of_steps = [step_key(start._replace(step=i), None) for i in range(9)]
    of_batches = [jax.random.fold_in(feed.data_key(start), i) for i in range(9)]
    drawn = {tuple(jax.random.key_data(k).tolist()) for k in of_steps + of_batches}
    assert len(drawn) == 18


@pytest.fixture
def folder(tmp_path):
    """A folder with the published files of MNIST, of 40 images."""
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    official_files.write_mnist(tmp_path / "data" / "mnist", counts=(30, 10))
    return tmp_path / "data"


class Loss(NamedTuple):
    """The metrics of `memory`."""

    loss: jax.Array


@pytest.fixture
def memory():
    """A method that accumulates its batches by row; a model would take long to compile."""

    def init(key, batch):
        params = {"seen": jnp.zeros_like(batch["image"])}
        return State(jnp.int32(0), key, params, {}, {}, {})

    def update(state, batch):
        seen = 0.5 * state.params["seen"] + batch["image"]
        state = state._replace(step=state.step + 1, params={"seen": seen})
        return state, Loss(batch["image"].mean())

    return Method("images", init, update, None, None, code="z")


@pytest.mark.parametrize(
    ("population", "vectorise", "unroll", "mesh"),
    [
        (None, False, False, (1, 8)),
        (2, False, True, (1, 1)),
        (2, True, False, (2, 4)),
    ],
)
def test_streamed_steps_are_those_on_the_device(
    population, vectorise, unroll, mesh, memory, folder
):
    members = [training.Member(i, {}) for i in range(population or 1)]
    ends = []
    for resident in (True, False):
        image_set = data.load("mnist", folder, resident=resident)
        sampler = data.images(image_set, 16, order="epoch")
        if population:
            sampler = sampler._replace(args=training.stack([sampler.args] * population))
        compiled = training.compile_program(
            *(memory, sampler, image_set, training.make_mesh(*mesh)),
            population=population,
            vectorise=vectorise,
            unroll=unroll,
        )
        start = program.init(
            memory, sampler, image_set, members, population=population is not None
        )
        carry = compiled.load(start)
        for count in (2, 2):
            carry, metrics = compiled.run(carry, count)
        shape = (2, population) if population else (2,)
        assert np.shape(metrics.loss) == shape
        ends.append((compiled.dump(carry), metrics))
    keyless = [state._replace(key=jax.random.key_data(state.key)) for state, _ in ends]
    chex.assert_trees_all_close(*keyless, rtol=1e-5, atol=1e-6)
    seen = ends[0][0].params["seen"]
    assert (np.ptp(seen, axis=(-4, -3, -2)) > 0.5).all()  # rows of different images
    np.testing.assert_allclose(ends[0][1].loss, ends[1][1].loss, rtol=1e-5)


@pytest.mark.slow
def test_resumed_stream_equals_unbroken_bit_for_bit(
    tiny_config, folder, tmp_path, rounds_alike
):
    """Two members, each with its own stream."""
    values = {"log_every": 2, "checkpoint_every": 4, "steps_per_call": 2, "steps": 6}
    config = tiny_config(
        "beta_vae", dataset="mnist", **values | {"population.seed": (0, 1)}
    )
    with config.unlocked():
        config.sampler.order = "epoch"
    options = {"data_dir": folder, "resident": False}
    unbroken = training.train(config, tmp_path / "unbroken", **options)
    config.steps = 3  # in the middle of a call
    training.train(config, tmp_path / "broken", **options)
    config.steps = 6
    resumed = training.train(config, tmp_path / "broken", **options)
    chex.assert_trees_all_equal(unbroken, resumed)
