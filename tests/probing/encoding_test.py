import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.data.image_set import ImageSet, factors_of_index, index_of_factors
from dis_jax.evaluation import code_fn, encode_all, encode_codes
from dis_jax.methods.method import Categorical, Gaussian, Method, State
from dis_jax.probing.encoding import factor_encoder


def method_with(codes, code="z"):
    return Method("images", None, None, lambda state, batch: codes, None, code)


def test_code_fn_takes_the_point_that_stands_for_a_code():
    codes = {
        "z": Gaussian(jnp.ones((2, 3)), jnp.zeros((2, 3))),
        "category": Categorical(jnp.log(jnp.array([[0.25, 0.75]] * 2))),
        "vector": jnp.full((2, 1), 7.0),
    }
    images = jnp.zeros((2, 4, 4, 1))
    method = method_with(codes)
    np.testing.assert_array_equal(code_fn(method, None)(images), np.ones((2, 3)))
    found = code_fn(method, None, "category")(images)
    np.testing.assert_allclose(found, [[0.25, 0.75]] * 2, rtol=1e-6)
    assert code_fn(method, None, "vector")(images).tolist() == [[7.0], [7.0]]


def test_code_fn_reads_the_state_and_the_images():
    double = lambda state, batch: {"z": state["scale"] * batch["image"]}
    method = Method("images", None, None, double, None, "z")
    encode = code_fn(method, {"scale": jnp.float32(2)})
    np.testing.assert_array_equal(encode(jnp.ones((3, 2))), np.full((3, 2), 2))


@pytest.mark.parametrize("encode", [code_fn, lambda *a: encode_codes(*a, jnp.zeros(3))])
def test_the_state_of_a_population_is_refused(encode):
    state = State(jnp.zeros(5, jnp.int32), *({},) * 5)
    with pytest.raises(
        ValueError, match=r"a population of 5 models; .*member\(state, 0"
    ):
        encode(method_with({}), state)


def test_code_fn_names_what_is_wrong():
    images = jnp.zeros((2, 4))
    method = method_with({"style": jnp.ones((2, 1)), "z": jnp.ones((2, 2, 2))})
    with pytest.raises(ValueError, match="found 'stile'; did you mean 'style'"):
        code_fn(method, None, "stile")(images)
    with pytest.raises(ValueError, match=r"'z' must be a matrix .* found \(2, 2, 2\)"):
        code_fn(method, None)(images)
    grey = method_with({"z": jnp.ones((2, 1))})
    for encode in (code_fn(grey, None), lambda x: encode_codes(grey, None, x)):
        encode(images)
        with pytest.raises(ValueError, match="images have dtype uint8; expected fl"):
            encode(images.astype(jnp.uint8))


def test_images_that_would_be_encoded_wrongly_without_an_error_are_refused():
    mean = lambda state, batch: {"z": batch["image"].mean(axis=(1, 2))}
    method = Method("images", None, None, mean, None, "z", image_shape=(4, 6, 3))
    images = np.random.default_rng(0).random((2, 4, 6, 3))
    of_codes = lambda x: encode_codes(method, None, x)["z"]
    for form in (np.asarray, jnp.asarray, np.ndarray.tolist):
        for encode in (code_fn(method, None), of_codes):
            np.testing.assert_allclose(
                encode(form(images)), images.mean(axis=(1, 2)), rtol=1e-6
            )
            for other in (images.transpose(0, 3, 1, 2), images[0], images[:, :2]):
                with pytest.raises(ValueError, match=r"expected \(batch, 4, 6, 3\): "):
                    encode(form(other))
    for wrong, message in ((255, "between 0.* and 25"), (np.nan, "between nan")):
        for encode in (code_fn(method, None), of_codes):
            with pytest.raises(ValueError, match=rf"{message}.*expected \[0, 1\]"):
                encode(wrong * images)
    # traced values cannot be checked
    found = jax.jit(code_fn(method, None))(255 * images)
    np.testing.assert_allclose(found, 255 * images.mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize("total", [1, 7, 64, 65, 130])
def test_encode_all_is_encode(total):
    images = np.random.default_rng(0).normal(size=(total, 3)).astype(np.float32)
    shapes = set()

    def encode(batch):
        shapes.add(batch.shape)
        return 2 * batch

    np.testing.assert_array_equal(encode_all(encode, images), 2 * images)
    assert shapes == {(min(total, 64), 3)}  # one shape: compiled once
    np.testing.assert_array_equal(encode_all(encode, images, batch_size=9), 2 * images)


def test_encode_all_makes_images_from_inputs():
    factors = jnp.arange(10).reshape(5, 2)
    found = encode_all(lambda x: x[:, :1], factors, lambda f: 3.0 * f)
    np.testing.assert_array_equal(found[:, 0], 3 * factors[:, 0])


def test_encode_all_takes_functions_that_know_nothing_of_jax():
    encode = lambda images: np.asarray(images, np.float64).sum(axis=1, keepdims=True)
    found = encode_all(encode, np.ones((70, 4)))
    np.testing.assert_array_equal(found, np.full((70, 1), 4))


def test_encode_all_refuses_wrong_shapes_and_values():
    images = np.ones((70, 4), np.float32)
    with pytest.raises(
        ValueError, match=r"encode must return .* batch = 64, found \(64,"
    ):
        encode_all(lambda x: x.sum(axis=1), images)
    with pytest.raises(ValueError, match=r"batch = 64, found \(1, 4\)"):
        encode_all(lambda x: x[:1], images)
    images[66] = np.nan
    with pytest.raises(ValueError, match=r"finite codes, found .*nan.* for image 66"):
        encode_all(lambda x: x, images)


def image_set(sizes):
    """A grid whose images are their factors, made like the package's own sets."""
    total = int(np.prod(sizes))
    table = factors_of_index(jnp.arange(total), sizes).astype(jnp.float32)
    return ImageSet(
        arrays={"table": table},
        name="grid",
        factor_names=tuple("abc"[: len(sizes)]),
        sizes=sizes,
        image_shape=(1, 1, len(sizes)),
        num_images=total,
        take_fn=lambda arrays, i: (arrays["table"][i], factors_of_index(i, sizes)),
        images_fn=lambda arrays, f: arrays["table"][index_of_factors(f, sizes)],
    )


@pytest.mark.parametrize("asked", [100, 10])
def test_codes_looked_up_equal_codes_computed(asked):
    sizes = (3, 4, 5)
    calls = []

    def encode(images):
        calls.append(len(images))
        return images + 1

    codes_of = factor_encoder(encode, image_set(sizes), asked)
    encoded = sum(calls)
    factors = jax.random.randint(jax.random.key(0), (9, 3), 0, jnp.array(sizes))
    np.testing.assert_array_equal(codes_of(factors), factors + 1)
    # 60 images: fewer than 100, so all are encoded once; more than 10, so none is.
    assert encoded == (60 if asked == 100 else 0)
    assert (sum(calls) == encoded) == (asked == 100)


def test_any_object_with_sizes_and_images_is_a_grid():
    grid = types.SimpleNamespace(sizes=[3, 4], images=lambda f: np.asarray(f) * 1.0)
    codes_of = factor_encoder(lambda x: x, grid, 5)
    np.testing.assert_array_equal(codes_of(jnp.array([[2, 3]])), [[2, 3]])
