import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.data import rays
from dis_jax.data.rays import Camera, Vector

BODIES = {
    "box": lambda r: rays.box(r, Vector(0.0, 0.0, 1.0), Vector(1.0, 2.0, 0.5)),
    "ellipsoid": lambda r: rays.ellipsoid(
        r, Vector(0.0, 0.5, 0.0), Vector(1.0, 1.0, 2.0)
    ),
    "cylinder": lambda r: rays.cylinder(r, 1.5),
}


def ray(origin, direction):
    planes = [jnp.full((1, 1, 1), float(value)) for value in (*origin, *direction)]
    return Camera(Vector(*planes[:3]), Vector(*planes[3:]))


@pytest.mark.parametrize(
    ("body", "origin", "direction", "expected"),
    [
        ("box", (0, 0, 5), (0, 0, -1), (3.5, 4.5)),
        ("box", (3, 0, 1), (-2, 0, 0), (1, 2)),
        ("ellipsoid", (0, 0.5, 5), (0, 0, -1), (3, 7)),
        ("ellipsoid", (0, 3, 0), (0, -1, 0), (1.5, 3.5)),
        ("cylinder", (0, 9, 5), (0, 1, -2), (1.75, 3.25)),
    ],
)
def test_spans_by_hand(body, origin, direction, expected):
    found = BODIES[body](ray(origin, direction))
    np.testing.assert_allclose([plane[0, 0, 0] for plane in found], expected, rtol=1e-5)
    assert float(rays.met(*found)[0, 0, 0]) == pytest.approx(expected[0], rel=1e-5)
    assert bool(rays.crosses(*found)[0, 0, 0])


@pytest.mark.parametrize("body", BODIES)
def test_misses_and_what_lies_behind_are_not_met(body):
    beside = BODIES[body](ray((4, 0, 5), (0, 0, -1)))
    behind = BODIES[body](ray((0, 0, 5), (0, 0, 1)))
    for found in (beside, behind):
        assert float(rays.met(*found)[0, 0, 0]) == pytest.approx(rays.FAR)
        assert not bool(rays.crosses(*found)[0, 0, 0])


def test_start_inside_is_crossed_and_not_met():
    found = rays.box(
        ray((0, 0, 0), (0, 1, 0)), Vector(0.0, 0.0, 0.0), Vector(1.0, 1.0, 1.0)
    )
    assert bool(rays.crosses(*found)[0, 0, 0])
    assert float(rays.met(*found)[0, 0, 0]) == pytest.approx(rays.FAR)


@pytest.mark.parametrize("degrees", [-30, 0, 20, 180])
def test_camera_looks_at_its_target_from_its_distance(degrees):
    angle = jnp.full((1, 1, 1), np.radians(degrees))
    camera = rays.orbit(
        angle, side=8, distance=4.0, height=3.0, target=1.0, field_of_view=60.0
    )
    x, z = 4 * np.sin(np.radians(degrees)), 4 * np.cos(np.radians(degrees))
    np.testing.assert_allclose(
        [jnp.ravel(a)[0] for a in camera.origin], [x, 3, z], atol=1e-5
    )
    middle = np.array([plane[0, 4, 4] for plane in camera.direction])
    towards = np.array([-x, -2, -z])
    np.testing.assert_allclose(middle, towards / np.linalg.norm(towards), atol=1e-5)
    # The angle between an edge ray and the middle ray is half the field of view.
    for row, column in ((0, 4), (8, 4), (4, 0), (4, 8)):
        edge = np.array([plane[0, row, column] for plane in camera.direction])
        cos = edge @ middle / np.linalg.norm(edge)
        assert cos == pytest.approx(np.cos(np.radians(30)), abs=1e-5)
    # The first row is up; seen from +z, the last column is right.
    assert camera.direction.y[0, 0, 4] > camera.direction.y[0, 8, 4]
    if degrees == 0:
        assert camera.direction.x[0, 4, 8] > 0


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_the_mean_of_their_corners(channels):
    key = jax.random.key(0)
    planes = jax.random.uniform(key, (channels, 2, 9, 9))
    pixels = rays.antialiased(list(planes))
    mean = (planes[..., :-1, :-1] + planes[..., 1:, :-1]) / 4
    mean += (planes[..., :-1, 1:] + planes[..., 1:, 1:]) / 4
    np.testing.assert_allclose(pixels, jnp.moveaxis(mean, 0, -1), atol=1.3 / 255)
    assert float(abs(pixels - jnp.moveaxis(mean, 0, -1)).mean()) < 0.4 / 255
    flat = rays.antialiased([jnp.full((1, 4, 4), 0.2)] * channels)
    np.testing.assert_allclose(flat, 0.2, rtol=1e-6)


def test_masks_show_what_most_corners_show():
    label = jax.random.randint(jax.random.key(0), (2, 9, 9), 0, 5)
    pixels = np.stack(
        [label[:, i : i + 8, j : j + 8] for i in (0, 1) for j in (0, 1)], axis=-1
    )
    counts = (pixels[:, None] == np.arange(5).reshape(-1, 1, 1, 1)).sum(-1)
    most = counts.argmax(1)  # the first if tied
    np.testing.assert_array_equal(rays.majority(label, 5).argmax(1), most)
    np.testing.assert_array_equal(rays.majority(label, 5).sum(1), 1)
