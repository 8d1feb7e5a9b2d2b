"""Errors name the file and its fault, and no file makes the reader open another one."""

import h5py
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data import data_dir as sets
from dis_jax.data import download
from dis_jax.data.hdf5 import read_hdf5
from dis_jax.data.numpy_files import npz_headers, read_npy, read_npz


def own_npz(path, **arrays):
    images = np.random.default_rng(0).integers(0, 255, (20, 16, 16)).astype(np.uint8)
    np.savez(path, images=images, kind=np.arange(20) % 3, **arrays)
    return path


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<?xml version='1.0'?><Error/>", "it is a web page"),
        (b"\n<!DOCTYPE html><html>", "it is a web page"),
        (b"", "it is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "it is a Git LFS pointer",
        ),
        (b"\x93NUMPY\x01\x00v\x00", "it starts with the bytes 93 4e 55 4d"),
    ],
)
def test_what_a_file_is_instead_is_said(tmp_path, content, found):
    path = tmp_path / "mine.npz"
    path.write_bytes(content)
    message = rf"mine\.npz is not a complete \.npz file \({found}.*; fetch it again"
    with pytest.raises(ValueError, match=message):
        data.load(str(path))


def test_half_an_npz_is_refused_by_name(tmp_path):
    path = own_npz(tmp_path / "mine.npz")
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"mine\.npz is not a complete"):
            data.load(str(path))


def test_a_header_that_asks_for_part_of_an_array_is_refused(tmp_path):
    """NumPy would return the first 10 images without comparing a checksum."""
    path = own_npz(tmp_path / "mine.npz")
    path.write_bytes(path.read_bytes().replace(b"(20, 16, 16)", b"(10, 16, 16)"))
    with pytest.raises(
        ValueError, match=r"mine\.npz is not a complete .* 2560 bytes, 5120"
    ):
        data.load(str(path))
    np.save(tmp_path / "a.npy", np.arange(20))
    content = (tmp_path / "a.npy").read_bytes().replace(b"(20,)", b"(10,)")
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"a\.npy is not a complete .* 80 bytes, 160 are"
    ):
        read_npy(tmp_path / "a.npy")


