"""Data are recognised by their content."""

import dataclasses

import numpy as np
import pytest

from dis_jax import data, training
from dis_jax.training import run_data


@pytest.fixture(scope="module")
def config():
    return training.load_config("beta_vae")


def test_a_checkpoint_that_does_not_hold_its_data_goes_on_with_any(config):
    sprites = data.load("rendered_dsprites")
    known = {"data": run_data.data_facts(sprites)}
    for facts in ({}, known):
        run_data.check_data(facts, config, sprites)
    other = dataclasses.replace(sprites, num_images=7)
    with pytest.raises(ValueError, match="num_images: 737280 -> 7"):
        run_data.check_data(known, config, other)


LABELS, PIXELS = np.arange(200) % 5, np.arange(200 * 64).reshape(200, 8, 8) % 251


@pytest.fixture
def files(tmp_path):
    """Writes a file of 200 images and a label each, and loads it."""

    def load(labels=LABELS, pixels=PIXELS, suffix=""):
        path = tmp_path / "own.npz"
        np.savez(path, images=pixels.astype(np.uint8), kind=labels)
        return data.load(f"{path}{suffix}")

    return load


@pytest.mark.parametrize("suffix", ["", "+grey", "+only(kind=2)"])
def test_other_pixels_or_labels_of_the_same_form_are_other_data(config, files, suffix):
    known = {"data": run_data.data_facts(files(suffix=suffix))}
    run_data.check_data(known, config, files(suffix=suffix))
    with pytest.raises(ValueError, match=r"stored_images: '\w+' -> '\w+'\nRestore"):
        run_data.check_data(known, config, files(pixels=PIXELS + 1, suffix=suffix))
    if "only" not in suffix:  # its labels are all equal
        other = files(LABELS[::-1], suffix=suffix)
        with pytest.raises(ValueError, match=r"labels: '\w+' -> '\w+'\nRestore"):
            run_data.check_data(known, config, other)


def test_images_that_are_read_are_compared_and_not_with_resident_ones(config, files):
    def streamed(pixels, labels):
        read = lambda index: pixels[index, :, :, None].astype(np.uint8)
        of = {"name": "own", "factor_names": ("kind",), "sizes": (5,)}
        return data.from_source(read, labels[:, None], **of, image_shape=(8, 8, 1))

    known = {"data": run_data.data_facts(streamed(PIXELS, LABELS))}
    run_data.check_data(known, config, files())
    run_data.check_data(known, config, streamed(PIXELS, LABELS))
    with pytest.raises(ValueError, match="read_images: "):
        run_data.check_data(known, config, streamed(PIXELS + 1, LABELS))
    with pytest.raises(ValueError, match="labels: "):
        run_data.check_data(known, config, files(LABELS[::-1]))


def test_images_that_are_augmented_as_they_are_read_are_not_compared():
    rng = np.random.default_rng(0)

    def read(index):
        return rng.integers(0, 255, (len(index), 8, 8, 1)).astype(np.uint8)

    of = {"name": "own", "factor_names": (), "sizes": (), "image_shape": (8, 8, 1)}
    facts = run_data.data_facts(data.from_source(read, np.zeros((9, 0), int), **of))
    assert "read_images" not in facts


def test_runs_of_older_versions_are_compared_by_what_they_hold(config, files):
    old = {
        k: v for k, v in run_data.data_facts(files()).items() if k in ("num_images",)
    }
    old |= {"factor_names": ["kind"], "sizes": [5]}
    run_data.check_data({"data": old}, config, files(pixels=PIXELS + 1))
    with pytest.raises(ValueError, match=r"sizes: \[5\] -> \[4\]"):
        run_data.check_data({"data": old}, config, files(LABELS % 4))
