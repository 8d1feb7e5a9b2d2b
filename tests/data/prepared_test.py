import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data import prepared
from dis_jax.data.catalogue import PUBLISHED

_path = pathlib.Path(__file__).parent / "official_files.py"
_spec = importlib.util.spec_from_file_location("official_files", _path)
official_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(official_files)

pytest.importorskip("tensorflow_datasets")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def prepare(name, tmp_path, write):
    raw = tmp_path / "raw"
    raw.mkdir()
    written = write(raw)
    directory = prepared.prepare(name, tmp_path / "data", raw_dir=raw, check=False)
    return written, directory


def test_smallnorb_end_to_end(tmp_path):
    written, directory = prepare("smallnorb", tmp_path, official_files.write_smallnorb)
    assert directory == tmp_path / "data" / "smallnorb" / prepared.VERSION
    arrays = prepared.read("smallnorb", directory, ["train", "test"])
    for row, (split, place) in enumerate((s, i) for s in written for i in range(3)):
        images, factors = written[split]
        np.testing.assert_array_equal(arrays["image"][row, ..., 0], images[place, 0])
        np.testing.assert_array_equal(arrays["image2"][row, ..., 0], images[place, 1])
        np.testing.assert_array_equal(arrays["factors"][row], factors[place])

    # The set is the same on the device and from disk.
    held = data.load("smallnorb", tmp_path / "data", resident=True)
    read = data.load("smallnorb", tmp_path / "data", resident=False)
    assert (held.read, read.read is None) == (None, False)
    for a, b in zip(
        held.take(np.array([5, 0])), read.take(np.array([5, 0])), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_dsprites_end_to_end(tmp_path):
    (images, factors), _ = prepare("dsprites", tmp_path, official_files.write_dsprites)
    for resident in (True, False):
        sprites = data.load("dsprites", tmp_path / "data", resident=resident)
        taken, labels = sprites.take(np.arange(5))
        np.testing.assert_array_equal(taken[..., 0], images)
        np.testing.assert_array_equal(labels, factors)


def test_shapes3d_end_to_end(tmp_path):
    (images, angles), _ = prepare("shapes3d", tmp_path, official_files.write_shapes3d)
    shapes = data.load("shapes3d", tmp_path / "data")
    taken, labels = shapes.take(np.arange(15))
    np.testing.assert_allclose(taken * 255, images, atol=1e-4)
    np.testing.assert_array_equal(labels[:, 5], angles)
    assert shapes.factor_names[5] == "orientation"


def test_mnist_end_to_end_without_tensorflow(tmp_path):
    """Runs in its own process, which never imports tensorflow."""
    raw = tmp_path / "raw"
    raw.mkdir()
    written = official_files.write_mnist(raw)
    code = f"""
import sys, pathlib, json
from dis_jax.data import prepared
directory = prepared.prepare(
    "mnist", pathlib.Path({str(tmp_path)!r}), raw_dir=pathlib.Path({str(raw)!r}),
    check=False,
)
arrays = prepared.read("mnist", directory, ["test"])
assert "tensorflow" not in sys.modules
print(json.dumps([arrays["image"].tolist(), arrays["factors"].tolist()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    images, digits = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_array_equal(np.array(images)[..., 0], written["test"][0])
    np.testing.assert_array_equal(np.array(digits)[:, 0], written["test"][1])


def test_prepared_set_is_left_alone_and_a_half_prepared_one_is_named(tmp_path):
    _, directory = prepare("mnist", tmp_path, official_files.write_mnist)
    assert prepared.prepare("mnist", tmp_path / "data") == directory

    next(directory.glob("*test*record*")).unlink()
    for act in (
        lambda: prepared.prepare("mnist", tmp_path / "data"),
        lambda: data.load("mnist", tmp_path / "data"),
    ):
        with pytest.raises(
            ValueError, match=r"mnist-test.* is missing: the set is incomplete"
        ):
            act()
    (directory / "dataset_info.json").unlink()
    with pytest.raises(
        ValueError, match=r"no dataset_info\.json: the set is incomplete"
    ):
        prepared.prepare("mnist", tmp_path / "data")


def test_damaged_raw_file_leaves_nothing_behind(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    official_files.write_mnist(raw)
    images = raw / PUBLISHED["mnist"].files["test"][0].name
    images.write_bytes(images.read_bytes()[:-9])
    with pytest.raises(
        ValueError, match=r"t10k-images-idx3-ubyte\.gz is not a complete"
    ):
        prepared.prepare("mnist", tmp_path / "data", raw_dir=raw, check=False)
    assert list((tmp_path / "data" / "mnist").iterdir()) == []


def test_a_set_whose_factors_cannot_be_written_is_not_there(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", full)
        with pytest.raises(OSError, match="no space left"):
            prepare("mnist", tmp_path, official_files.write_mnist)
    assert list((tmp_path / "data" / "mnist").iterdir()) == []


def test_damaged_factors_are_named_and_missing_ones_read_from_the_records(tmp_path):
    _, directory = prepare("mnist", tmp_path, official_files.write_mnist)
    file = directory / "factors_train.npy"
    factors = prepared.read_factors("mnist", directory, ["train"])
    content = file.read_bytes()
    for cut in (0, 40, len(content) - 1):
        file.write_bytes(content[:cut])
        with pytest.raises(ValueError, match=r"factors_train\.npy is damaged"):
            data.load("mnist", tmp_path / "data", resident=False)
    file.unlink()
    found = prepared.read_factors("mnist", directory, ["train"])
    np.testing.assert_array_equal(found, factors)


def test_two_preparations_at_once_leave_one_whole_set(tmp_path, monkeypatch):
    """The second begins and ends while the first one runs."""
    raw = tmp_path / "raw"
    raw.mkdir()
    written = official_files.write_mnist(raw)
    arguments = ("mnist", tmp_path / "data")
    options = {"raw_dir": raw, "check": False}
    reads, read = [], PUBLISHED["mnist"].read

    def read_while_another_prepares(paths):
        reads.append(paths)
        if len(reads) == 1:
            prepared.prepare(*arguments, **options)
        return read(paths)

    builder = tfds_builder("mnist")
    published = PUBLISHED["mnist"]._replace(read=read_while_another_prepares)
    monkeypatch.setattr(builder, "PUBLISHED", published)
    directory = prepared.prepare(*arguments, **options)
    assert len(reads) == 4  # two halves, twice
    assert [path.name for path in directory.parent.iterdir()] == [prepared.VERSION]
    arrays = prepared.read("mnist", directory, ["test"])
    np.testing.assert_array_equal(arrays["image"][..., 0], written["test"][0])


def tfds_builder(name):
    from dis_jax.data.tfds_builders import BUILDERS

    return BUILDERS[name]


def test_tfrecord_files_are_passed_over_where_there_are_others(tmp_path):
    _, directory = prepare("mnist", tmp_path, official_files.write_mnist)
    newer = directory.parent / "3.0.1"
    shutil.copytree(directory, newer)
    for file in newer.glob("*array_record*"):
        file.rename(newer / file.name.replace("array_record", "tfrecord"))
    info = newer / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    assert prepared.newest(directory.parent) == directory
    tenth = shutil.copytree(directory, directory.parent / "10.0.0")
    assert prepared.newest(directory.parent) == tenth
    shutil.rmtree(tenth)
    shutil.rmtree(directory)
    if importlib.util.find_spec("tensorflow"):
        return
    with pytest.raises(ValueError, match=r"prepare_data --dataset=mnist --data_dir=/"):
        data.load("mnist", tmp_path / "data")


def test_wrong_checksum_and_missing_file_are_named(tmp_path):
    official_files.write_mnist(tmp_path)
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz has the sha256"):
        prepared.prepare("mnist", tmp_path / "data", raw_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"smallnorb-5x46789.*fetch it from"):
        prepared.prepare("smallnorb", tmp_path / "data", raw_dir=tmp_path)
    assert not (tmp_path / "data").exists()
    with pytest.raises(ValueError, match="'norb' cannot be prepared; expected small"):
        prepared.prepare("norb", tmp_path / "data")


def test_stream_from_disk_is_what_the_device_would_draw(tmp_path):
    prepare("mnist", tmp_path, official_files.write_mnist)
    held, read = (
        data.load("mnist", tmp_path / "data", resident=resident)
        for resident in (True, False)
    )
    key = jax.random.key(3)
    sampler = data.two_batches(held, 4, order="epoch")
    streamed = data.stream(read, data.two_batches(read, 4, order="epoch"), key)
    for step in range(3):
        batch = data.finished(sampler, next(streamed), key, step)
        drawn = sampler.sample(held, key, step, sampler.args)
        for field in ("image", "image2", "factors"):
            np.testing.assert_array_equal(batch[field], drawn[field])


def test_set_that_tfds_itself_prepared_is_read_without_tensorflow(tmp_path):
    """TFDS stores MNIST shuffled, as PNG files, and without a list of factors."""
    import io

    import tensorflow_datasets as tfds
    from PIL import Image

    rng = np.random.default_rng(0)
    images = {s: rng.integers(0, 256, (4, 28, 28), np.uint8) for s in ("train", "test")}

    def png(image):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        file.seek(0)
        return file

    class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("3.0.1")

        def _info(self):
            label = tfds.features.ClassLabel(num_classes=10)
            picture = tfds.features.Image(shape=(28, 28, 1))
            features = tfds.features.FeaturesDict({"image": picture, "label": label})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in images}

        def _generate_examples(self, split):
            for i, image in enumerate(images[split]):
                yield i, {"image": png(image), "label": i}

    builder = Mnist(data_dir=str(tmp_path), file_format="array_record")
    builder.download_and_prepare()
    assert "tensorflow" not in sys.modules
    for resident in (True, False):
        taken, digits = data.load("mnist", tmp_path, resident=resident).take(
            np.arange(8)
        )
        found = np.rint(np.asarray(taken) * 255)[..., 0]
        expected = [
            images[split][digit]
            for split, part in zip(images, np.split(digits[:, 0], 2), strict=True)
            for digit in np.asarray(part)
        ]
        np.testing.assert_array_equal(found, expected)
        assert sorted(digits[:4, 0].tolist()) == [0, 1, 2, 3]
