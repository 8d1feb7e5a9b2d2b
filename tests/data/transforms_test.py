import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data

KEY = jax.random.key(0)

# the arguments are Python numbers: one program for each pair of values
rotate_and_zoom = jax.jit(data.rotate_and_zoom, static_argnames=("degrees", "zoom"))


def greys(*values):
    return np.array(values, np.float32).reshape(1, 1, -1, 1)


def random_images(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_bright_pair_by_hand():
    """Background c (1 - v) under .5, foreground c v from .5 on; the rest stays grey."""
    image = greys(0.0, 0.25, 0.5, 1.0)
    batch = data.coloured_pair(KEY, image, image)
    batch = jax.tree.map(np.asarray, batch)
    colours = np.array(data.PAIR_COLOURS)
    c = colours[batch["colour_x"][0]]
    expected = [c, 0.75 * c, [0.5] * 3, [1.0] * 3]
    np.testing.assert_allclose(batch["x"][0, 0], expected, rtol=1e-6)
    c = colours[batch["colour_y"][0]]
    expected = [[0.0] * 3, [0.25] * 3, 0.5 * c, c]
    np.testing.assert_allclose(batch["y"][0, 0], expected, rtol=1e-6)


def test_contrast_pair_colours_the_thing_on_a_grey_ground():
    image = np.full((1, 9, 9, 1), 0.8, np.float32)
    image[0, 3:6, 3:6] = 0.4
    batch = data.coloured_pair(KEY, image, image, foreground="contrast")
    colours = np.array(data.PAIR_COLOURS)
    batch = jax.tree.map(np.asarray, batch)
    x, y = (batch[side][0] for side in "xy")
    np.testing.assert_allclose(x[4, 4], [0.4] * 3)
    np.testing.assert_allclose(x[0, 0], 0.8 * colours[batch["colour_x"][0]])
    np.testing.assert_allclose(y[4, 4], 0.4 * colours[batch["colour_y"][0]])
    np.testing.assert_allclose(y[0, 0], [0.8] * 3, rtol=1e-6)


def test_holes_in_what_stands_out_are_closed():
    image = np.full((1, 9, 9, 1), 0.8, np.float32)
    image[0, 3:6, 3:6], image[0, 4, 4] = 0.4, 0.8
    mask = np.asarray(data.stands_out(image))[0, :, :, 0]
    assert int(mask.sum()) == 9
    assert bool(mask[4, 4])


def test_pair_wants_a_known_foreground():
    with pytest.raises(ValueError, match="foreground is 'dark'"):
        data.coloured_pair(KEY, greys(0.0), greys(0.0), foreground="dark")


def test_noise_is_uniform_and_lifts_up_to_white():
    noisy = lambda images: np.asarray(data.noisy(KEY, images))
    black = noisy(np.zeros((4, 32, 32, 1), np.float32))
    assert black.shape == (4, 32, 32, 3)
    np.testing.assert_allclose([black.mean(), black.var()], [0.5, 1 / 12], atol=0.01)
    half = noisy(np.full((4, 32, 32, 1), 0.5, np.float32))
    assert half.max() == 1.0
    assert (half == 1).mean() == pytest.approx(0.5, abs=0.03)


def test_sprite_on_noise_keeps_its_colour():
    image = np.zeros((2, 16, 16, 1), np.float32)
    image[:, :, :8] = 1
    colour = np.array([1, 6])
    drawn = np.asarray(data.tinted_on_noise(KEY, image, colour))
    for i, number in enumerate(colour):
        expected = np.broadcast_to(data.SPRITE_COLOURS[number], (16, 8, 3))
        np.testing.assert_allclose(drawn[i, :, :8], expected, rtol=1e-6)
    assert drawn[:, :, 8:].var() == pytest.approx(1 / 12, abs=0.01)
    plain = np.asarray(data.tinted(image, colour))
    assert abs(plain[:, :, 8:]).max() == 0
    np.testing.assert_array_equal(plain[:, :, :8], drawn[:, :, :8])


def test_binary_images():
    image = np.full((1, 100, 100, 1), 0.3, np.float32)
    sampled = np.asarray(data.sampled_binary(KEY, image))
    assert set(np.unique(sampled)) == {0.0, 1.0}
    assert sampled.mean() == pytest.approx(0.3, abs=0.03)
    assert data.binarised(greys(0.3, 0.31), threshold=0.3).ravel().tolist() == [0, 1]


def test_resize_keeps_the_mean_and_the_range():
    image = random_images(2, 96, 96, 1)
    small = np.asarray(data.resized(image, 64))
    assert small.shape == (2, 64, 64, 1)
    assert small.mean() == pytest.approx(image.mean(), abs=0.005)
    white = np.ones((1, 28, 28, 1), np.float32)
    np.testing.assert_array_equal(data.resized(white, 32), 1)


def test_grey_and_coloured():
    image = random_images(2, 4, 4, 1)
    np.testing.assert_allclose(data.grey(data.coloured(image)), image, rtol=1e-5)
    assert data.grey(image) is image


def test_no_change_is_no_change():
    image = random_images(3, 8, 8, 1)
    still = data.warped(image, np.zeros(3), np.ones(3))
    np.testing.assert_allclose(still, image)
    still = rotate_and_zoom(KEY, image, degrees=0, zoom=(1.0, 1.0))
    np.testing.assert_allclose(still, image, atol=1e-6)


def test_quarter_turn_and_half_size():
    image = random_images(1, 5, 5, 2)
    turned = np.asarray(data.warped(image, np.array([np.pi / 2]), np.ones(1)))
    np.testing.assert_allclose(turned[0], np.rot90(image[0]), atol=1e-5)
    halved = np.asarray(data.warped(image, np.zeros(1), np.array([0.5])))
    np.testing.assert_allclose(halved[0, 1:4, 1:4], image[0, ::2, ::2], atol=1e-6)
    assert abs(halved[0, 0]).max() == 0


def test_every_image_is_turned_and_zoomed():
    """A rotated and cropped white image stays white; zoomed out, it has a black border."""
    white = np.ones((400, 21, 21, 1), np.float32)
    turned = rotate_and_zoom(KEY, white, degrees=20, zoom=(1.0, 1.0))
    np.testing.assert_allclose(turned, 1.0, atol=1e-5)
    both = np.asarray(rotate_and_zoom(KEY, white, degrees=20, zoom=(0.5, 0.5)))
    np.testing.assert_array_equal(both[:, 0, 0, 0], 0)
    # half the image from first to last pixel, times |cos| + |sin| of the angle
    side = (np.sqrt(both.sum((1, 2, 3))) - 1) / 10
    largest = np.cos(np.pi / 9) + np.sin(np.pi / 9)
    assert side.min() == pytest.approx(1.0, abs=0.04)
    assert side.max() == pytest.approx(largest, abs=0.04)
    assert (side > 1.05).mean() > 0.6


def test_compiled_and_mapped_is_the_same():
    image = random_images(2, 3, 8, 8, 1)
    keys = jax.random.split(KEY, 2)
    mapped = jax.jit(jax.vmap(data.rotate_and_zoom))(keys, image)
    for i in range(2):
        alone = data.rotate_and_zoom(keys[i], image[i])  # without jit
        np.testing.assert_allclose(mapped[i], alone, atol=1e-5)


def test_rotation_wants_square_images():
    with pytest.raises(ValueError, match=r"\(1, 8, 6, 1\); expected square"):
        data.rotate_and_zoom(KEY, jnp.zeros((1, 8, 6, 1)))


def ramps(count, side=16):
    """Images whose two channels are a pixel's row and column, in (0, 1)."""
    place = (np.arange(side, dtype=np.float32) + 0.5) / side
    rows, columns = np.meshgrid(place, place, indexing="ij")
    return np.broadcast_to(np.stack([rows, columns], -1), (count, side, side, 2))


def window_of(zoomed):
    """Zoom, and begin and end of the frame in the image, each (image, row or column).

    Interpolation is exact on ramps except within half a pixel of the border.
    """
    side = zoomed.shape[1]
    inner = np.asarray(zoomed)[:, 2:-2, 2:-2]
    rows, columns = inner[..., 0], inner[..., 1]
    np.testing.assert_allclose(np.ptp(rows, axis=2), 0, atol=1e-5)  # no rotation
    np.testing.assert_allclose(np.ptp(columns, axis=1), 0, atol=1e-5)
    lines = np.stack([rows[:, :, 0], columns[:, 0]], axis=-1)
    steps = np.diff(lines, axis=1)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(side - 5, axis=1), atol=1e-5)
    step = steps.mean(axis=1)  # negative if mirrored
    begin = lines[:, 0] - 2.5 * step
    return 1 / (side * step), begin, begin + side * step


