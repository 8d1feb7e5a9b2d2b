r"""Measures images per second of data sets; prints one JSON line.

  python -m benchmarks.bench_data [--seconds=3]

Part of `benchmarks.bench`. A step of 5 ms at batch 64 needs 12,800 images per second. The
streamed set is rendered Shapes3D, written in the format of Shapes3D and prepared in a
temporary folder.
"""

import itertools
import json
import pathlib
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from launch import start

_SECONDS = flags.DEFINE_float("seconds", 3, "Seconds of each measurement.")
_BATCH = 64
_IMAGES = 6_400


def rates(act):
    """Images per second of wall time, and per second of CPU time, after compilation."""
    act()
    calls, began, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < _SECONDS.value or not calls:
        act()
        calls += 1
    wall, core = time.perf_counter() - began, time.process_time() - used
    return {
        "images_per_second": round(calls * _BATCH / wall),
        "per_core": round(calls * _BATCH / core),
    }


def drawn(image_set):
    """Images per second of keyed batches from a set on the device, one batch per call."""
    from dis_jax import data

    sampler = data.images(image_set, _BATCH)
    sample = jax.jit(sampler.sample)
    key, steps = jax.random.key(0), itertools.count()
    return rates(
        lambda: jax.block_until_ready(
            sample(image_set, key, np.int32(next(steps)), sampler.args)
        )
    )


def problems():
    """Visual analogies per second, sampled as factors; a problem counts as an image."""
    from dis_jax import data

    keys = map(jax.random.key, itertools.count())
    return rates(lambda: jax.block_until_ready(data.nar_problems(next(keys), _BATCH)))


def streamed(image_set):
    """Images per second from the host: decoded in the first epoch, later from memory."""
    from dis_jax import data

    sampler = data.images(image_set, _BATCH, order="epoch")
    epoch = image_set.num_images // _BATCH
    batches = data.stream(image_set, sampler, jax.random.key(0))
    jax.block_until_ready(next(batches))
    began, used = time.perf_counter(), time.process_time()
    for _ in range(epoch - 1):
        jax.block_until_ready(next(batches))
    wall, core = time.perf_counter() - began, time.process_time() - used
    images = (epoch - 1) * _BATCH
    first = {
        "images_per_second": round(images / wall),
        "per_core": round(images / core),
    }
    later = rates(lambda: jax.block_until_ready(next(batches)))
    return {"first epoch": first, "later epochs": later}


def prepared_scenes(folder):
    """Prepares rendered Shapes3D in a folder; returns its images (bytes) and factors."""
    import h5py

    from dis_jax import data
    from dis_jax.data.catalogue import SHAPES3D

    scenes = data.rendered_shapes3d()
    index = np.arange(_IMAGES) * (scenes.num_images // _IMAGES)
    parts = [scenes.take(jnp.asarray(part)) for part in index.reshape(-1, _BATCH)]
    images = np.concatenate([np.rint(np.asarray(x) * 255) for x, _ in parts])
    images = images.astype(np.uint8)
    factors = np.concatenate([np.asarray(f) for _, f in parts])
    raw = folder / "raw"
    raw.mkdir()
    with h5py.File(raw / SHAPES3D.files["train"][0].name, "w") as file:
        file["images"], file["labels"] = images, factors.astype(float)
    data.prepare("shapes3d", folder, raw_dir=raw, check=False)
    return images, factors


def main(argv):
    del argv
    from dis_jax import data

    rendered = [n for n in data.NAMES if n.startswith("rendered")]
    rows = {f"draw {name}": drawn(data.load(name)) for name in rendered}
    rows["draw visual analogies (problems)"] = problems()
    with tempfile.TemporaryDirectory() as folder:
        images, factors = prepared_scenes(pathlib.Path(folder))
        on_disk = data.load("shapes3d", folder, resident=False)
        rows |= {f"stream, {k}": v for k, v in streamed(on_disk).items()}
    names = {"factor_names": on_disk.factor_names, "sizes": on_disk.sizes}
    held = data.from_arrays(images, factors, name="scenes", **names)
    bits = data.from_arrays(images[..., :1] > 127, factors, name="bits", **names)
    rows |= {"gather 64x64x3 bytes": drawn(held), "gather 64x64x1 bits": drawn(bits)}
    print(json.dumps(rows))


if __name__ == "__main__":
    start.run(main)
