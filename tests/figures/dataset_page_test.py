import jax
import numpy as np
import pytest

from dis_jax import data, figures


def grid(sizes=(3, 4), **options):
    """Image (a, b) has the left pixel a and the right one b."""
    factors = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=-1)
    images = factors.astype(np.uint8).reshape(-1, 1, 2, 1)
    names = {"factor_names": ("a", "b"), "sizes": sizes}
    return data.from_arrays(images, factors, name="pairs", **names | options)


def test_statistics_of_all_and_of_a_sample():
    image_set = grid()
    found = figures.statistics(image_set)
    left = np.repeat([0, 1, 2], 4) / 255
    right = np.tile([0, 1, 2, 3], 3) / 255
    both = np.concatenate([left, right])
    assert found.num_sampled == 12
    np.testing.assert_allclose(found.mean, [both.mean()], rtol=1e-5)
    np.testing.assert_allclose(found.std, [both.std()], rtol=1e-5)
    np.testing.assert_allclose(
        found.mean_image.ravel(), [left.mean(), right.mean()], rtol=1e-5
    )
    np.testing.assert_allclose(
        found.std_image.ravel(), [left.std(), right.std()], rtol=1e-5
    )
    np.testing.assert_allclose(found.histogram, [1] + [0] * 31)
    assert figures.statistics(image_set, num=5).num_sampled == 5


def test_more_images_than_a_batch_are_all_looked_at():
    images = np.arange(250, dtype=np.uint8).reshape(250, 1, 1, 1)
    found = figures.statistics(data.from_arrays(images, name="x"))
    np.testing.assert_allclose(found.mean, [images.mean() / 255], rtol=1e-5)


def test_counts_leave_the_unknown_out():
    factors = np.array([[0, 1], [2, -1], [2, 1]])
    image_set = data.from_arrays(
        np.zeros((3, 1, 1, 1), np.uint8),
        factors,
        name="x",
        factor_names="ab",
        sizes=(3, 2),
    )
    counts = figures.label_counts(image_set)
    assert {k: v.tolist() for k, v in counts.items()} == {"a": [1, 0, 2], "b": [0, 2]}
    counts = figures.label_counts(grid())
    assert {k: v.tolist() for k, v in counts.items()} == {"a": [4] * 3, "b": [3] * 4}


def test_a_sweep_changes_one_factor_alone():
    images, values = figures.factor_sweep(grid(), "b", rows=2)
    pixels = np.rint(images[..., 0, :, 0] * 255).astype(int)
    assert values == [0, 1, 2, 3]
    np.testing.assert_array_equal(pixels[..., 1], [[0, 1, 2, 3]] * 2)
    assert all(len(set(row)) == 1 for row in pixels[..., 0].tolist())
    many = figures.factor_sweep(data.load("rendered_dsprites"), "pos_x", rows=1)[1]
    assert (many[0], many[-1], len(many)) == (0, 31, 12)
    with pytest.raises(ValueError, match="'pairs' has no factor 'c'; it has a, b"):
        figures.factor_sweep(grid(), "c")


def test_without_a_grid_a_sweep_keeps_what_it_can():
    """Cells (0, 0), (0, 1), (1, 1), (1, 2) of a grid of 2 by 4."""
    factors = np.array([[0, 0], [0, 1], [1, 1], [1, 2]])
    images = factors.astype(np.uint8).reshape(-1, 1, 2, 1)
    image_set = data.from_arrays(
        images, factors, name="x", factor_names="ab", sizes=(2, 4)
    )
    found, _ = figures.factor_sweep(image_set, "b", rows=8)
    pixels = np.rint(found[..., 0, :, 0] * 255).astype(int)
    for row in pixels.tolist():
        assert row[:3] in ([[0, 0], [0, 1], [1, 2]], [[0, 0], [1, 1], [1, 2]])
        assert row[3] == [128, 128]  # no image has the value


