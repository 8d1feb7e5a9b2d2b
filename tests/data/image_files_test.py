import numpy as np
import pytest
from PIL import Image

from dis_jax import data


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def flat(value, height=6, width=6, channels=3):
    shape = (height, width, channels) if channels == 3 else (height, width)
    return np.full(shape, value, np.uint8)


def test_plain_folder_in_the_order_of_its_paths(tmp_path):
    for name, value in (("b/2.png", 20), ("a.bmp", 10), ("b/1.png", 30)):
        write(tmp_path / name, flat(value))
    (tmp_path / "notes.txt").write_text("no image")
    mine = data.from_folder(tmp_path, name="mine")
    assert (mine.name, mine.factor_names) == ("mine", ())
    taken, _ = mine.take(np.arange(3))
    np.testing.assert_allclose(taken[:, 0, 0] * 255, [[10] * 3, [30] * 3, [20] * 3])


def test_subfolders_as_classes(tmp_path):
    for name in ("dog/x.png", "cat/y.png", "dog/deep/z.png"):
        write(tmp_path / name, flat(0))
    mine = data.from_folder(tmp_path, labels="folders")
    assert (mine.factor_names, mine.sizes) == (("class",), (2,))
    # cat/y, dog/deep/z, dog/x
    assert mine.factors(np.arange(3)).tolist() == [[0], [1], [1]]
    assert mine.names_of("class") == ("cat", "dog")
    write(tmp_path / "stray.png", flat(0))
    with pytest.raises(ValueError, match=r"stray\.png is in no subfolder"):
        data.from_folder(tmp_path, labels="folders")


def test_names_that_begin_with_a_dot_are_passed_over(tmp_path):
    for name in ("dog/x.png", "cat/y.png", ".ipynb_checkpoints/y.png"):
        write(tmp_path / name, flat(0))
    (tmp_path / "cat" / "._y.png").write_bytes(b"what a Mac leaves behind")
    mine = data.load(str(tmp_path))
    assert (mine.num_images, mine.sizes) == (2, (2,))


def test_table_that_excel_saved(tmp_path):
    write(tmp_path / "x.png", flat(0))
    table = tmp_path / "labels.csv"
    table.write_text("file,größe\r\nx.png,1\r\n", encoding="utf-8-sig")
    assert data.load(str(tmp_path)).factor_names == ("größe",)


def test_csv_names_files_and_factors(tmp_path):
    for name in ("x.png", "y.png", "left_out.png"):
        write(tmp_path / name, flat(0, channels=1))
    table = tmp_path / "labels.csv"
    for text in (
        "file,hue,size\ny.png,2,0\nx.png,-1,1\n",
        "hue,file,size\n2,y.png,0\n-1,x.png,1\n",
        "file , hue, size\ny.png , 2 ,0\nx.png, -1,1\n",
        ",file,hue,size\n0,y.png,2,0\n1,x.png,-1,1\n",  # with row numbers of pandas
    ):
        table.write_text(text)
        mine = data.from_folder(tmp_path, labels=table)
        assert (mine.num_images, mine.factor_names) == (2, ("hue", "size"))
        assert (mine.sizes, mine.image_shape) == ((3, 2), (6, 6, 1))
        assert mine.factors(np.arange(2)).tolist() == [[2, 0], [-1, 1]]


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ("hue,path\n1,x.png\n", ValueError, "expected a header with one column `file`"),
        ("a,file,file\n1,x.png,x.png\n", ValueError, "a header with one column"),
        ("file,hue\n", ValueError, "one line per image"),
        ("file,hue\nx.png,1.5\n", ValueError, "line 2: `hue` is '1.5'; expected int"),
        (
            "file,hue\nx.png,\n",
            ValueError,
            "line 2: `hue` is '', which stands for a mis",
        ),
        (
            "file,hue\nx.png,red\n\nx.png,1\n",
            ValueError,
            "line 4: `hue` is '1', elsewhere 'red'; expected .* in all lines",
        ),
        (
            "file,hue\nx.png,red\nx.png,NA\n",
            ValueError,
            "line 3: `hue` is 'NA', which stands",
        ),
        ("file,hue\nx.png,1,2\n", ValueError, "line 2 has 3 columns, the header 2"),
        ("file,hue\nz.png,1\n", FileNotFoundError, r"line 2: no file .*z\.png"),
    ],
)
def test_bad_tables_name_the_line(tmp_path, table, error, message):
    write(tmp_path / "x.png", flat(0))
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(error, match=message):
        data.from_folder(tmp_path, labels=tmp_path / "labels.csv")


