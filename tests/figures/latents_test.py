import io

import numpy as np
import pytest
from PIL import Image

from dis_jax import figures


def posteriors(batch=200):
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(batch, 3)) * [2.0, 0.5, 0.0] + [1.0, -3.0, 0.0]
    return mean, np.broadcast_to(np.log([0.25, 4.0, 1.0]), mean.shape)


def test_kl_is_the_closed_form_and_zero_for_the_prior():
    mean, logvar = posteriors()
    kl = figures.kl_per_dimension(mean, logvar)
    variance = np.exp(logvar)
    expected = 0.5 * (mean**2 + variance - 1 - logvar).mean(axis=0)
    np.testing.assert_allclose(kl, expected, rtol=1e-5, atol=1e-7)
    assert kl[2] == 0


def test_range_is_that_of_the_aggregate_posterior():
    mean, logvar = posteriors()
    draws = np.random.default_rng(1).normal(size=(5000, *mean.shape))
    draws = (mean + np.exp(logvar / 2) * draws).reshape(-1, 3)
    values = figures.traversal_values(mean, logvar, num_std=1.5, num_values=7)
    assert values.shape == (3, 7)
    centre, std = draws.mean(axis=0), draws.std(axis=0)
    np.testing.assert_allclose(values[:, 3], centre, atol=0.01)
    np.testing.assert_allclose(values[:, 0], centre - 1.5 * std, atol=0.02)
    np.testing.assert_allclose(values[:, -1], centre + 1.5 * std, atol=0.02)
    np.testing.assert_allclose(np.diff(values, n=2), 0, atol=1e-5)


def test_a_row_changes_its_dimension_alone():
    seen = []

    def decode(z):
        seen.append(np.asarray(z))
        return np.full((len(z), 4, 4, 1), 0.5)

    base = np.array([10.0, 20.0, 30.0])
    values = np.array([[1, 2], [3, 4], [5, 6]])
    images = figures.traverse(decode, base, values, dims=[2, 0])
    assert images.shape == (2, 2, 4, 4, 1)
    codes = np.concatenate(seen).reshape(2, 2, 3)
    assert codes.tolist() == [
        [[10, 20, 5], [10, 20, 6]],
        [[1, 20, 30], [2, 20, 30]],
    ]


def test_whole_numbers_are_moved_by_fractions():
    decode = lambda z: np.tile(np.asarray(z)[:, None, None, :1], (1, 4, 4, 1))
    images = figures.traverse(decode, [0, 1], [0.25, 0.75])
    assert images[0, :, 0, 0, 0].tolist() == [0.25, 0.75]


def test_an_offset_of_zero_reproduces_the_reconstruction(decode):
    base = np.array([0.5, -1.0, 1.0, 0.0, 0.0])
    offsets = np.linspace(-0.5, 0.5, 11)
    images = figures.traverse(decode, base, offsets, offsets=True)
    reconstruction = np.asarray(decode(base[None]))[0]
    assert images.shape == (5, 11, 16, 16, 1)
    for row in images:
        np.testing.assert_allclose(row[5], reconstruction, atol=1e-6)
    changed = np.abs(images[:, 0] - reconstruction).max(axis=(1, 2, 3))
    assert (changed[:3] > 0.1).all()
    assert (changed[3:] == 0).all()


def test_offsets_move_from_the_base():
    decode = lambda z: np.tile(np.asarray(z)[:, None, None, :1], (1, 4, 4, 1))
    base, values = np.array([10.0, 0.0]), np.array([-1.0, 1.0])
    moved = figures.traverse(decode, base, values, offsets=True)[0, :, 0, 0, 0]
    placed = figures.traverse(decode, base, values)[0, :, 0, 0, 0]
    assert moved.tolist() == [9, 11]
    assert placed.tolist() == [-1, 1]


def test_dimensions_are_sorted_by_kl_and_ties_keep_their_order():
    assert figures.by_kl(np.array([0.5, 0.0, 3.0, 0.0])) == [2, 0, 1, 3]


