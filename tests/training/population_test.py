"""Lists of seeds and hyperparameters become members."""

import jax
import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import loop, population, program


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


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A full grid of small images: rendered dSprites take longer to compile."""
    factors = np.indices((3, 4, 4)).reshape(3, -1)
    images = np.random.default_rng(0).integers(0, 256, (48, 8, 8)).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    np.savez(
        path, images=images, **dict(zip(("shape", "x", "y"), factors, strict=True))
    )
    return str(path)


def run_steps(config, **options):
    """The state after two steps of a run's program."""
    run = loop.set_up(config)
    many = run.population is not None
    parts = run.method, run.sampler, run.image_set
    start = program.init(*parts, run.members, population=many)
    compiled = program.compile_program(
        *parts, run.mesh, population=run.population, **options
    )
    carry, _ = compiled.run(compiled.load(start), 2)
    return compiled.dump(carry)


def test_members_with_subsets_of_their_own_train_as_they_would_alone(
    tiny_config, shapes
):
    counts = ((5, 3, 0), (0, 1, 9))
    config = tiny_config("vae", dataset=shapes)
    config.sampler = {"class_factor": "shape"}
    with config.unlocked():
        config.population.class_counts = counts
    together = run_steps(config, unroll=False)
    for i, own in enumerate(counts):
        config = tiny_config("vae", dataset=shapes)
        config.sampler = {"class_factor": "shape", "class_counts": own}
        alone = run_steps(config, unroll=False)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            training.member(together, i).params,
            alone.params,
        )


WIDTHS = tuple(f"rendered_dsprites+correlated(pos_x,pos_y,{w})" for w in (0.05, 0.5))


def test_widths_of_a_correlation_train_in_one_program_as_they_would_alone(
    tiny_config, shapes
):
    """Uses pairs, whose second images are drawn given the first."""
    widths = tuple(f"{shapes}+correlated(x,y,{width})" for width in (0.05, 0.5))
    config = tiny_config("ada_gvae")
    with config.unlocked():
        config.population.dataset = widths
    together = run_steps(config, vectorise=True, unroll=False)
    moved = []
    for i, dataset in enumerate(widths):
        config = tiny_config("ada_gvae", dataset=dataset)
        alone = run_steps(config, unroll=False)
        member = training.member(together, i)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            member.params,
            alone.params,
        )
        moved.append(np.concatenate([p.ravel() for p in jax.tree.leaves(alone.params)]))
    assert abs(moved[0] - moved[1]).max() > 1e-3  # they see different images


def test_a_member_s_config_has_its_data(tiny_config):
    config = tiny_config("vae")
    config.sampler = {"class_factor": "shape"}
    with config.unlocked():
        config.population.dataset = WIDTHS
        config.population.class_counts = ((5, 3, 0),)
    assert [m.dataset for m in training.members(config)] == list(WIDTHS)
    population.set_member(config, 1)
    assert config.dataset == WIDTHS[1]
    assert config.sampler["class_counts"] == (5, 3, 0)


def test_an_exported_member_is_restored_with_its_data(tiny_config, shapes, tmp_path):
    widths = tuple(f"{shapes}+correlated(x,y,{width})" for width in (0.05, 0.5))
    config = tiny_config("vae", dataset=widths[0], steps=1, tensorboard=False)
    with config.unlocked():
        config.population.dataset = widths
    training.train(config, tmp_path / "run")
    training.export(tmp_path / "run", tmp_path / "one", member=1)
    _, _, found = training.restore(tmp_path / "one")
    assert found.dataset == widths[1]
    _, _, found = training.restore(tmp_path / "run", member=1)
    assert found.dataset == widths[1]
    training.export(tmp_path / "run", tmp_path / "one", member=1)  # of the same model
    with pytest.raises(FileExistsError, match=r"another model \(other dataset\)"):
        training.export(tmp_path / "run", tmp_path / "one", member=0)


def test_sets_that_differ_in_more_than_weights_are_refused(tiny_config):
    config = tiny_config("vae")
    for other in ("rendered_dsprites", WIDTHS[0].replace("pos_x", "scale")):
        with config.unlocked():
            config.population.dataset = (WIDTHS[0], other)
        with pytest.raises(ValueError, match="cannot be drawn from by one program"):
            loop.set_up(config)