def test_the_sheet_has_a_row_of_samples_and_one_a_factor():
    sheet = figures.contact_sheet(data.load("rendered_dsprites"))
    height, width, channels = sheet.shape
    assert channels == 1
    assert height > 6 * 64
    assert width > 12 * 64


def test_the_page_shows_every_factor_and_uneven_labels(tmp_path):
    factors = np.array([[0, 0], [0, 1], [1, 1], [-1, 2]])
    image_set = data.from_arrays(
        np.zeros((4, 8, 8, 3), np.uint8),
        factors,
        name="few",
        factor_names=("shape", "where"),
        value_names=(("round", "<square>"), ()),
    )
    path = figures.write_dataset_page(image_set, tmp_path / "new" / "few.html")
    html = path.read_text()
    assert "<h1>few</h1>" in html
    for text in ("sweep of shape", "sweep of where", "images by shape", ">8 x 8 x 3<"):
        assert text in html
    assert "shape: 2 values (round, &lt;square&gt;)" in html
    assert "where: 3 values</h3>" in html
    assert "http" not in html.replace("http://www.w3.org", "")

    bare = data.from_arrays(np.zeros((4, 8, 8, 1), np.uint8), name="bare")
    html = figures.write_dataset_page(bare, tmp_path / "bare.html").read_text()
    assert "the set has none" in html

    unknown = data.from_arrays(
        np.zeros((4, 8, 8, 1), np.uint8), -np.ones(4, int), name="x", factor_names="a"
    )
    assert unknown.sizes == (1,)
    html = figures.write_dataset_page(unknown, tmp_path / "unknown.html").read_text()
    assert "sweep of a" in html


def test_the_sheet_of_few_images_without_factors_is_a_row():
    images = np.zeros((3, 8, 8, 1), np.uint8)
    sheet = figures.contact_sheet(data.from_arrays(images, name="few"))
    white = (sheet[2:10] == 255).all((0, 2)).sum()
    assert sheet.shape[0] < 20
    assert white > 9 * 8  # nine of twelve places are empty


def test_every_factor_has_its_row_whatever_it_is_called():
    images = np.zeros((4, 8, 8, 1), np.uint8)
    factors = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]])
    heights = [
        figures.contact_sheet(
            data.from_arrays(images, factors, factor_names=names, name="few")
        ).shape[0]
        for names in (("a b", "a_b", "samples"), ("a", "b", "c"))
    ]
    assert heights[0] == heights[1]


def test_a_factor_of_which_nothing_is_known_has_grey_images():
    factors = np.array([[0, -1], [1, -1]])
    image_set = data.from_arrays(
        np.zeros((2, 1, 1, 1), np.uint8),
        factors,
        name="half",
        factor_names="ab",
        sizes=(2, 2),
    )
    images, values = figures.factor_sweep(image_set, "b")
    assert values == [0, 1]
    np.testing.assert_array_equal(images, 0.5)


def test_a_page_of_boards_shows_masks_and_problems(tmp_path):
    boards = data.load("rendered_nar")
    path = figures.write_dataset_page(boards, tmp_path / "nar.html", num=100)
    html = path.read_text()
    assert html.count('alt="a visual analogy"') == 6
    assert html.count('alt="masks of regions"') == 1
    programs = data.nar_problems(jax.random.key(0), 6).program
    for rows, columns, shape in np.asarray(programs):
        names = "down " * max(rows, 0) + "up " * max(-rows, 0)
        names += "right " * max(columns, 0) + "left " * max(-columns, 0)
        names = [
            *names.split(),
            *[f"to_shape {data.GLYPHS[k]}" for k in [shape] if k >= 0],
        ]
        assert f"<h3>{', '.join(names)}</h3>" in html


def test_a_page_of_other_images_does_not(tmp_path):
    html = figures.write_dataset_page(grid(), tmp_path / "x.html").read_text()
    assert "a visual analogy" not in html
    assert "masks of regions" not in html