class Trap:
    """An object that runs code when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_objects_are_passed_over_by_name_and_never_unpickled(tmp_path, caplog):
    trap = np.array([Trap()], dtype=object)
    words = np.array(["cat"] * 20)
    path = own_npz(tmp_path / "mine.npz", trap=trap, words=words, real=np.zeros(20))
    assert data.load(str(path)).factor_names == ("kind",)
    said = "trap (Python objects (1,)), words (words (20,)), real (real numbers (20,))"
    assert said in caplog.text
    assert npz_headers(path)["trap"].dtype.hasobject
    with pytest.raises(
        ValueError, match=r"'trap' in .*mine.npz contains Python objects"
    ):
        read_npz(path, ["trap"])
    np.save(tmp_path / "trap.npy", trap)
    with pytest.raises(ValueError, match=r"trap\.npy contains Python objects"):
        read_npy(tmp_path / "trap.npy")


def test_hdf5_shows_no_other_file(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(range(64)))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["images"] = np.zeros((4, 4), np.uint8)
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        outside = [(str(secret), 0, 64)]
        file.create_dataset("stored", (8, 8), np.uint8, external=outside)
        file["linked"] = h5py.ExternalLink("other.h5", "images")
        file["soft"] = h5py.SoftLink("/soft")
        layout = h5py.VirtualLayout((4, 4), np.uint8)
        layout[:] = h5py.VirtualSource("other.h5", "images", (4, 4))
        file.create_virtual_dataset("virtual", layout)
        file["group/inner"] = np.ones(3)
        file["words"] = ["a", "b"]
        file.create_dataset("empty", (100, 4), np.uint8, chunks=(10, 4))
    for name, message in {
        "stored": "has its values in another file",
        "linked": "is a link to 'images' in the file 'other.h5'",
        "soft": "is a link to '/soft'",
        "virtual": "has its values in another file",
        "group": "is a group",
        "words": "has dtype object; expected numbers",
        "empty": "were never written",
        "group/nothing": "has no array 'group/nothing'",
        "words/more": "has no array 'words/more'",
    }.items():
        with pytest.raises(ValueError, match=message) as error:
            read_hdf5(path, [name])
        assert str(path) in str(error.value)
    np.testing.assert_array_equal(read_hdf5(path, ["group/inner"]), [np.ones(3)])


@pytest.mark.parametrize("wrong", [np.nan, 0.5, -1, 40, 2**62])
def test_dsprites_take_no_label_that_there_is_not(tmp_path, wrong):
    classes = np.zeros((5, 6), np.float64)
    classes[3, 3] = wrong
    with h5py.File(tmp_path / "sprites.hdf5", "w") as file:
        file["imgs"] = np.zeros((5, 64, 64), np.uint8)
        file["latents/classes"] = classes
    with pytest.raises(
        ValueError, match=r"'orientation' in .*sprites.hdf5 is .* at row 3"
    ):
        download.read_dsprites([tmp_path / "sprites.hdf5"])


def test_shapes3d_take_no_value_that_there_is_not(tmp_path):
    path = tmp_path / "3dshapes.h5"
    for wrong, message in (
        (np.nan, "are nan at row 2, factor 'scale'"),
        (9, "9 different"),
    ):
        values = np.zeros((9, 6))
        values[:, 3] = np.arange(9) if wrong == 9 else 0
        values[2, 3] = wrong
        with h5py.File(path, "w") as file:
            file["images"], file["labels"] = np.zeros((9, 64, 64, 3), np.uint8), values
        with pytest.raises(ValueError, match=message):
            download.read_shapes3d([path])


def test_published_npz_of_dsprites_by_name_and_by_path(tmp_path):
    path = tmp_path / "dsprites" / sets.DSPRITES_NPZ
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    classes = np.c_[np.zeros(50, int), rng.integers(0, [3, 6, 40, 32, 32], (50, 5))]
    images = rng.integers(0, 2, (50, 64, 64)).astype(np.uint8)
    meta = np.array({"title": "dSprites"}, dtype=object)
    np.savez(path, metadata=meta, imgs=images, latents_classes=classes)
    for name, found in {
        "dsprites": data.load("dsprites", tmp_path),
        path.stem: data.load(str(path)),
    }.items():
        assert (found.name, found.sizes) == (name, (3, 6, 40, 32, 32))
        taken, factors = found.take(np.arange(50))
        np.testing.assert_array_equal(taken[..., 0], images)
        np.testing.assert_array_equal(factors, classes[:, 1:])
        assert found.factor_names == ("shape", "scale", "orientation", "pos_x", "pos_y")


def test_a_whole_file_of_another_content_is_not_the_published_one(
    tmp_path, monkeypatch
):
    """One flipped bit: the size is right, the checksum is not."""
    from tests.data.official_files import write_mnist

    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist")
    files = sets.PUBLISHED["mnist"].files["test"]
    sized = tuple(
        file._replace(size=(tmp_path / "mnist" / file.name).stat().st_size)
        for file in files
    )
    published = sets.PUBLISHED["mnist"]._replace(files={"test": sized})
    monkeypatch.setitem(sets.PUBLISHED, "mnist", published)
    with pytest.raises(
        ValueError, match=r"t10k-images.* has the sha256 .*fetch it again"
    ):
        data.load("mnist", tmp_path, split="test")


def test_instances_of_the_other_half_of_smallnorb_are_refused(tmp_path):
    folder = tmp_path / "smallnorb"
    folder.mkdir()
    names = ("category", "elevation", "azimuth", "lighting")
    arrays = {"images": np.zeros((2, 64, 64), np.uint8)}
    arrays |= dict.fromkeys(names, np.zeros(2, int))
    path = folder / "smallnorb_test_left_64x64.npz"
    np.savez(path, instance=np.array([0, 4]), **arrays)
    with pytest.raises(ValueError, match=r"test half is 4 at row 1; .* 0, 1, 2, 3, 5"):
        data.load("smallnorb", tmp_path, "test")
    np.savez(path, instance=np.array([0.5, 1]), **arrays)
    with pytest.raises(
        ValueError, match=r"'instance' in .*64x64\.npz is 0\.5 at row 0"
    ):
        data.load("smallnorb", tmp_path, "test")
