import pathlib

import numpy as np
import pytest

from dis_jax import data


@pytest.mark.parametrize(
    ("name", "near"),
    [("dsprite", "'dsprites'"), ("rendered_sprites", "'rendered_dsprites'")],
)
def test_unknown_name_lists_the_nearest(name, near):
    with pytest.raises(
        ValueError, match=f"unknown data set '{name}'; did you mean.*{near}"
    ):
        data.load(name)


def test_name_like_none_lists_all():
    with pytest.raises(ValueError, match="unknown data set 'qqq'") as error:
        data.load("qqq")
    assert all(name in str(error.value) for name in data.NAMES)


@pytest.mark.parametrize("name", ["rendered_dsprites", "dsprites", "mnist"])
def test_unknown_split_lists_the_splits(name, tmp_path):
    with pytest.raises(ValueError, match=f"'{name}' has no split 'validation'.*all"):
        data.load(name, tmp_path, split="validation")


def test_no_folder_says_what_to_set(monkeypatch):
    monkeypatch.delenv("DIS_JAX_DATA_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match=r"data_dir.*DIS_JAX_DATA_DIR.*mnist/"):
        data.load("mnist")


def test_missing_folder_and_missing_file_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*mnist/"):
        data.load("mnist", tmp_path / "nowhere")
    monkeypatch.setenv("DIS_JAX_DATA_DIR", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"train-images-idx3-ubyte\.gz: put there"
    ):
        data.load("mnist", split="train")


def write_idx(path: pathlib.Path, array: np.ndarray) -> None:
    shape = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + shape + array.tobytes())


def test_mnist_halves_come_from_their_files(tmp_path):
    (tmp_path / "mnist").mkdir()
    for half, count in (("train", 3), ("t10k", 2)):
        images = np.full((count, 28, 28), 10 * count, np.uint8)
        write_idx(tmp_path / "mnist" / f"{half}-images-idx3-ubyte", images)
        labels = np.arange(count, dtype=np.uint8)
        write_idx(tmp_path / "mnist" / f"{half}-labels-idx1-ubyte", labels)
    everything = data.load("mnist", tmp_path)
    assert (everything.num_images, everything.sizes) == (5, (10,))
    assert data.load("mnist", tmp_path, split="train").num_images == 3
    images, digits = data.load("mnist", tmp_path, split="test").take(np.arange(2))
    np.testing.assert_allclose(images, np.full((2, 28, 28, 1), 20 / 255), rtol=1e-6)
    assert digits.tolist() == [[0], [1]]

    write_idx(tmp_path / "mnist" / "t10k-labels-idx1-ubyte", np.zeros(1, np.uint8))
    with pytest.raises(ValueError, match="2 t10k images and 1 labels"):
        data.load("mnist", tmp_path, split="test")


@pytest.mark.slow
def test_real_mnist(data_dir):
    mnist = data.load("mnist", data_dir)
    assert (mnist.num_images, mnist.image_shape) == (70_000, (28, 28, 1))
    assert data.load("mnist", data_dir, split="train").num_images == 60_000
    digits = np.asarray(mnist.arrays["factors"])[:, 0]
    # The counts by digit that are published for the two halves together.
    assert np.bincount(digits).tolist() == [
        6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958
    ]  # fmt: skip
    assert np.asarray(mnist.arrays["images"])[:60_000].mean() == pytest.approx(
        33.318, abs=1e-3
    )


@pytest.mark.slow
def test_real_dsprites_are_a_full_grid(data_dir):
    dsprites = data.load("dsprites", data_dir)
    assert dsprites.is_grid
    assert (dsprites.num_images, dsprites.sizes) == (46_080, (3, 6, 10, 16, 16))
    assert dsprites.arrays["images"].nbytes == 46_080 * 512
    factors = data.factors_of_index(np.arange(0, 46_080, 997), dsprites.sizes)
    images, labels = dsprites.take(np.arange(0, 46_080, 997))
    np.testing.assert_array_equal(labels, factors)
    np.testing.assert_array_equal(images, dsprites.images(factors))
