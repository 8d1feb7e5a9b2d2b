import re

import numpy as np
import pytest
import scipy.io
from PIL import Image

from dis_jax import data
from dis_jax.data import raw_sets
from dis_jax.data.catalogue import OFFERED


def test_coil100_is_read_from_its_images_and_its_whole_objects_are_turned(tmp_path):
    folder = tmp_path / "coil100" / "coil-100"
    folder.mkdir(parents=True)
    for view in range(73):  # all views of object 3, one of object 12
        image = np.full((128, 128, 3), view, np.uint8)
        image[:2, :2, 0] = [[10, 20], [30, 42]]
        name = f"obj{3 if view < 72 else 12}__{5 * (view % 72)}.png"
        Image.fromarray(image).save(folder / name)
    coil = data.load("coil100", tmp_path)
    assert (coil.num_images, coil.sizes) == (73, (100, 72))
    images, factors = coil.take(np.array([7, 72]))
    assert factors.tolist() == [[2, 7], [11, 0]]
    np.testing.assert_allclose(images[:, 0, 0, 0] * 255, 26, atol=1e-4)  # 25.5
    np.testing.assert_allclose(images[:, 9, 9, 2] * 255, [7, 72], atol=1e-4)

    grid = data.load("coil100_augmented", tmp_path)
    assert grid.sizes == (1, 72, 18, 9)
    np.testing.assert_allclose(grid.images(np.array([[0, 7, 0, 0]]))[0], images[0])

    Image.new("RGB", (32, 32)).save(folder / "obj12__5.png")
    with pytest.raises(ValueError, match=r"obj12__5\.png has the shape \(32, 32, 3\)"):
        data.load("coil100", tmp_path)


def test_coil100_takes_no_view_that_was_not_published(tmp_path):
    folder = tmp_path / "coil100"
    folder.mkdir()
    arrays = {"images": np.zeros((2, 64, 64, 3), np.uint8), "object": np.array([1, 2])}
    for angles, message in (
        ([0, 7], "'angle_deg' in .* is 7 at row 1; expected multiples of 5"),
        ([0, 360], "'angle_deg' in .* is 360 at row 1"),
        (["0", "5"], "'angle_deg' in .* has dtype <U1"),
        ([0, np.nan], "'angle_deg' in .* is nan at row 1"),
        ([0], r"'angle_deg' in .* has the shape \(1,\); expected \(2,\)"),
    ):
        np.savez(folder / "coil100_64x64.npz", angle_deg=np.array(angles), **arrays)
        with pytest.raises(ValueError, match=rf"{message}(?s:.*)softlib/coil-100"):
            data.load("coil100", tmp_path)
    (folder / "coil100_64x64.npz").unlink()
    for name in ("obj3__7.png", "obj101__5.png", "obj0__5.png"):
        Image.new("RGB", (128, 128)).save(folder / name)
        with pytest.raises(ValueError, match=rf"{name}: the name is object"):
            data.load("coil100", tmp_path)
        (folder / name).unlink()
    for place in (folder, folder / "again"):
        place.mkdir(exist_ok=True)
        Image.new("RGB", (128, 128)).save(place / "obj3__5.png")
    with pytest.raises(ValueError, match=r"obj3__5\.png are the same view"):
        data.load("coil100", tmp_path)


def test_what_a_mac_leaves_behind_is_no_file_of_a_set(tmp_path):
    scipy.io.savemat(
        tmp_path / "car_1.mat", {"im": np.zeros((8, 8, 3, 24, 4), np.uint8)}
    )
    np.savez(tmp_path / "toy.npz", images=np.zeros((8, 1, 1, 3), np.uint8))
    for name in ("._car_1.mat", "._toy.npz"):
        (tmp_path / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
    assert len(raw_sets.cars3d(tmp_path, side=4).images) == 96
    sizes = (1, 2, 1, 1, 1, 2, 2)
    assert len(raw_sets.mpi3d(tmp_path, sizes=(sizes,)).images) == 8


def test_mpi3d_is_a_grid_in_c_order(tmp_path):
    images = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1).repeat(3, axis=-1) * 30
    np.savez(tmp_path / "toy.npz", images=images)
    sizes = (1, 2, 1, 1, 1, 2, 2)
    found = raw_sets.mpi3d(tmp_path, sizes=((3,) * 7, sizes))
    assert (found.sizes, found.factor_names[5]) == (sizes, "horizontal_axis")
    assert found.factors[5].tolist() == [0, 1, 0, 0, 0, 0, 1]
    np.testing.assert_array_equal(found.images, images)

    with pytest.raises(
        ValueError, match=r"has 8 images; expected 1,036,800 or 460,800"
    ):
        raw_sets.mpi3d(tmp_path)
    np.savez(tmp_path / "real.npz", images=images)
    with pytest.raises(ValueError, match=r"real\.npz, toy\.npz; keep one"):
        raw_sets.mpi3d(tmp_path)


