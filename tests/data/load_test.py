import importlib
import pathlib

import jax
import numpy as np
import pytest

from dis_jax import data


@pytest.mark.parametrize(
    ("name", "near"),
    [("dsprite", "'dsprites'"), ("custom_dsprites", "'rendered_dsprites'")],
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


@pytest.mark.parametrize("variants", ["", "+resized16", "+coloured"])
def test_ones_own_files_have_no_split_and_are_held(variants, tmp_path):
    """Otherwise, training and test on two halves would use the same images."""
    np.savez(tmp_path / "own.npz", images=np.zeros((2, 8, 8), np.uint8))
    name = f"{tmp_path}/own.npz"
    for split in ("train", "test", "rubbish"):
        with pytest.raises(ValueError, match=rf"own.npz' has no split '{split}'.* all"):
            data.load(name + variants, split=split)
    with pytest.raises(ValueError, match=r"--noresident.*own.npz' is always kept"):
        data.load(name + variants, resident=False)
    assert data.load(name + variants).num_images == 2


def test_a_set_that_is_always_held_cannot_be_streamed(tmp_path):
    with pytest.raises(ValueError, match="'coil100_augmented' is always kept"):
        data.load("coil100_augmented", tmp_path, resident=False)


def test_published_files_that_do_not_fit_are_streamed(tmp_path, monkeypatch):
    (tmp_path / "coil100").mkdir()
    np.savez(
        tmp_path / "coil100" / "coil100_64x64.npz",
        images=np.full((2, 64, 64, 3), 9, np.uint8),
        object=np.array([1, 2]),
        angle_deg=np.array([0, 5]),
    )
    assert data.load("coil100", tmp_path).read is None
    module = importlib.import_module("dis_jax.data.load")
    monkeypatch.setattr(module, "fits", lambda image_set: False)
    streamed = data.load("coil100", tmp_path)
    np.testing.assert_array_equal(streamed.read(np.array([1])), 9)
    assert data.load("coil100", tmp_path, resident=True).read is None


def test_a_word_that_is_not_known_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 8, 8), np.uint8))
    file = f"{tmp_path}/a.npz"
    for name in ("mnist", "my_module:my_set", file):
        with pytest.raises(
            ValueError, match=r"suffix 'resised8' .* mean 'resized<side>'"
        ):
            data.load(f"{name}+resised8")
    with pytest.raises(ValueError, match=r"'resized0' after mnist\+; .*Known: colour"):
        data.load("mnist+resized0+grey", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"missing\+grey"):
        data.load(f"{tmp_path}/missing+grey/d.npz")
    for after in ("gray", "gray+noisy"):  # the error names the unknown one
        with pytest.raises(ValueError, match=r"suffix 'gray' after .* mean 'grey'"):
            data.load(f"{file}+resized8+{after}")


def test_a_split_that_is_not_known_is_refused():
    for name in ("mnist", "rendered_dsprites+split(extrapolation)"):
        with pytest.raises(ValueError, match=r"has no split 'tset'; .* train or test"):
            data.load(f"{name}:tset")
        with pytest.raises(ValueError, match=r"test:train' names two splits"):
            data.load(f"{name}:test:train")
        with pytest.raises(ValueError, match=r":test' names a split, and .* 'train'"):
            data.load(f"{name}:test", split="train")


def test_a_folder_may_have_a_sign_in_its_name(tmp_path):
    (tmp_path / "a+b").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no image files below .*/a\+b;"):
        data.load(f"{tmp_path}/a+b")


def test_no_folder_says_what_to_set(monkeypatch):
    monkeypatch.delenv("DIS_JAX_DATA_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match=r"data_dir.*DIS_JAX_DATA_DIR.*mnist/"):
        data.load("mnist")


def test_missing_folder_and_missing_file_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*mnist/"):
        data.load("mnist", tmp_path / "nowhere")
    monkeypatch.setenv("DIS_JAX_DATA_DIR", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"train-images-idx3-ubyte\.gz; fetch it from"
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
    with pytest.raises(ValueError, match=r"t10k-images.* has 2 images and .* 1 labels"):
        data.load("mnist", tmp_path, split="test")


@pytest.mark.slow
def test_real_mnist(data_dir):
    mnist = data.load("mnist", data_dir)
    assert (mnist.num_images, mnist.image_shape) == (70_000, (28, 28, 1))
    assert data.load("mnist", data_dir, split="train").num_images == 60_000
    digits = np.asarray(mnist.arrays["factors"])[:, 0]
    # The published counts by digit, of both halves together.
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
    take, draw = jax.jit(data.ImageSet.take), jax.jit(data.ImageSet.images)
    images, labels = take(dsprites, np.arange(0, 46_080, 997))
    np.testing.assert_array_equal(labels, factors)
    np.testing.assert_array_equal(images, draw(dsprites, factors))


@pytest.mark.slow
def test_real_smallnorb(data_dir):
    test = data.load("smallnorb", data_dir, split="test")
    assert test.is_grid
    assert (test.num_images, test.sizes) == (24_300, (5, 5, 9, 18, 6))
    factors = np.asarray(test.arrays["factors"])
    for column, size in enumerate(test.sizes):
        assert np.bincount(factors[:, column]).tolist() == [24_300 // size] * size

    everything = data.load("smallnorb", data_dir)
    factors = np.asarray(everything.arrays["factors"])
    assert not everything.is_grid
    assert np.bincount(factors[:, 0]).tolist() == [9_720] * 5
    assert np.bincount(factors[:, 1]).tolist() == [4_860] * 10
    assert (factors[:24_300, 2:] == -1).all()
    assert set(factors[24_300:, 1]) == {0, 1, 2, 3, 5}
    train = data.load("smallnorb", data_dir, split="train")
    assert np.bincount(np.asarray(train.arrays["factors"])[:, 1]).tolist() == [4860] * 5


@pytest.mark.slow
def test_real_coil100(data_dir):
    coil = data.load("coil100", data_dir)
    assert (coil.num_images, coil.sizes) == (7_098, (100, 72))
    objects = np.bincount(np.asarray(coil.arrays["factors"])[:, 0])
    assert (len(objects), np.count_nonzero(objects == 72)) == (100, 83)

    grid = data.load("coil100_augmented", data_dir)
    assert (grid.sizes, grid.num_images) == ((83, 72, 18, 9), 968_112)
    # Upright and at full size, an image of the grid is the view it is made from.
    ends = np.array([[0, 0, 0, 0], [82, 71, 0, 0]])
    upright = jax.jit(data.ImageSet.images)(grid, ends)
    take = jax.jit(data.ImageSet.take)
    complete = np.flatnonzero(objects == 72)[[0, 82]]
    for image, label, pose in zip(upright, complete, (0, 71), strict=True):
        factors = np.asarray(coil.arrays["factors"])
        (index,) = np.flatnonzero((factors == [label, pose]).all(1))
        np.testing.assert_allclose(image, take(coil, np.array([index]))[0][0])
