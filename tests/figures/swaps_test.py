import numpy as np
import pytest

from dis_jax import figures


def decode(style, content):
    """Images whose left half shows the style and whose right half shows the content."""
    left = np.broadcast_to(style[:, :1, None, None], (len(style), 8, 4, 1))
    right = np.broadcast_to(content[:, :1, None, None], (len(style), 8, 4, 1))
    return np.concatenate([left, right], axis=2)


def test_swaps_keep_the_style_of_the_row_and_the_class_of_the_column():
    style, content = np.array([[0.0], [0.2]]), np.array([[0.4], [0.6], [0.8]])
    picture = figures.swap_grid(decode, style, content)
    assert picture.shape == (22, 32, 1)
    for i in range(2):
        for j in range(3):
            cell = picture[2 + 10 * i : 10 + 10 * i, 2 + 10 * j : 10 + 10 * j, 0]
            assert set(cell[:, :4].ravel()) == {round(255 * style[i, 0])}
            assert set(cell[:, 4:].ravel()) == {round(255 * content[j, 0])}


def test_the_images_of_the_codes_stand_at_the_edges():
    codes = np.linspace(0, 1, 3)[:, None]
    top = np.random.default_rng(0).random((3, 8, 8, 1))
    side = np.random.default_rng(1).random((2, 8, 8, 1))
    both = figures.swap_grid(
        decode, codes[:2], codes, row_images=side, column_images=top
    )
    assert both.shape == (2 + 3 * 10 + 6, 2 + 4 * 10 + 6, 1)
    assert (both[:16, :16] == 255).all()  # the corner
    np.testing.assert_array_equal(both[2:10, 18:26], figures.to_uint8(top[0]))
    np.testing.assert_array_equal(both[28:36, 2:10], figures.to_uint8(side[1]))
    only = figures.swap_grid(decode, codes[:2], codes, row_images=side)
    np.testing.assert_array_equal(only, both[16:])


def test_labels_stand_beside_what_they_name():
    codes = np.linspace(0, 1, 2)[:, None]
    images = np.zeros((2, 8, 8, 1))
    plain = figures.swap_grid(
        decode, codes, codes, row_images=images, column_images=images
    )
    named = figures.swap_grid(
        decode,
        codes,
        codes,
        row_images=images,
        column_images=images,
        row_labels=["one", "two"],
    )
    width = plain.shape[1]
    np.testing.assert_array_equal(named[:, -width:], plain)
    label = named[:, :-width]
    assert label[:16].min() == 255  # no label next to the header
    assert label[16:].min() < 128


def test_interpolations_go_from_start_to_stop():
    seen = []

    def flat(z):
        seen.append(z)
        return np.tile(z[:, None, None, :1], (1, 8, 8, 1))

    start, stop = np.array([[0.0, 4.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    picture = figures.interpolations(flat, start, stop, num_values=5)
    codes = seen[0].reshape(2, 5, 2)
    np.testing.assert_allclose(codes[0, :, 0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(codes[0, :, 1], [4, 3, 2, 1, 0])
    np.testing.assert_allclose(codes[1, :, 0], [1, 0.75, 0.5, 0.25, 0])
    assert picture[5, 5::10, 0][:5].tolist() == [0, 64, 128, 191, 255]


def test_nearest_is_the_order_of_all_distances():
    rng = np.random.default_rng(0)
    queries, codes = rng.normal(size=(4, 3)), rng.normal(size=(50, 3))
    found = figures.nearest(queries, codes, 7)
    for query, row in zip(queries, found, strict=True):
        distance = np.linalg.norm(codes - query, axis=1)
        assert row.tolist() == sorted(range(50), key=distance.__getitem__)[:7]


def test_retrieval_frames_what_agrees_in_green_and_what_does_not_in_red():
    query = np.full((1, 4, 4, 1), 0.2)
    found = np.array([0.4, 0.6])[None, :, None, None, None] * np.ones((1, 2, 4, 4, 1))
    picture = figures.retrieval_grid(query, found, same=np.array([[True, False]]))
    assert picture.shape == (12, 2 + 3 * 10 + 6, 3)
    assert picture[3, 3].tolist() == [255, 255, 255]
    assert picture[5, 5].tolist() == [51, 51, 51]
    red, green, _ = picture[3, 19].tolist()
    assert green > red
    assert picture[5, 21].tolist() == [102, 102, 102]
    red, green, _ = picture[3, 29].tolist()
    assert red > green
    assert picture[5, 31].tolist() == [153, 153, 153]


def test_retrieval_without_labels_stays_grey():
    found = np.zeros((2, 3, 4, 4, 1))
    assert figures.retrieval_grid(found[:, 0], found).shape[-1] == 1


def test_errors_say_what_does_not_fit():
    codes = np.zeros((2, 1))
    with pytest.raises(ValueError, match=r"row_images has shape \(1, 8, 8, 1\)"):
        figures.swap_grid(decode, codes, codes, row_images=np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"column_images has shape \(2, 4, 4, 1\)"):
        figures.swap_grid(decode, codes, codes, column_images=np.zeros((2, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"stop \(1, 1\)"):
        figures.interpolations(lambda z: z, codes, codes[:1])
    with pytest.raises(ValueError, match="count is 3; there are 2 codes"):
        figures.nearest(codes, codes, 3)
    with pytest.raises(ValueError, match=r"found_images \(1, 2, 4, 4, 1\)"):
        figures.retrieval_grid(np.zeros((2, 4, 4, 1)), np.zeros((1, 2, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"same has shape \(1, 1\)"):
        figures.retrieval_grid(
            np.zeros((1, 4, 4, 1)), np.zeros((1, 2, 4, 4, 1)), same=np.ones((1, 1))
        )
