"""The properties of every method. A new entry of METHODS is tested here."""

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import compiler, data, methods, networks, training
from dis_jax.methods import METHODS, autoencoder, point
from dis_jax.training import feed
from dis_jax.training import program as programs

# networks that come from another run and stay frozen
FROZEN = {"edim": ("shared_x", "shared_y")}
# a head of the VAE encoder that a code without variance does not use
UNUSED = {"qlae": "logvar", "tripod": "logvar"}
NO_NOISE = ("qlae",)  # a step draws nothing
# networks that normalise over the batch before each rectifier
NORMALISED = ("edim", "infogan", "sdim")
# What must fall where the loss need not. InfoGAN is adversarial, but the information about
# three categories that Q lacks falls. In SDIM, the codes of two views approach each other
# before such small networks distinguish images. In QLAE, codes move far from the codebook
# before it follows.
FALLS = {
    "infogan": lambda metrics: np.log(3) - metrics.information,
    "sdim": lambda metrics: metrics.distance,
    "qlae": lambda metrics: metrics.reconstruction,
}
# VAEs with the same state tree: each can continue from another
FAMILY = (
    "ada_gvae",
    "ada_ml_vae",
    "annealed_vae",
    "beta_tcvae",
    "beta_vae",
    "dip_vae_i",
    "dip_vae_ii",
    "gaussian_tc",
    "group_vae",
    "hfs",
    "joint_vae",
    "ml_vae",
    "slow_vae",
    "tripod",
)
# The compiler splits a step over devices and runs members in parallel, for every method.
# These methods have operations that it may get wrong: shuffles, groups, and convolutions
# with batch statistics.
ONE_OF_A_KIND = ("factor_vae", "ml_vae", "sdim")
# The function that updates averages gradients over replicas, and most methods only pass it
# a loss: one method for each such function.
UPDATES = ("factor_vae", "gaussian_tc", "infogan", "sdim", "vae")
STEPS = {"edim": 100}  # not 50, after which its estimates are still near 0


def config_of(name, tiny_config):
    """A config with small images: gradients of convolutions are slow loops without LLVM."""
    return tiny_config(name, image_shape=(16, 16, 1))


@functools.cache  # its functions are part of compiled programs
def sprites():
    """2,880 images of dSprites as arrays: no step renders its batch."""
    rendered = data.load("rendered_dsprites+resized16")
    shapes = np.indices((3, 3, 5, 8, 8)).reshape(5, -1).T
    places = data.index_of_factors(shapes * (1, 2, 8, 4, 4), rendered.sizes)
    images, _ = rendered.take(places)
    return data.from_arrays(
        *(np.round(255 * images).astype(np.uint8), shapes),
        name="sprites",
        factor_names=rendered.factor_names,
    )


def sampler_of(config):
    method = training.make_method(config)
    return data.SAMPLERS[method.batch](sprites(), config.batch_size, **config.sampler)


@functools.cache
def drawer(batch, batch_size, **options):
    """`drawer(...)(key, i)`: the batch of step i, by a program that methods share."""
    images = sprites()
    sampler = data.SAMPLERS[batch](images, batch_size, **options)
    return jax.jit(lambda key, i: sampler.sample(images, key, i, sampler.args))


class Step(NamedTuple):
    """A step compiled as its own program."""

    method: methods.Method
    state: methods.State  # the first
    update: Any
    draw: Any  # state -> the batch of its next step, as in a run

    def run(self, state, steps):
        """The state after `steps` steps, and their metrics."""
        made = []
        for _ in range(steps):
            state, metrics = self.update(state, self.draw(state))
            made.append(metrics)
        return state, jax.tree.map(lambda *m: np.array(m), *made)