def test_cars3d_unrolls_the_views_of_each_object(tmp_path):
    for number in range(2):
        views = np.zeros((10, 10, 3, 24, 4), np.uint8)
        views[..., 5, 2] = 100 + number
        scipy.io.savemat(tmp_path / f"car_{number:03}_mesh.mat", {"im": views})
    found = raw_sets.cars3d(tmp_path, side=4)
    assert found.images.shape == (192, 4, 4, 3)
    assert found.sizes == (4, 24, 2)
    bright = found.images.max((1, 2, 3))
    assert [
        (bright[row], *found.factors[row].tolist()) for row in np.flatnonzero(bright)
    ] == [(100, 2, 5, 0), (101, 2, 5, 1)]

    scipy.io.savemat(tmp_path / "car_002_mesh.mat", {"im": np.zeros((3, 3), np.uint8)})
    with pytest.raises(ValueError, match=r"car_002_mesh\.mat has the shape \(3, 3\)"):
        raw_sets.cars3d(tmp_path)
    (tmp_path / "car_002_mesh.mat").write_bytes(b"no mat file at all, but long enough")
    with pytest.raises(
        ValueError, match=r"car_002_mesh\.mat is not a complete .mat file of"
    ):
        raw_sets.cars3d(tmp_path)


def test_isaac3d_ranks_the_values_of_its_labels(tmp_path):
    (tmp_path / "isaac3d" / "images").mkdir(parents=True)
    folder = tmp_path / "isaac3d"
    for number in range(3):
        image = Image.new("RGB", (8, 8), (number, 0, 0))
        image.save(folder / "images" / f"{number:06}.png")
    with pytest.raises(ValueError, match=r"3 images and no labels\.npy"):
        raw_sets.isaac3d(folder)
    values = np.zeros((3, 9))
    values[:, 3] = [1.0, 0.0, 1 / 3]
    np.save(folder / "labels.npy", values)
    isaac = data.load("isaac3d", tmp_path)
    assert (isaac.sizes, isaac.image_shape) == (
        (3, 8, 5, 4, 4, 4, 6, 4, 4),
        (64, 64, 3),
    )
    images, factors = isaac.take(np.arange(3))
    assert factors[:, 3].tolist() == [2, 0, 1]
    np.testing.assert_allclose(images[:, 0, 0, 0] * 255, [0, 1, 2], atol=1e-4)
    np.save(folder / "labels.npy", values[:2])
    with pytest.raises(ValueError, match=r"shape \(2, 9\); expected \(3, 9\)"):
        raw_sets.isaac3d(folder)
    values[1, 3] = np.nan
    np.save(folder / "labels.npy", values)
    with pytest.raises(ValueError, match=r"labels\.npy are nan at row 1, .*camera_he"):
        raw_sets.isaac3d(folder)
    for wrong in (values.astype(str), values.astype(object)):
        np.save(folder / "labels.npy", wrong)
        with pytest.raises(
            ValueError, match=r"labels\.npy (have dtype <U|contains Python)"
        ):
            raw_sets.isaac3d(folder)


def test_rgbd_objects_are_masked_and_padded(tmp_path):
    for name, value in (("apple_1", 200), ("water_bottle_2", 100)):
        folder = tmp_path / name.rsplit("_", 1)[0] / name
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 4), (value,) * 3).save(folder / f"{name}_4_17_crop.png")
        mask = np.zeros((4, 8), np.uint8)
        mask[:, :4] = 255
        Image.fromarray(mask).save(folder / f"{name}_4_17_maskcrop.png")
        Image.new("L", (8, 4), 9).save(folder / f"{name}_4_17_depthcrop.png")
    found = raw_sets.rgbd_objects(tmp_path, side=8)
    assert found.factor_names == ("category", "instance", "azimuth", "pose")
    assert found.factors.tolist() == [[0, 0, 3, 16], [1, 1, 3, 16]]
    np.testing.assert_array_equal(found.images[0, 2:6, :3], 200)
    assert found.images[0, :, 5:].max() == 0
    assert found.images[0, 0].max() == 0

    (tmp_path / "apple" / "strange_crop.png").write_bytes(
        (tmp_path / "apple" / "apple_1" / "apple_1_4_17_crop.png").read_bytes()
    )
    with pytest.raises(ValueError, match=r"strange_crop\.png: the name is not"):
        raw_sets.rgbd_objects(tmp_path)


@pytest.mark.parametrize(
    "name", ["coil100", "mpi3d", "cars3d", "isaac3d", "rgbd_objects"]
)
def test_empty_folder_is_named(tmp_path, name):
    (tmp_path / name).mkdir()
    where = re.escape(OFFERED[name])
    with pytest.raises(FileNotFoundError, match=f"{name}.* is available at {where}"):
        data.load(name, tmp_path)
