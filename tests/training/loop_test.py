"""What a run logs, keeps and holds in memory; what it refuses before it starts."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import program


def test_a_run_to_begin_from_needs_the_networks_to_take(make_config, trained, tmp_path):
    config = make_config("beta_vae", steps=2)
    config.init_from.workdir = str(trained[0])
    with pytest.raises(
        ValueError, match=r"init_from\.networks is \(\); expected the net"
    ):
        training.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_holds_its_state_once(make_config, tmp_path):
    held = lambda: sum(array.nbytes for array in jax.live_arrays())
    config = make_config("beta_vae", steps=6, checkpoint_every=6)
    config.network = training.load_config("beta_vae:mnist,mlp").network
    before, during = held(), []
    state = training.train(
        config, tmp_path, log=lambda *_: during.append(held() - before)
    )
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    assert size > 2**20  # more than the images
    assert len(during) == 3
    assert max(during) < 1.2 * size


def test_log_lines_are_means_over_their_window(make_config, tmp_path):
    config = make_config("beta_vae", steps=4, log_every=4)
    training.train(config, tmp_path / "coarse")
    config.log_every = 1
    config.steps_per_call = 1
    training.train(config, tmp_path / "fine")
    (coarse,) = training.read_metrics(tmp_path / "coarse")
    fine = [line["loss"] for line in training.read_metrics(tmp_path / "fine")]
    assert len(fine) == 4
    np.testing.assert_allclose(coarse["loss"], np.mean(fine), rtol=1e-5)


def test_the_best_is_measured_by_a_term_that_exists(make_config, tmp_path):
    config = make_config("vae", steps=4, best_metric="los")
    with pytest.raises(ValueError, match=r"best_metric is 'los'; .*loss.*kl"):
        training.train(config, tmp_path)
    assert not [*tmp_path.iterdir()]  # else the corrected command would be refused


def test_a_run_whose_terms_name_no_best_keeps_the_last_ones(make_config, tmp_path):
    config = make_config("beta_vae", steps=8, keep_checkpoints=1, best_metric="")
    state = training.train(config, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["8"]
    chex.assert_trees_all_equal(state, training.restore(tmp_path)[1])
    with pytest.raises(ValueError, match="keeps no best checkpoint"):
        training.restore(tmp_path, best=True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"mesh": (1, -1), "batch_size": 12}, "batch_size is 12, which 8 devices"),
        (
            {"mesh": (2, -1), "population.seed": (0, 1, 2)},
            "the number of members is 3, which 2 devices",
        ),
        ({"keep_checkpoints": 0}, "keep_checkpoints is 0; expected an integer"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_and_leave_nothing_behind(
    overrides, message, make_config, tmp_path, monkeypatch
):
    side_by_side = program.BACKENDS["cpu"]._replace(unroll=False, vectorise=True)
    monkeypatch.setitem(program.BACKENDS, "cpu", side_by_side)
    config = make_config("vae", steps=4, **overrides)
    with pytest.raises(ValueError, match=message):
        training.train(config, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_bfloat16_trains_with_float32_parameters(
    trained, make_config, traced_step, tmp_path
):
    config = make_config("factor_vae", precision="bfloat16")
    shapes, _, _ = traced_step(config)
    assert {x.dtype for x in jax.tree.leaves(shapes.params)} == {jnp.dtype("float32")}
    config = make_config("beta_vae", steps=4, precision="bfloat16")
    state = training.train(config, tmp_path)
    assert {x.dtype for x in jax.tree.leaves(state.params)} == {jnp.dtype("float32")}
    single = trained[1]
    difference = np.abs(
        state.params["encoder"]["mean"]["kernel"]
        - single.params["encoder"]["mean"]["kernel"]
    ).max()
    assert 0 < difference < 0.01