def test_traversal_picture_has_the_decoded_images(encode, decode, blobs):
    images = np.asarray(blobs.take(np.arange(0, 256, 4))[0])
    mean, logvar = map(np.asarray, encode(images))
    order = figures.by_kl(figures.kl_per_dimension(mean, logvar))
    picture = figures.traversals(encode, decode, images, base=7, scale=1)
    values = figures.traversal_values(mean, logvar)
    expected = figures.traverse(decode, mean[7], values, dims=order)
    grid = figures.image_grid(expected)
    height, width, _ = grid.shape
    np.testing.assert_array_equal(picture[-height:, -width:], grid)
    labelled = figures.traversals(encode, decode, images, base=7)  # 16 pixels: times 3
    assert labelled.shape[1] > 11 * 48
    given = figures.traversals(
        encode,
        decode,
        images,
        base=7,
        values=[-0.5, 0.0, 0.5],
        dims=[1],
        offsets=True,
        scale=1,
    )
    middle = figures.to_uint8(decode(mean[7:8]))[0]
    np.testing.assert_array_equal(given[-18:-2, -34 - 2 : -18 - 2], middle)


def test_offsets_by_default_are_the_range_around_its_middle(encode, decode, blobs):
    images = np.asarray(blobs.take(np.arange(0, 256, 4))[0])
    mean, logvar = map(np.asarray, encode(images))
    values = figures.traversal_values(mean, logvar)
    values -= values.mean(axis=1, keepdims=True)
    order = figures.by_kl(figures.kl_per_dimension(mean, logvar))
    expected = figures.traverse(decode, mean[7], values, dims=order, offsets=True)
    grid = figures.image_grid(expected)
    found = figures.traversals(encode, decode, images, base=7, offsets=True, scale=1)
    height, width, _ = grid.shape
    np.testing.assert_array_equal(found[-height:, -width:], grid)


def test_gif_sweeps_the_range(encode, decode, blobs):
    images = np.asarray(blobs.take(np.arange(0, 256, 4))[0])
    data = figures.traversal_gif(
        encode, decode, images, bases=[3, 5], num_values=4, dims=[1, 2, 0]
    )
    image = Image.open(io.BytesIO(data))
    assert image.n_frames == 6  # pyright: ignore[reportAttributeAccessIssue]
    mean, logvar = map(np.asarray, encode(images))
    values = figures.traversal_values(mean, logvar, num_values=4)
    frames = figures.traverse(decode, mean[5], values, dims=[1, 2, 0])
    image.seek(2)
    shown = np.asarray(image.convert("L"))[-18:-2, 2:18]  # second base, first dimension
    np.testing.assert_array_equal(shown, figures.to_uint8(frames[0, 2])[..., 0])


def test_reconstructions_lie_below_their_images():
    rng = np.random.default_rng(0)
    images, decoded = rng.random((2, 5, 8, 8, 3))
    picture = figures.reconstructions(images, decoded, columns=3)
    assert picture.shape == (2 * 22, 32, 3)
    at = lambda row, column: np.s_[row : row + 8, column : column + 8]
    np.testing.assert_array_equal(picture[at(2, 12)], figures.to_uint8(images[1]))
    np.testing.assert_array_equal(picture[at(12, 12)], figures.to_uint8(decoded[1]))
    np.testing.assert_array_equal(picture[at(24, 2)], figures.to_uint8(images[3]))
    np.testing.assert_array_equal(picture[at(34, 2)], figures.to_uint8(decoded[3]))
    assert (picture[at(24, 22)] == 255).all()


def test_errors_say_what_does_not_fit(decode):
    base = np.zeros(5)
    with pytest.raises(ValueError, match=r"base has shape \(1, 5\)"):
        figures.traverse(decode, base[None], [0.0])
    with pytest.raises(ValueError, match=r"values has shape \(4, 3\)"):
        figures.traverse(decode, base, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"dims has \[5, -1\]; .* 0\.\.4"):
        figures.traverse(decode, base, [0.0], dims=[0, 5, -1])
    with pytest.raises(ValueError, match=r"mean has shape \(5,\)"):
        figures.kl_per_dimension(base, base)
    with pytest.raises(ValueError, match="num_values is 1"):
        figures.traversal_values(base[None], base[None], num_values=1)
    with pytest.raises(ValueError, match=r"decoded has shape \(1, 4, 4, 1\)"):
        figures.reconstructions(np.zeros((2, 4, 4, 1)), np.zeros((1, 4, 4, 1)))