def test_zooms_are_uniform_and_stay_within_the_frame():
    zoomed = data.zoomed_in(KEY, ramps(2000), 1.5)
    zoom, begin, end = window_of(zoomed)
    np.testing.assert_allclose(zoom[:, 0], zoom[:, 1], rtol=1e-3)
    assert zoom.min() > 1 - 1e-3
    assert zoom.max() < 1.5 + 1e-3
    assert begin.min() > -1e-3
    assert end.max() < 1 + 1e-3
    tolerance = 5 * 0.5 / np.sqrt(12 * 2000)
    assert zoom[:, 0].mean() == pytest.approx(1.25, abs=tolerance)
    # the position of the window, relative to its possible range
    free = zoom[:, 0] > 1.05
    place = (begin / (1 - 1 / zoom))[free]
    np.testing.assert_allclose(place.mean(axis=0), 0.5, atol=5 / np.sqrt(12 * 1500))
    assert abs(np.corrcoef(place.T)[0, 1]) < 5 / np.sqrt(1500)


def test_zoom_leaves_no_border_and_one_leaves_images_alone():
    white = np.ones((50, 8, 8, 1), np.float32)
    np.testing.assert_allclose(data.zoomed_in(KEY, white, 3.0), 1, atol=1e-6)
    images = random_images(50, 8, 8, 1)
    np.testing.assert_allclose(data.zoomed_in(KEY, images, 1.0), images, atol=1e-6)
    traced = jax.make_jaxpr(lambda key, x: data.zoomed_in(key, x, 1.5))(
        jax.random.key(0), jnp.ones((1, 8, 8, 1))
    )
    assert len(traced.eqns) == 1  # one program, also without jit
    with pytest.raises(ValueError, match=r"zoom is 0\.9; expected 1 \(no zoom\)"):
        data.zoomed_in(KEY, images, 0.9)
