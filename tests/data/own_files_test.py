import numpy as np
import pytest

from dis_jax import data
from dis_jax.training import words


def write(path, value):
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), value).save(path)


def bytes_of(image_set):
    images, factors = image_set.take(np.arange(image_set.num_images))
    return np.rint(images[:, 0, 0, 0] * 255).astype(int).tolist(), factors.tolist()


def test_npz_gives_its_whole_numbers_as_factors(tmp_path):
    images = np.full((3, 8, 8), 7, np.uint8)
    arrays = {"kind": np.array([0, 1, 1]), "weight": np.array([0.1, 0.2, 0.3])}
    np.savez(tmp_path / "mine.npz", images=images, **arrays)
    mine = data.load(str(tmp_path / "mine.npz"))
    assert (mine.name, mine.factor_names, mine.sizes) == ("mine", ("kind",), (2,))
    assert bytes_of(mine) == ([7, 7, 7], [[0], [1], [1]])


def test_vectors_that_are_not_of_the_images_are_no_factors(tmp_path):
    path = tmp_path / "mine.npz"
    images = np.full((3, 8, 8), 7, np.uint8)
    np.savez(path, images=images, kind=np.array([0, 1, 1]), whole=np.arange(2))
    assert data.load(str(path)).factor_names == ("kind",)
    with pytest.raises(
        ValueError, match=r"'whole' in .*mine.npz has 2 values; .* 3 im"
    ):
        data.from_npz(path, factors=["kind", "whole"])


def test_folder_gives_table_or_classes_or_nothing(tmp_path):
    for name, value in (("a/1.png", 10), ("b/1.png", 20)):
        write(tmp_path / name, value)
    assert bytes_of(data.load(str(tmp_path))) == ([10, 20], [[0], [1]])
    (tmp_path / "labels.csv").write_text("file,size\nb/1.png,3\na/1.png,0\n")
    tabled = data.load(str(tmp_path))
    assert tabled.factor_names == ("size",)
    assert bytes_of(tabled) == ([20, 10], [[3], [0]])
    write(tmp_path / "plain" / "1.png", 30)
    plain = data.load(str(tmp_path / "plain"))
    assert (plain.factor_names, plain.num_images) == ((), 1)


def test_a_word_behind_the_path_brings_images_to_one_size(tmp_path):
    from PIL import Image

    folder = tmp_path / "photos"
    write(folder / "cat" / "1.png", 10)
    Image.new("L", (20, 12), 20).save(folder / "cat" / "2.png")
    with pytest.raises(ValueError, match=r"expected one size.*<folder>\+resized64"):
        data.load(str(folder))
    photos = data.load(f"{folder}+resized4+coloured")
    assert (photos.name, photos.factor_names) == (
        "photos+resized4+coloured",
        ("class",),
    )
    assert photos.image_shape == (4, 4, 3)
    assert bytes_of(photos) == ([10, 20], [[0], [0]])

    np.savez(tmp_path / "mine.npz", images=np.full((3, 50, 50), 7, np.uint8))
    mine = data.load(f"{tmp_path}/mine.npz+resized16")
    assert (mine.name, mine.image_shape) == ("mine+resized16", (16, 16, 1))


def test_kinds_beside_own_files(tmp_path):
    arrays = {"angle": np.arange(6) % 3, "size": np.arange(6) // 3}
    images = np.full((6, 8, 8), 7, np.uint8)
    path = tmp_path / "mine.npz"
    np.savez(path, images=images, **arrays)
    assert data.load(str(path)).kinds == ()
    (tmp_path / "mine.kinds.json").write_text('{"angle": ["circular", 3]}')
    kinds = (("circular", 3.0), "categorical")
    assert data.load(str(path)).kinds == kinds
    assert data.load(f"{path}+resized16+coloured").kinds == kinds
    # an argument goes before the file
    mine = data.from_path(path, kinds={"angle": "ordered", "size": "ordered"})
    assert mine.kinds == ("ordered", "ordered")

    write(tmp_path / "photos" / "1.png", 10)
    write(tmp_path / "photos" / "2.png", 20)
    (tmp_path / "photos" / "labels.csv").write_text("file,size\n1.png,0\n2.png,1\n")
    table = tmp_path / "photos" / "kinds.json"
    table.write_text('{"size": "ordered"}')
    assert data.load(str(tmp_path / "photos")).kinds == ("ordered",)
    for text, message in (
        ('{"size": "large"}', "kinds.json: the kind of 'size' is 'large'"),
        (
            '{"sise": "ordered"}',
            "kinds.json: kinds has no factor 'sise' of .* did you mean 'size'",
        ),
        ("{", "kinds.json: kinds is not valid JSON"),
        ("[]", "expected a JSON object"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=message):
            data.load(str(tmp_path / "photos"))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nothing; expected one"):
        data.load(str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match=r"no file .*nothing\.npz"):
        data.load(str(tmp_path / "nothing.npz"))


def test_a_folder_without_a_slash_and_another_file_get_their_way_out(
    tmp_path, monkeypatch
):
    write(tmp_path / "photos" / "1.png", 10)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"For the folder photos write \./photos$"):
        data.load("photos")
    with pytest.raises(ValueError, match=r"For the folder photos write \./photos$"):
        words.read("photos", datasets=True)
    assert data.load("./photos").num_images == 1
    (tmp_path / "faces.h5").touch()
    with pytest.raises(ValueError, match=r"faces\.h5 is not a supported file"):
        data.load("./faces.h5")
    np.save("plain.npy", np.zeros((2, 8, 8)))
    with pytest.raises(ValueError, match=r"^plain.npy is not a supported file; expect"):
        data.load("plain.npy")


def test_a_path_with_a_comma_loads(tmp_path):
    write(tmp_path / "a,b" / "1.png", 10)
    assert data.load(f"{tmp_path}/a,b").num_images == 1


def test_images_beside_subfolders_cost_the_classes_and_this_is_said(tmp_path, caplog):
    for name in ("a/1.png", "b/1.png", "stray.png"):
        write(tmp_path / name, 0)
    assert data.load(str(tmp_path)).factor_names == ()
    assert "1 of 3 images (such as stray.png) are outside them" in caplog.text


def test_labels_that_are_refused_are_named_with_their_file(tmp_path):
    path = tmp_path / "mine.npz"
    for labels in ([0, -30, 30], [0, 1, 2**40]):
        np.savez(path, images=np.zeros((3, 8, 8), np.uint8), angle=np.array(labels))
        with pytest.raises(
            ValueError, match=r"mine\.npz: factor 'angle' .* out of range"
        ):
            data.load(str(path))
