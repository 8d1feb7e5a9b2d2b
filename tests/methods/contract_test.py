"""`methods.check` accepts a good method, and names the rule that a bad one breaks."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from dis_jax import data, methods
from dis_jax.methods import autoencoder, contract, optimiser


class Metrics(NamedTuple):
    loss: jax.Array


def linear(config, axis_name=None, **changed):
    """A linear code of noisy images, decoded by the same weights."""

    def init(key, batch):
        weights = 0.1 * jax.random.normal(key, (batch["image"][0].size, 2))
        return methods.State(
            *(jnp.zeros((), jnp.int32), key, {"weights": weights}, {}, {}),
            hparams=optimiser.scalars(config.hparams),
        )

    def flat(image):
        return image.reshape(len(image), -1)

    def update(state, batch):
        key = autoencoder.step_key(state, axis_name)

        def loss(params):
            x = flat(batch["image"])
            noisy = x + state.hparams["noise"] * jax.random.normal(key, x.shape)
            out = noisy @ params["weights"] @ params["weights"].T
            return ((out - x) ** 2).mean()

        found = jax.value_and_grad(loss)(state.params)
        value, grads = optimiser.average(found, axis_name)
        params = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, grads)
        return state._replace(step=state.step + 1, params=params), Metrics(value)

    def encode(state, batch):
        return {"z": flat(batch["image"]) @ state.params["weights"]}

    def decode(state, codes):
        out = jax.nn.sigmoid(codes["z"] @ state.params["weights"].T)
        return out.reshape(-1, *config.image_shape)

    fields = {"init": init, "update": update, "encode": encode, "decode": decode}
    return methods.Method(**{"batch": "images", "code": "z", **fields, **changed})


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (12, 4, 4, 1)).astype(np.uint8)
    return data.from_arrays(
        pixels, np.arange(12)[:, None], name="tiny", factor_names=("i",), sizes=(12,)
    )


@pytest.fixture(scope="module")
def check(images):
    config = ml_collections.ConfigDict(
        {"batch_size": 8, "sampler": {}, "hparams": {"noise": 0.1}}
    )
    config.image_shape = images.image_shape
    return lambda make, *parts: methods.check(make, config, images, parts)


def test_a_good_method_passes_every_part(check):
    assert check(linear) == tuple(methods.CONTRACT)


def test_a_step_is_lowered_with_keys_of_another_size(check):
    with jax.default_prng_impl("rbg"):
        assert check(linear, "lowering") == ("lowering",)


def _update(change):
    """The linear method with another update."""

    def make(config, axis_name=None):
        method = linear(config, axis_name)
        return method._replace(
            update=lambda state, batch: change(method, state, batch, axis_name)
        )

    return make


CALLS = itertools.count()


def _impure(method, state, batch, axis_name):
    state, metrics = method.update(state, batch)
    noise = jax.pure_callback(lambda: np.float32(next(CALLS)), jnp.float32(0))
    params = {"weights": state.params["weights"] + noise}
    return state._replace(params=params), metrics


def _advances_the_key(method, state, batch, axis_name):
    state, metrics = method.update(state, batch)
    return state._replace(key=jax.random.split(state.key)[0]), metrics


def _forgets_the_step(method, state, batch, axis_name):
    after, metrics = method.update(state, batch)
    return after._replace(step=state.step), metrics


def _learns_nothing(method, state, batch, axis_name):
    after, metrics = method.update(state, batch)
    return after._replace(params=state.params), metrics


def _repeats_its_noise(method, state, batch, axis_name):
    after, metrics = method.update(state._replace(step=jnp.zeros((), jnp.int32)), batch)
    return after._replace(step=state.step + 1), metrics


def _grows(method, state, batch, axis_name):
    state, metrics = method.update(state, batch)
    return state._replace(stats={"mean": jnp.zeros(3)}), metrics


def _keeps_its_shard(method, state, batch, axis_name):
    return linear_alone(state, batch)


def linear_alone(state, batch):
    x = batch["image"].reshape(len(batch["image"]), -1)
    params = {"weights": state.params["weights"] + x.mean()}
    return state._replace(step=state.step + 1, params=params), Metrics(jnp.zeros(()))


def _reads_the_config(config, axis_name=None, form=float):
    method, own = linear(config, axis_name), form(config.hparams.noise)

    def update(state, batch):
        return method.update(state._replace(hparams={"noise": own}), batch)

    def kept(state, batch):
        after, metrics = update(state, batch)
        return after._replace(hparams=state.hparams), metrics

    return method._replace(update=kept)


@pytest.mark.parametrize(
    ("make", "part", "message"),
    [
        (_reads_the_config, "population", "reads config.hparams.noise, .* expected state"),
        (lambda c, a=None: _reads_the_config(c, a, jnp.asarray), "population", "reads c"),
        (_update(_impure), "step", "the same step twice differ"),
        (_update(_advances_the_key), "step", "state.key before and after"),
        (_update(_learns_nothing), "step", "no parameter changes"),
        (_update(_repeats_its_noise), "step", "same random numbers: .*step_key"),
        (_update(_forgets_the_step), "step", "state.step went from 0 to 0"),
        (_update(_grows), "step", r"turns state.stats\['mean'\] from nothing"),
        (_update(lambda m, s, b, a: (s, {"loss": 1.0})), "step", "reports a dict"),
        (_update(_keeps_its_shard), "replicas", "two replicas .*axis_name"),
        (_update(_impure), "resume", "resumed run differ"),
        (_update(_impure), "lowering", "callback"),
        (lambda c, a=None: linear(c, a, code="y"), "codes", "`code` is 'y'"),
        (lambda c, a=None: linear(c, a, decode=lambda s, z: 9.0 + jnp.zeros((5, 4, 4, 1))),
         "codes", "between 9.0 and 9.0"),
    ],
)  # fmt: skip
def test_what_a_method_breaks_is_named(check, make, part, message):
    with pytest.raises(ValueError, match=f"{part}: .*{message}"):
        check(make, part)


def test_a_method_may_refuse_values_of_its_hyperparameters(check):
    def make(config, axis_name=None):
        if config.hparams.noise != 0.1:
            raise ValueError("noise has to be .1")
        return linear(config, axis_name)

    assert check(make, "population") == ("population",)


def test_an_error_of_several_parts_is_said_once_with_its_line(check):
    def make(config, axis_name=None):
        method = linear(config, axis_name)
        return method._replace(update=lambda state, batch: state.hparams["nosie"])

    with pytest.raises(
        ValueError, match=r"step, resume, .*: KeyError: 'nosie' \(.*line"
    ) as e:
        check(make)
    assert str(e.value).count("nosie") == 1


def test_what_is_no_method_is_named(check):
    with pytest.raises(ValueError, match="returned a dict; expected a `dis_jax"):
        check(lambda config, axis_name: {})
    with pytest.raises(ValueError, match="has batch = 'imagse'; did you mean 'images'"):
        check(lambda config, axis_name: linear(config, axis_name, batch="imagse"))
    with pytest.raises(ValueError, match="`encode` is None; expected a function"):
        check(lambda config, axis_name: linear(config, axis_name, encode=None))
    with pytest.raises(ValueError, match="unknown part 'setp'; did you mean 'step'"):
        check(linear, "setp")


@pytest.mark.parametrize(
    ("after", "said"), [((1, 2, 3), "a tuple of 3"), (np.zeros(9), "a ndarray")]
)
def test_an_update_that_returns_no_pair_is_named_in_a_few_words(after, said):
    with pytest.raises(ValueError, match=rf"^update returned {said}; expected \(state"):
        contract.check_step(None, after)
