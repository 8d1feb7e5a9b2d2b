import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data


def numbered(count=12):
    """A set whose image i is the single pixel i / 255, of factor `number` i."""
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1)
    return data.from_arrays(
        images, np.arange(count), name="numbered", factor_names=("number",)
    )


def drawn(sampler, image_set, steps, seed=0):
    """The numbers in `image`, (step, batch), drawn in one compiled scan."""

    @jax.jit
    def run(image_set, args):
        def body(step, _):
            batch = sampler.sample(image_set, jax.random.key(seed), step, args)
            return step + 1, batch

        return jax.lax.scan(body, jnp.int32(0), length=steps)[1]

    return jax.tree.map(np.asarray, run(image_set, sampler.args))


def numbers(images):
    return np.rint(images[..., 0, 0, 0] * 255).astype(int)


@pytest.mark.parametrize("order", ["keyed", "epoch"])
@pytest.mark.parametrize("name", ["images", "two_batches"])
def test_batch_has_its_fields_and_ranges(name, order):
    image_set = numbered()
    sampler = data.SAMPLERS[name](image_set, 4, order=order)
    batch = sampler.sample(image_set, jax.random.key(0), jnp.int32(3), sampler.args)
    for field in {"image", "image2"} & set(batch):
        assert batch[field].shape == (4, 1, 1, 1)
        assert batch[field].dtype == jnp.float32
    assert ("image2" in batch) == (name == "two_batches")
    np.testing.assert_array_equal(batch["factors"][:, 0], numbers(batch["image"]))


def test_set_without_factor_names_gives_no_factors():
    image_set = data.from_arrays(np.zeros((3, 2, 2)), name="plain")
    sampler = data.images(image_set, 2)
    batch = sampler.sample(image_set, jax.random.key(0), 0, sampler.args)
    assert set(batch) == {"image"}


def test_keyed_draws_are_uniform_and_change_with_step_and_key():
    image_set = numbered(10)
    sampler = data.images(image_set, 100)
    batches = drawn(sampler, image_set, steps=100)["factors"][..., 0]
    counts = np.bincount(batches.ravel(), minlength=10)
    assert ((counts - 1000.0) ** 2 / 1000).sum() < 9 + 5 * np.sqrt(18)
    assert not np.array_equal(batches[0], batches[1])
    other = drawn(sampler, image_set, steps=1, seed=1)["factors"][..., 0]
    assert not np.array_equal(batches[0], other[0])


def test_keyed_positions_change_with_step_and_key():
    index = lambda seed, step: data.batch_index(
        1000, jax.random.key(seed), step, batch_size=20, order="keyed"
    )
    first = index(0, 0)
    np.testing.assert_array_equal(first, index(0, 0))
    assert not np.array_equal(first, index(0, 1))
    assert not np.array_equal(first, index(1, 0))
    assert 0 <= first.min() < first.max() < 1000


def test_epoch_order_shows_every_image_once_an_epoch():
    image_set = numbered(12)
    for field in ("image", "image2"):
        sampler = data.two_batches(image_set, 4, order="epoch")
        order = numbers(drawn(sampler, image_set, steps=6)[field]).reshape(2, 12)
        assert [sorted(epoch) for epoch in order] == [list(range(12))] * 2
        assert not np.array_equal(order[0], order[1])


@pytest.mark.parametrize("order", ["keyed", "epoch"])
def test_two_batches_are_independent(order):
    image_set = numbered(200)
    sampler = data.two_batches(image_set, 100, order=order)
    batch = drawn(sampler, image_set, steps=40)
    first, second = (numbers(batch[field]).ravel() for field in ("image", "image2"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(first.size)


@pytest.mark.parametrize("order", ["keyed", "epoch"])
def test_members_of_a_population_draw_as_each_alone(order):
    image_set = numbered()
    sampler = data.images(image_set, 5, order=order)
    keys = jax.random.split(jax.random.key(0), 3)
    sample = lambda key: sampler.sample(image_set, key, jnp.int32(7), sampler.args)
    together = jax.jit(jax.vmap(sample))(keys)
    alone = jax.jit(sample)
    for i, key in enumerate(keys):
        for field, value in alone(key).items():
            np.testing.assert_array_equal(together[field][i], value)


def test_order_is_one_of_two():
    image_set = numbered()
    sampler = data.images(image_set, 4, order="random")
    with pytest.raises(ValueError, match="order is 'random'; take \"keyed\" or"):
        sampler.sample(image_set, jax.random.key(0), 0, sampler.args)


def test_augmented_shows_the_same_things_differently():
    coarse = np.random.default_rng(0).random((10, 2, 2))
    images = np.kron(coarse, np.ones((1, 8, 8)))
    labels = np.arange(10)
    image_set = data.from_arrays(images, labels, name="ten", factor_names=("number",))
    sampler = data.augmented(image_set, 50)
    batch = drawn(sampler, image_set, steps=1)
    image, transformed = (batch[field][0] for field in ("image", "transformed"))
    np.testing.assert_allclose(
        image[..., 0], images[batch["factors"][0, :, 0]], rtol=1e-6
    )
    own, other = (
        abs(transformed - np.roll(image, shift, axis=0)).mean() for shift in (0, 1)
    )
    assert 0.01 < own < other / 2