def test_words_of_a_table_are_numbered_in_sorted_order(tmp_path):
    write(tmp_path / "x.png", flat(0))
    rows = [f"x.png,{hue},{size}" for hue, size in (("red", 3), (-1, 0), ("blue", 1))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,hue,size", *rows]))
    mine = data.from_folder(tmp_path, labels=tmp_path / "labels.csv")
    assert (mine.factor_names, mine.sizes) == (("hue", "size"), (2, 4))
    assert mine.factors(np.arange(3)).tolist() == [[1, 3], [-1, 0], [0, 1]]
    assert mine.value_names == (("blue", "red"), ())
    assert (mine.names_of("hue"), mine.names_of("size")) == (("blue", "red"), ())


def test_names_of_digits_and_underscores_are_words(tmp_path):
    """`float("1_12")` and `float("11_2")` are both 112."""
    names = ["1_12", "11_2", "3_0"]
    for name in names:
        write(tmp_path / f"{name}.png", flat(0))
    rows = [f"{name}.png,{name}" for name in names]
    (tmp_path / "labels.csv").write_text("\n".join(["file,scene", *rows]))
    mine = data.from_folder(tmp_path, labels=tmp_path / "labels.csv")
    assert mine.value_names == (("11_2", "1_12", "3_0"),)


def test_images_are_brought_to_one_size_and_one_number_of_channels(tmp_path):
    wide = flat(0, 6, 12)
    wide[:, 3:9] = 90  # the middle square
    write(tmp_path / "a.png", wide)
    write(tmp_path / "b.png", flat(90, channels=1))
    with pytest.raises(
        ValueError, match=r"b\.png has the shape \(6, 6, 3\) and .*a\.png"
    ):
        data.from_folder(tmp_path)
    for channels in (1, 3):
        mine = data.from_folder(tmp_path, side=3, channels=channels)
        assert mine.image_shape == (3, 3, channels)
        taken, _ = mine.take(np.arange(2))
        np.testing.assert_allclose(taken * 255, 90, atol=1e-3)


def test_a_colour_that_is_lost_and_a_file_named_twice_are_said(tmp_path, caplog):
    for name, channels in (("a", 1), ("b", 3), ("c", 3)):
        write(tmp_path / f"{name}.png", flat(90, channels=channels))
    data.from_folder(tmp_path, channels=1)
    assert not caplog.messages
    assert data.load(str(tmp_path)).image_shape == (6, 6, 1)
    assert (
        "2 of 3 image files are in colour and become grey, as the first" in caplog.text
    )
    (tmp_path / "labels.csv").write_text("file,hue\nb.png,0\na.png,1\nb.png,1\n")
    data.load(str(tmp_path))
    assert "names 1 files more than once, such as b.png" in caplog.text


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.from_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no image files below .*\.png"):
        data.from_folder(tmp_path)
    write(
        tmp_path / "a.png",
        np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8),
    )
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"b\.png is not a complete image file"):
        data.from_folder(tmp_path)
    (tmp_path / "b.png").write_text("hello")
    with pytest.raises(ValueError, match=r"6c; cannot identify image file\); fetch"):
        data.from_folder(tmp_path)