@pytest.fixture(autouse=True, scope="module")
def _one_rounding():
    """Uses the default library for convolutions, which rounds each image independently.

    Eigen's rounding depends on the size of the batch. Over a blank background, at the kink
    of a rectifier, this flips the gradient of a whole area: see compiler_test.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "options", lambda *_: {})
        yield


@pytest.fixture(scope="module", params=sorted(METHODS))
def name(request, let_go_of_programs):
    """A method; all its tests run one after another, and then its programs are freed."""
    yield request.param
    let_go_of_programs()


@pytest.fixture(scope="module")
def step(name, tiny_config, first_state):
    """A step, traced and compiled once for all tests of a method."""
    config = config_of(name, tiny_config)
    method = training.make_method(config)
    by_key = drawer(method.batch, config.batch_size, **config.sampler)
    draw = lambda state: by_key(feed.data_key(state), state.step)
    batch = by_key(jax.random.key(1), jnp.int32(0))
    if name in NORMALISED:  # whose initial weights take longest to compile
        state = first_state(method, batch)
    else:
        state = jax.jit(method.init)(jax.random.key(0), batch)
    return Step(method, state, jax.jit(method.update), draw)


@pytest.fixture(scope="module")
def parts(name, tiny_config):
    """Method, initial state and compiled program; made once for the same arguments."""
    config = config_of(name, tiny_config)
    images = sprites()
    method = training.make_method(config)  # one, so that `init` is traced once

    @functools.cache
    def make(mesh=(1, 1), unroll=False, **options):
        sampler = sampler_of(config)
        population = options.get("population")
        if population is not None:
            sampler = sampler._replace(args=training.stack([sampler.args] * population))
        devices = jax.devices()[: mesh[0] * mesh[1]]
        compiled = training.compile_program(
            *(method, sampler, images, training.make_mesh(*mesh, devices)),
            unroll=unroll,
            **options,
        )
        members = [training.Member(i, config.hparams) for i in range(population or 1)]
        state = programs.init(
            method, sampler, images, members, population=population is not None
        )
        return method, state, compiled

    return make


@pytest.fixture(scope="module")
def replica(step):
    """`replica(i, state, shard)`: a step with the key that replica i folds in."""
    plain = autoencoder.step_key

    @jax.jit
    def update(i, state, shard):
        key = lambda state, axis_name: jax.random.fold_in(plain(state, None), i)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(autoencoder, "step_key", key)
            return step.method.update(state, shard)

    return update


def _run(compiled, state, *counts):
    """Calls the program once for each count of steps; returns the state and metrics.

    By default, use one step per call: all tests share that program, and a convolution in a
    loop over steps is 20 times slower on a CPU.
    """
    carry, metrics = compiled.load(state), []
    for count in counts:
        carry, made = compiled.run(carry, count)
        metrics.append(made)
    metrics = jax.tree.map(lambda *m: np.concatenate(m), *metrics)
    return compiled.dump(carry), metrics


def _close(a, b, rtol, atol=1e-6):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=atol), a, b
    )


def test_training_lowers_the_loss_and_moves_every_network(name, step):
    steps = STEPS.get(name, 50)
    state, metrics = step.run(step.state, steps)
    assert int(state.step) == steps
    loss = FALLS.get(name, lambda metrics: metrics.loss)(metrics)
    assert loss[-5:].mean() < 0.9 * loss[:5].mean()
    assert all(np.isfinite(values).all() for values in metrics)
    for network, params in step.state.params.items():
        moved = jax.tree.map(
            lambda a, b: np.abs(a - b).max(), params, state.params[network]
        )
        moved.pop(UNUSED.get(name), None)
        frozen = network in FROZEN.get(name, ())
        assert all((m == 0) == frozen for m in jax.tree.leaves(moved)), network


def test_a_step_is_a_function_of_state_and_batch(name, step):
    state, batch = step.state, step.draw(step.state)
    first, second = (step.update(state, batch) for _ in range(2))
    chex.assert_trees_all_equal(first, second)
    later, _ = step.update(state._replace(step=state.step + 1), batch)
    same = jax.tree.map(np.array_equal, later.params, first[0].params)
    assert all(jax.tree.leaves(same)) == (name in NO_NOISE)


@pytest.mark.parametrize("name", ["vae"], indirect=True)
def test_compiled_equals_plain(name, step):
    batch = step.draw(step.state)
    compiled = step.update(step.state, batch)
    plain = step.method.update(step.state, batch)
    _close(compiled[1], plain[1], rtol=1e-4)
    _close(compiled[0].params, plain[0].params, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["vae"], indirect=True)
def test_steps_in_one_call_or_in_several_are_the_same(name, parts):
    _, state, looped = parts()
    together, metrics = _run(looped, state, 10)
    apart, metrics_apart = _run(looped, state, *[1] * 10)
    _close(together.params, apart.params, rtol=1e-5)
    _close(metrics, metrics_apart, rtol=1e-4)
    _, _, unrolled = parts(unroll=True)
    written_out, _ = _run(unrolled, state, *[2] * 5)
    _close(together.params, written_out.params, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ONE_OF_A_KIND, indirect=True)
def test_eight_devices_equal_one(name, parts, step):
    _, state, eight = parts(mesh=(1, 8))
    # Both steps start from the same state. From its own, the second step would amplify the
    # rounding of the first at the kinks of rectifiers.
    for _ in range(2):
        after_one, metrics_one = step.run(state, 1)
        after_eight, metrics_eight = _run(eight, state, 1)
        _close(metrics_one, metrics_eight, rtol=1e-4)
        _close(after_one.params, after_eight.params, rtol=1e-3, atol=1e-5)
        assert len(jax.tree.leaves(after_eight.params)[0].devices()) == 8
        state = after_one


@pytest.mark.parametrize("name", UPDATES, indirect=True)
def test_pmap_averages_the_gradients_of_the_shards(name, step, replica, tiny_config):
    config, state = config_of(name, tiny_config), step.state
    batch = jax.device_get(step.draw(state))
    if name == "infogan":  # its second half uses the averaged update of the first
        rates = {k: 0 * v for k, v in state.hparams.items() if k.endswith("rate")}
        state = state._replace(hparams=state.hparams | rates)
    shards = jax.tree.map(lambda a: a.reshape(4, 4, *a.shape[1:]), batch)

    replicated = training.make_method(config, axis_name="data")
    update = jax.pmap(replicated.update, axis_name="data", in_axes=(None, 0))
    states, metrics = update(state, shards)
    states = jax.device_get(states._replace(key=jax.random.key_data(states.key)))
    for leaf in jax.tree.leaves(states):
        np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))

    # the same shards one by one
    made = [
        replica(i, state, jax.tree.map(lambda a, i=i: a[i], shards)) for i in range(4)
    ]
    mean = jax.tree.map(lambda *a: np.mean(a, 0), *[(s.opt_state, m) for s, m in made])
    _close(training.member(jax.device_get(metrics), 0), mean[1], rtol=1e-4)
    # Adam's first moment after one step is (1 - b1) times the gradient
    for optimiser, found in states.opt_state.items():
        _close(
            training.member(found.mu, 0), mean[0][optimiser].mu, rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("name", ONE_OF_A_KIND, indirect=True)
def test_a_population_equals_its_members_alone(name, parts, step):
    # there rounding grows at the kinks of rectifiers, so one step is compared
    steps, atol = (1, 1e-3) if name in NORMALISED else (10, 1e-5)
    _, states, together = parts(population=4, vectorise=True)
    after, metrics = _run(together, states, *[1] * steps)
    params = jax.device_get(after.params)
    for i in range(4):
        alone, metrics_alone = step.run(training.member(states, i), steps)
        _close(training.member(params, i), alone.params, rtol=1e-4, atol=atol)
        _close(jax.tree.map(lambda m, i=i: m[:, i], metrics), metrics_alone, rtol=1e-3)
    assert not np.array_equal(metrics.loss[:, 0], metrics.loss[:, 1])


@pytest.mark.parametrize("name", ["vae"], indirect=True)
def test_a_population_spreads_over_devices_and_may_run_one_after_another(parts):
    _, states, spread = parts(mesh=(4, 2), population=4, vectorise=True)
    _, _, queue = parts(population=4, vectorise=False)
    after_spread, metrics_spread = _run(spread, states, 2)
    after_queue, metrics_queue = _run(queue, states, 2)
    _close(metrics_spread, metrics_queue, rtol=1e-4)
    _close(after_spread.params, after_queue.params, rtol=1e-3, atol=1e-5)
    assert len(jax.tree.leaves(after_spread.params)[0].devices()) == 8


def test_every_function_that_updates_has_its_pmap_test(tiny_config):
    def functions(names):
        made = [training.make_method(tiny_config(name)) for name in names]
        return {method.update.__code__ for method in made}

    assert functions(UPDATES) == functions(METHODS)


def test_a_step_lowers_for_accelerators(step):
    traced = step.update.trace(step.state, step.draw(step.state))
    # raises for operations that a platform lacks, and for callbacks to the host
    assert traced.lower(lowering_platforms=("tpu", "cuda")).as_text()


@pytest.mark.parametrize("form", networks.FORMS)
def test_convolutions_lower_for_accelerators(form, tiny_config):
    config = tiny_config("vae")
    config.network = {"name": "conv", "latent": 3, "hidden": 8, "form": form}
    method = training.make_method(config)
    batch = {"image": jax.ShapeDtypeStruct((16, *config.image_shape), np.float32)}
    state = jax.eval_shape(method.init, jax.random.key(0), batch)
    traced = jax.jit(method.update).trace(state, batch)
    assert traced.lower(lowering_platforms=("tpu", "cuda")).as_text()


def test_codes_go_out_and_images_come_back(name, step, tiny_config):
    method, state, *_ = step
    images, _ = sprites().take(jnp.arange(5))
    codes = method.encode(state, {"image": images})
    assert method.code in codes
    with pytest.raises(ValueError, match="`images` are uint8; expected floats"):
        method.encode(state, {"image": jnp.uint8(255 * images)})
    for code in codes.values():
        assert point(code).shape == (5, point(code).shape[1])
        assert np.isfinite(point(code)).all()
    if method.decode is None:
        return
    decoded = method.decode(state, {k: point(code) for k, code in codes.items()})
    assert decoded.shape == images.shape
    assert 0 <= decoded.min() <= decoded.max() <= 1
    np.testing.assert_array_equal(method.decode(state, codes), decoded)
    for wrong in (codes[method.code], point(codes[method.code]), {"y": 0}):
        with pytest.raises(ValueError, match=r"expected a dict \{'.*': \.\.\.\}"):
            method.decode(state, wrong)
    with pytest.raises(ValueError, match=r"has the shape \(.*expected \(batch, latent"):
        method.decode(state, {k: point(code)[0] for k, code in codes.items()})


def test_the_family_shares_one_state_tree(tiny_config):
    def trees(name):
        config = tiny_config(name)
        method, sampler = training.make_method(config), sampler_of(config)
        batch = programs.batch_shapes(sampler, sprites())
        state = jax.eval_shape(method.init, jax.random.key(0), batch)
        return jax.tree.structure((state.params, state.opt_state))

    vae = trees("vae")
    for name in FAMILY:
        assert trees(name) == vae, name


@pytest.mark.parametrize("name", ["factor_vae", "infogan", "qlae"])
def test_a_step_keeps_its_types_where_jax_computes_in_64_bits(
    name, tiny_config, traced_step
):
    with jax.enable_x64(True):
        state, _, _ = traced_step(tiny_config(name))
    floats = [
        x.dtype for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)
    ]
    assert {*floats} == {jnp.dtype("float32")}
