import gzip
import hashlib
import importlib.util
import pathlib

import numpy as np
import pytest

from dis_jax import data
from dis_jax.data import download
from dis_jax.data.catalogue import PUBLISHED

_path = pathlib.Path(__file__).parent / "official_files.py"
_spec = importlib.util.spec_from_file_location("official_files", _path)
official_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(official_files)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 3, 2)])
def test_norb_matrix_is_what_was_written(tmp_path, dtype, shape):
    array = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    content = official_files.norb_matrix(array)
    (tmp_path / "plain.mat").write_bytes(content)
    (tmp_path / "packed.mat.gz").write_bytes(gzip.compress(content))
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(download.read_norb_matrix(path), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"starts with the number \(nothing\)"),
        (b"MATLAB 5.0 MAT-file", "starts with the number 0x4c54414d"),
        (
            np.array([0x1E3D4C55, 1, 9, 1, 1], "<i4").tobytes(),
            "has 20 .*requires 29",
        ),
    ],
)
def test_damaged_norb_matrix_is_refused(tmp_path, content, message):
    path = tmp_path / "dat.mat"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        download.read_norb_matrix(path)
    assert str(path) in str(error.value)


def test_truncated_gzip_and_broken_hdf5_name_the_file(tmp_path):
    official_files.write_smallnorb(tmp_path, count=1)
    path = tmp_path / PUBLISHED["smallnorb"].files["test"][0].name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        ValueError, match=r"testing-dat\.mat\.gz is not a complete gzip"
    ):
        download.read_norb_matrix(path)
    (tmp_path / "3dshapes.h5").write_bytes(b"\x89HDF\r\n\x1a\n broken")
    with pytest.raises(ValueError, match=r"3dshapes\.h5 is not a complete HDF5 file"):
        download.read_hdf5(tmp_path / "3dshapes.h5", ["images"])


def test_hdf5_that_lacks_an_array_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "some.h5", "w") as file:
        file["pictures"] = np.zeros(3)
    with pytest.raises(
        ValueError, match=r"no array 'images'; it contains \['pictures'\]"
    ):
        download.read_hdf5(tmp_path / "some.h5", ["images"])


def test_checksum_of_the_file_or_of_what_it_holds(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(b"inside"))
    digests = [hashlib.sha256(b).hexdigest() for b in (path.read_bytes(), b"inside")]
    for digest in digests:
        download.verify(path, download.File("labels.gz", "", 0, (digest,)))
    with pytest.raises(ValueError, match=f"labels.gz has the sha256 {digests[0]}; exp"):
        download.verify(path, download.File("labels.gz", "", 0, ("0" * 64,)))


def test_fetch_brings_all_or_nothing(tmp_path):
    (tmp_path / "there").mkdir()
    origin = tmp_path / "there" / "labels"
    origin.write_bytes(b"inside")
    digest = hashlib.sha256(b"inside").hexdigest()
    file = download.File("labels", origin.as_uri(), 6, (digest,))
    path = download.fetch(file, tmp_path / "here")
    assert path.read_bytes() == b"inside"
    origin.unlink()
    assert download.fetch(file, tmp_path / "here") == path  # downloaded already

    with pytest.raises(ConnectionError, match=r"could not fetch file://.*--raw_dir"):
        download.fetch(file, tmp_path / "elsewhere")
    origin.write_bytes(b"damaged")
    with pytest.raises(ValueError, match="has the sha256"):
        download.fetch(file, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_mnist_halves_must_match(tmp_path):
    official_files.write_mnist(tmp_path)
    images, digits = PUBLISHED["mnist"].files["train"]
    (tmp_path / digits.name).write_bytes(
        gzip.compress(official_files.idx(np.zeros(5, np.uint8)))
    )
    with pytest.raises(ValueError, match=r"6 images and .* 5 labels"):
        PUBLISHED["mnist"].read([tmp_path / images.name, tmp_path / digits.name])


def test_published_files_are_read_without_preparing(tmp_path):
    folder = tmp_path / "smallnorb"
    folder.mkdir()
    written = official_files.write_smallnorb(folder)
    full = data.load("smallnorb_96", tmp_path)
    images = np.concatenate([written[split][0][:, 0] for split in ("train", "test")])
    factors = np.concatenate([written[split][1] for split in ("train", "test")])
    taken, labels = full.take(np.arange(6))
    np.testing.assert_allclose(taken[..., 0] * 255, images, atol=1e-4)
    np.testing.assert_array_equal(labels, factors)

    half = data.load("smallnorb", tmp_path, split="test")
    assert (half.image_shape, half.sizes) == ((64, 64, 1), (5, 5, 9, 18, 6))
    instances = np.array([0, 1, 2, 3, 5])[np.asarray(half.factors(np.arange(3)))[:, 1]]
    np.testing.assert_array_equal(instances, written["test"][1][:, 1])


def test_missing_published_file_says_where_it_is_to_be_had(tmp_path):
    (tmp_path / "shapes3d").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"3dshapes\.h5; fetch it from https"
    ) as e:
        data.load("shapes3d", tmp_path)
    assert "python -m launch.prepare_data --dataset=shapes3d" in str(e.value)
