"""Lists of seeds and hyperparameters become members."""

import jax
import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import loop


def test_members_are_the_product_of_the_lists(tiny_config):
    config = tiny_config("beta_vae", **{"hparams.beta": 4.0})
    assert not training.is_population(config)
    (single,) = training.members(config)
    assert (single.seed, single.hparams["beta"]) == (0, 4.0)

    config.population.seed = (3, 5)
    config.population.beta = (1.0, 2.0, 8.0)
    assert training.is_population(config)
    found = [(m.seed, m.hparams["beta"]) for m in training.members(config)]
    assert found == [(3, 1.0), (3, 2.0), (3, 8.0), (5, 1.0), (5, 2.0), (5, 8.0)]
    assert {m.hparams["learning_rate"] for m in training.members(config)} == {3e-3}


def test_a_list_of_something_else_is_refused_with_the_nearest_name(tiny_config):
    config = tiny_config("beta_vae")
    with config.unlocked():
        config.population.bata = (1.0,)
    with pytest.raises(ValueError, match=r"population\.bata .* did you mean 'beta'"):
        training.members(config)


def test_members_may_draw_from_uneven_subsets_of_their_own(tiny_config):
    config = tiny_config("vae")
    config.sampler = {"class_factor": "shape"}
    counts = ((5, 3, 0), (0, 1, 9))
    with config.unlocked():
        config.population.class_counts = counts
    config.population.seed = (0, 1)
    found = [(m.seed, m.sampler["class_counts"]) for m in training.members(config)]
    assert found == [(seed, count) for seed in (0, 1) for count in counts]

    run = loop.set_up(config)
    assert run.population == 4
    np.testing.assert_array_equal(run.sampler.args["size"], [8, 10, 8, 10])
    for i, shapes in enumerate([{0, 1}, {1, 2}]):
        args = training.member(run.sampler.args, i)
        planned = run.sampler.plan(run.image_set, jax.random.key(3), 0, args)
        assert set(planned["factors"][:, 0].tolist()) == shapes


def test_members_with_subsets_of_their_own_train_as_they_would_alone(
    tiny_config, tmp_path
):
    counts = ((5, 3, 0), (0, 1, 9))
    config = tiny_config("vae", steps=3, checkpoint_every=3)
    config.sampler = {"class_factor": "shape"}
    with config.unlocked():
        config.population.class_counts = counts
    together = training.train(config, tmp_path / "together")
    for i, own in enumerate(counts):
        config = tiny_config("vae", steps=3, checkpoint_every=3)
        config.sampler = {"class_factor": "shape", "class_counts": own}
        alone = training.train(config, tmp_path / f"alone{i}")
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            training.member(together, i).params,
            alone.params,
        )