def test_grey_of_sixteen_bits_keeps_its_shades(tmp_path):
    shades = np.arange(36, dtype=np.uint16).reshape(6, 6) * 1820
    Image.fromarray(shades).save(tmp_path / "deep.png")
    images, _ = data.from_folder(tmp_path).take(np.arange(1))
    np.testing.assert_allclose(images[0, :, :, 0] * 255, shades // 256)


def test_twelve_bits_in_sixteen_are_said_to_be_dark(tmp_path, caplog):
    for name, brightest in (("a", 4095), ("b", 700)):
        shades = np.linspace(0, brightest, 36).astype(np.uint16).reshape(6, 6)
        Image.fromarray(shades).save(tmp_path / f"{name}.png")
    data.from_folder(tmp_path)
    assert "16-bit images go up to 4095 of 65,535" in caplog.text
    caplog.clear()
    Image.fromarray(np.full((6, 6), 4096, np.uint16)).save(tmp_path / "c.png")
    data.from_folder(tmp_path)
    assert not caplog.text


@pytest.mark.parametrize(("mode", "clear"), [("RGBA", (9, 9, 9, 0)), ("LA", (9, 0))])
def test_transparent_pixels_are_counted(mode, clear, tmp_path, caplog):
    for number in range(3):
        image = Image.new(mode, (6, 6), (*clear[:-1], 255))
        if number:
            image.putpixel((2, 3), clear)
        image.save(tmp_path / f"{number}.png")
    images, _ = data.from_folder(tmp_path).take(np.arange(3))
    np.testing.assert_allclose(images * 255, 9, atol=1e-4)
    assert "2 of 3 image files have transparent pixels, which keep" in caplog.text


def test_blank_lines_of_a_table_are_passed_over(tmp_path):
    write(tmp_path / "a.png", flat(9))
    (tmp_path / "labels.csv").write_text("file,kind\n\na.png,2\n\n")
    mine = data.from_folder(tmp_path, labels=tmp_path / "labels.csv")
    assert mine.factors(np.arange(1)).tolist() == [[2]]


def test_all_common_formats_are_images_and_the_rest_is_counted(tmp_path, caplog):
    image = Image.fromarray(flat(90))
    endings = ("bmp", "gif", "jpg", "pgm", "ppm", "tif", "tiff", "webp", "PNG")
    for number, ending in enumerate(endings):
        image.save(tmp_path / f"{number}.{ending}")
    for name in ("notes.txt", "more.txt", "raw.CR2", "README", ".DS_Store"):
        (tmp_path / name).write_text("no image")
    mine = data.from_folder(tmp_path)
    assert mine.num_images == len(endings)
    taken, _ = mine.take(np.arange(len(endings)))
    np.testing.assert_allclose(taken * 255, 90, atol=2)
    assert "ignored 4 files (1 .cr2, 2 .txt, 1 no ending); read 9 images" in caplog.text


def test_images_that_a_table_does_not_name_are_counted(tmp_path, caplog):
    for name in ("a", "b", "c"):
        write(tmp_path / f"{name}.png", flat(0))
    (tmp_path / "labels.csv").write_text("file,kind\na.png,0\n")
    assert data.load(str(tmp_path)).num_images == 1
    assert "ignored 2 files (2 .png); read 1 images" in caplog.text


def test_first_frame_of_an_animation(tmp_path, caplog):
    frames = [Image.fromarray(flat(value)) for value in (50, 150)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    images, _ = data.from_folder(tmp_path).take(np.arange(1))
    np.testing.assert_allclose(images * 255, 50, atol=1e-3)
    assert "1 of 1 image files have several frames" in caplog.text


def test_photographs_are_turned_as_their_camera_says(tmp_path):
    stored = flat(0, 4, 6)
    stored[0] = 255  # the top row of the file
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    images, _ = data.from_folder(tmp_path).take(np.arange(1))
    assert images.shape == (1, 6, 4, 3)
    np.testing.assert_array_equal(images[0, :, :3].max((1, 2)), 0)
    np.testing.assert_array_equal(images[0, :, 3], 1)


@pytest.mark.parametrize(
    ("mode", "colour", "ending", "seen"),
    [
        ("RGBA", (200, 100, 50, 0), "png", (200, 100, 50)),  # alpha is ignored
        ("LA", (120, 0), "png", (120, 120, 120)),
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
        ("P", 7, "png", (10, 20, 30)),
        ("1", 1, "png", (255,)),
    ],
)
def test_other_modes_are_read_as_documented(tmp_path, mode, colour, ending, seen):
    image = Image.new(mode, (6, 6), colour)
    if mode == "P":
        image.putpalette([0] * 21 + [10, 20, 30])
    image.save(tmp_path / f"a.{ending}")
    images, _ = data.from_folder(tmp_path).take(np.arange(1))
    assert images.shape[-1] == len(seen)
    np.testing.assert_allclose(images[0, 3, 3] * 255, seen, atol=1e-3)


def test_pixels_without_a_range_are_refused(tmp_path):
    Image.fromarray(np.full((6, 6), 0.5, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif has pixels of the mode F"):
        data.from_folder(tmp_path)
    Image.fromarray(np.full((6, 6), 70_000, np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif has pixels from 70000 to 70000"):
        data.from_folder(tmp_path)


def test_a_flipped_bit_in_a_png_is_found(tmp_path):
    rng = np.random.default_rng(0)
    write(tmp_path / "a.png", rng.integers(0, 256, (40, 40, 3), np.uint8))
    content = bytearray((tmp_path / "a.png").read_bytes())
    for place in range(60, len(content) - 12, 397):
        content[place] ^= 4
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.png is not a complete image file"):
            data.from_folder(tmp_path)
        content[place] ^= 4


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,hue\n../secret.png,1\n", r"line 2: '\.\./secret\.png' is outside"),
        ("file,hue\n/etc/passwd,1\n", "line 2: '/etc/passwd' is outside"),
        ("file,hue\nx.png,4000000000\n", "line 2: `hue` is '4000000000'"),
        ("file,hue\nx.png,nan\n", "line 2: `hue` is 'nan'"),
        ("file,hue,hue\nx.png,1,2\n", "one unique name per column"),
        ("file,hue,\nx.png,1,2\n", "one unique name per column"),
        ("file,hue\nx.png,-3\n", "line 2: `hue` is '-3'"),
        ("file,gr\xf6\xdfe\nx.png,1\n", "not a complete CSV file in UTF-8"),
    ],
)
def test_a_table_leads_to_no_other_file_and_loses_no_label(tmp_path, table, message):
    write(tmp_path / "secret.png", flat(0))
    write(tmp_path / "mine" / "x.png", flat(0))
    (tmp_path / "mine" / "labels.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(ValueError, match=message) as error:
        data.load(str(tmp_path / "mine"))
    assert "labels.csv" in str(error.value)
