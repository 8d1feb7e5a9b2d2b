"""Compares rendered dSprites with the published images, all or a part of them."""

import json

import numpy as np
import pytest

from dis_jax import data
from dis_jax.data.catalogue import DSPRITES


@pytest.mark.parametrize("steps", [(1, 1, 1, 1, 1), (1, 1, 4, 2, 2)])
def test_an_image_is_compared_with_that_of_its_own_factors(steps, run, tmp_path):
    h5py = pytest.importorskip("h5py")
    folder = tmp_path / "dsprites"
    folder.mkdir()
    sizes = np.array(DSPRITES.sizes) // steps
    factors = np.random.default_rng(0).integers(0, sizes, (1024, 5)) * steps
    images = np.asarray(data.rendered_dsprites().images(factors)[..., 0], np.uint8)
    if max(steps) == 1:
        (file,) = DSPRITES.files["train"]
        with h5py.File(folder / file.name, "w") as target:
            target["imgs"] = images
            target["latents/classes"] = np.pad(factors, [(0, 0), (1, 0)])
    else:
        part = folder / "dsprites_real_grid_46080.npz"
        np.savez(part, imgs=images, latents_classes=factors)
    done = run(
        "benchmarks.compare_dsprites",
        f"--data_dir={tmp_path}",
        f"--result={tmp_path / 'result.json'}",
        f"--picture={tmp_path / 'worst.png'}",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["images"], result["wrong_pixels"]) == (1024, 0)
