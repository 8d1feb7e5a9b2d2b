import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data

pytest.importorskip("grain")
KEY = jax.random.key(5)
SIZES = (3, 4)


def numbers(count=12, sizes=SIZES):
    """A streamed set whose image i is the single byte i, and a grid of two factors."""
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    factors = np.stack(np.unravel_index(np.arange(count), sizes), axis=-1)
    return data.from_source(
        lambda index: images[index],
        factors,
        name="numbers",
        factor_names=("a", "b"),
        sizes=sizes,
        image_shape=(1, 1, 1),
    )


def first(batches, count):
    return [next(batches) for _ in range(count)]


def test_every_sampler_streams_what_it_draws():
    image_set = numbers()
    samplers = [
        data.images(image_set, 4, order="epoch"),
        data.pairs(image_set, 4),
        data.views(image_set, 4, same="a"),
        data.groups(image_set, 4, shared="a", group_size=2),
    ]
    for sampler in samplers:
        raw = first(data.stream(image_set, sampler, KEY, start_step=7), 2)[1]
        finish = jax.jit(functools.partial(data.finished, sampler))
        streamed = finish(raw, KEY, 8)
        drawn = jax.jit(sampler.sample)(image_set, KEY, 8, sampler.args)
        assert streamed.keys() == drawn.keys()
        for field in drawn:
            np.testing.assert_allclose(streamed[field], drawn[field], rtol=1e-6)


def test_resumed_stream_goes_on_exactly():
    image_set = numbers()
    sampler = data.images(image_set, 4, order="epoch")
    whole = first(data.stream(image_set, sampler, KEY), 7)
    resumed = first(data.stream(image_set, sampler, KEY, start_step=4), 3)
    for a, b in zip(whole[4:], resumed, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])


def test_images_of_a_streamed_set_are_there_in_compiled_and_mapped_code():
    image_set = numbers()
    assert image_set.is_grid
    index = jnp.array([[3, 0], [7, 11]])
    taken = jax.jit(jax.vmap(lambda i: image_set.take(i)[0]))(index)
    np.testing.assert_allclose(taken[..., 0, 0, 0] * 255, index, rtol=1e-6)
    drawn = image_set.images(jnp.array([[2, 3]]))
    assert float(drawn[0, 0, 0, 0] * 255) == pytest.approx(11, rel=1e-6)


def test_batches_lie_as_the_sharding_says():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    image_set = numbers()
    sampler = data.images(image_set, 8)
    plain, sharded = (
        next(data.stream(image_set, sampler, KEY, sharding=s)) for s in (None, sharding)
    )
    assert sharded["image"].sharding.is_equivalent_to(sharding, 4)
    for field in plain:
        np.testing.assert_array_equal(plain[field], sharded[field])


def test_resident_set_is_not_streamed():
    sprites = data.rendered_dsprites()
    sampler = data.images(sprites, 4)
    with pytest.raises(ValueError, match="'rendered_dsprites' is on the device"):
        next(data.stream(sprites, sampler, KEY))


PROCESS = """
import json, sys
import jax, numpy as np
port, processes, process = map(int, sys.argv[1:4])
if processes > 1:
    jax.distributed.initialize(f"localhost:{port}", processes, process)
from dis_jax import data

images = np.arange(24, dtype=np.uint8).reshape(24, 1, 1, 1)
asked = []
def read(index):
    asked.extend(index.tolist())
    return images[index]
numbers = data.from_source(
    read, np.zeros((24, 0), np.int32), name="numbers", factor_names=(), sizes=(),
    image_shape=(1, 1, 1),
)
mesh = jax.make_mesh((jax.device_count(),), ("data",),
                     axis_types=(jax.sharding.AxisType.Auto,))
sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
sampler = data.images(numbers, 8, order="epoch")
batches = data.stream(numbers, sampler, jax.random.key(5), start_step=3,
                      sharding=sharding, threads=0, buffer=1)
rows = []
for _ in range(3):
    shards = next(batches)["image"].addressable_shards
    rows.append([x for s in shards for x in np.asarray(s.data).ravel().tolist()])
print(json.dumps([rows, asked]))
"""


@pytest.mark.slow
def test_two_processes_read_disjoint_halves_of_the_epoch_of_one(processes):
    ((alone, _),) = processes(PROCESS, count=1)
    (left, left_read), (right, right_read) = processes(PROCESS, count=2)
    assert [a + b for a, b in zip(left, right, strict=True)] == alone
    epoch = [x for batch in alone for x in batch]
    assert sorted(epoch) == list(range(24))
    assert not set(left_read[:12]) & set(right_read[:12])

    # In this process, the same seed and step give the same batch.
    here = data.epoch_index(jax.random.key(5), 3, batch_size=8, num_images=24)
    assert alone[0] == here.tolist()
