import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax.data import from_arrays
from dis_jax.methods import Categorical, Gaussian, Method, State
from dis_jax.training.log import Log
from dis_jax.training.pictures import painter

STATE = State(jnp.int32(0), jax.random.key(0), {"gain": jnp.float32(1)}, {}, {}, {})


def encode(state, batch):
    """The grey level of an image, and a constant; variances of 0 and of 1 / 16."""
    level = batch["image"][:, 0, 0]
    mean = jnp.concatenate([level, jnp.full_like(level, 0.5)], axis=1)
    logvar = jnp.tile(jnp.array([-jnp.inf, jnp.log(1 / 16)]), (len(level), 1))
    return {"z": Gaussian(mean, logvar), "c": Categorical(jnp.zeros((len(level), 2)))}


def decode(state, codes):
    """Images of 2x2 pixels: the first dimension on the left, the second on the right."""
    pixels = jnp.tile(codes["z"][:, None, :, None], (1, 2, 1, 1))
    return state.params["gain"] * pixels + 0 * codes["c"].sum()


METHOD = Method("images", lambda *_: STATE, lambda s, _: (s, ()), encode, decode, "z")


def test_reconstructions_and_traversals_are_those_of_the_codes():
    levels = np.tile(np.array([0.0, 1.0], np.float32), 8)
    images = np.broadcast_to(levels[:, None, None, None], (16, 2, 2, 1))
    found = painter(METHOD, from_arrays(images, name="two"))(STATE)
    assert list(found) == ["reconstructions", "traversals/z"]
    top, bottom = np.split(found["reconstructions"][..., 0], 2)
    assert top.shape == (2, 16)
    np.testing.assert_array_equal(bottom[0, ::2], top[0, ::2])
    np.testing.assert_array_equal(bottom[:, 1::2], 128)
    # 0.5 ± 2 std, with std = 1/2 of the levels and 1/4 of the posterior, clipped
    first, second = np.split(found["traversals/z"][..., 0], 2)
    expected = lambda std: np.clip(0.5 + std * np.linspace(-2, 2, 7), 0, 1) * 255
    np.testing.assert_allclose(first[0, ::2], expected(0.5), atol=0.51)
    np.testing.assert_allclose(second[0, 1::2], expected(0.25), atol=0.51)
    assert (second[:, ::2] == second[0, 0]).all()
    # a vector moves like a Gaussian without variance
    vectors = lambda *of: {"z": encode(*of)["z"].mean, "c": encode(*of)["c"]}
    points = painter(METHOD._replace(encode=vectors), from_arrays(images, name="two"))
    first, second = np.split(points(STATE)["traversals/z"][..., 0], 2)
    np.testing.assert_allclose(first[0, ::2], expected(0.5), atol=0.51)
    assert (second[:, 1::2] == 128).all()


def test_the_first_member_is_drawn_and_numbers_that_are_not_finite_are_black():
    images = from_arrays(np.ones((8, 2, 2, 1), np.float32), name="white")
    gains = jnp.array([jnp.nan, 1.0])
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), STATE)
    stacked = stacked._replace(params={"gain": gains})
    found = painter(METHOD, images, population=True)(stacked)
    assert found["reconstructions"].shape == (4, 16, 1)
    assert found["reconstructions"][2:].max() == 0


def test_images_are_taken_for_the_first_pictures_and_kept():
    """The first step does not wait for them."""
    taken = []

    def take(arrays, index):
        taken.append(len(index))
        return images.take_fn(arrays, index)

    images = from_arrays(np.ones((8, 2, 2, 1), np.float32), name="white")
    paint = painter(METHOD, dataclasses.replace(images, take_fn=take))
    assert taken == []
    paint(STATE)
    paint(STATE)
    assert taken == [8]


def test_without_a_decoder_nothing_is_drawn():
    images = from_arrays(np.ones((8, 2, 2, 1), np.float32), name="white")
    assert painter(METHOD._replace(decode=None), images) is None


def test_tensorboard_gets_the_pictures(tmp_path):
    options = {"first_step": 0, "last_step": 2}
    paint = lambda state: {"reconstructions": np.zeros((2, 4, 1), np.uint8)}
    log = Log(tmp_path, tensorboard=True, paint=paint, **options)
    log.show(1, STATE)
    log.close()
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"reconstructions" in events.read_bytes()
    assert b"PNG" in events.read_bytes()
