import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data.shapes3d_values import Shapes3DValues

SETS = {
    "rendered_shapes3d": ((10, 10, 10, 8, 4, 15), (64, 64, 3)),
    "rendered_norb": ((5, 10, 9, 18, 6), (64, 64, 1)),
}


COUNT = 36  # images in most tests, as each number needs its own program


def random_factors(sizes, count=COUNT, seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.integers(0, sizes, (count, len(sizes))), jnp.int32)


def as_bytes(images):
    """Images as bytes, one per row; checks that they are multiples of 1/255."""
    found = np.rint(np.asarray(images) * 255)
    np.testing.assert_allclose(images, found / 255, atol=1e-6)
    return found.astype(np.uint8).reshape(len(found), -1)


@pytest.mark.parametrize("name", SETS)
def test_grid_order_and_range(name):
    sizes, shape = SETS[name]
    image_set = data.load(name)
    assert (image_set.sizes, image_set.image_shape) == (sizes, shape)
    assert image_set.num_images == np.prod(sizes)
    index = np.arange(COUNT) * (image_set.num_images // COUNT)
    images, factors = image_set.take(index)
    np.testing.assert_array_equal(np.ravel_multi_index(tuple(factors.T), sizes), index)
    np.testing.assert_array_equal(images, image_set.images(factors))
    assert images.shape == (COUNT, *shape)
    assert 0 <= images.min() < images.max() <= 1


@pytest.mark.parametrize("name", SETS)
def test_every_value_of_every_factor_changes_pixels(name):
    sizes, _ = SETS[name]
    image_set = data.load(name)
    for column, size in enumerate(sizes):
        value = np.arange(COUNT) % size
        factors = np.array(random_factors(sizes, seed=column))
        factors[:, column] = value
        moved = factors.copy()
        moved[:, column] = (value + 1) % size
        before, after = (as_bytes(image_set.images(f)) for f in (factors, moved))
        assert (before != after).sum(1).min() >= 10


@pytest.mark.parametrize(
    ("name", "columns"), [("rendered_shapes3d", 3), ("rendered_dsprites", 0)]
)
def test_a_region_s_factors_change_pixels_in_its_mask_alone(name, columns):
    """Rims of half a pixel belong to two regions, so masks grow by one pixel here."""
    image_set = data.load(name)
    factors = np.asarray(random_factors(image_set.sizes))
    masks_of = jax.jit(image_set.masks)
    before, masks = (np.asarray(f(factors)) for f in (image_set.images, masks_of))
    np.testing.assert_array_equal(masks.sum(1), 1)
    checked = 0
    for region, (_, names) in enumerate(image_set.regions):
        if len(names) != 1:
            continue
        column = image_set.factor_names.index(names[0])
        size = image_set.sizes[column]
        moved = factors.copy()
        moved[:, column] = (factors[:, column] + 1) % size
        np.testing.assert_array_equal(masks_of(moved), masks)
        changed = (abs(np.asarray(image_set.images(moved)) - before) > 1e-6).any(-1)
        shown = masks[:, region] | (region == 0) * masks[:, -1]  # floor in shadow
        grown = np.zeros_like(shown)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                grown |= np.roll(shown, (dy, dx), (1, 2))
        assert not (changed & ~grown).any()
        # at least all pixels whose neighbours are in the region too
        assert (changed & shown).sum() > 0.8 * shown.sum()
        checked += 1
    assert checked == columns


def test_masks_of_norb_are_dark_where_the_shadow_is():
    norb = data.load("rendered_norb")
    factors = random_factors(norb.sizes)
    images, masks = (np.asarray(f(factors)) for f in (norb.images, norb.masks))
    np.testing.assert_array_equal(masks.sum(1), 1)
    for image, (thing, table, shadow) in zip(images[..., 0], masks, strict=True):
        assert thing.any()
        bright = np.median(image[table])
        assert (abs(image[table] - bright) < 0.01).mean() > 0.9  # the rest are edges
        if shadow.any():
            assert image[shadow].max() < bright - 0.02


def test_masks_follow_variants_and_are_refused_where_there_are_none():
    sprites = data.load("rendered_dsprites")
    factors = random_factors(sprites.sizes, 4)
    tinted = data.varied(sprites, "tinted")
    coloured = np.concatenate([np.full((4, 1), 3), factors], axis=1)
    masks = jax.jit(sprites.masks)(factors)
    np.testing.assert_array_equal(jax.jit(tinted.masks)(coloured), masks)
    noisy = data.varied(sprites, "noisy")
    np.testing.assert_array_equal(jax.jit(noisy.masks)(factors), masks)
    with pytest.raises(ValueError, match=r"resized32' has no masks; rendered sets"):
        data.varied(sprites, "resized32").masks(factors)


@pytest.mark.parametrize("name", SETS)
def test_edges_are_antialiased(name):
    """Edges have values between those of the two sides."""
    sizes, _ = SETS[name]
    images = as_bytes(data.load(name).images(random_factors(sizes)))
    side = images.reshape(COUNT, 64, 64, -1)[..., -1].astype(int)
    left, middle, right = side[:, :, :-2], side[:, :, 1:-1], side[:, :, 2:]
    edge = abs(left - right) > 40
    between = (middle > np.minimum(left, right) + 5) & (
        middle < np.maximum(left, right) - 5
    )
    assert between[edge].mean() > 0.5


@pytest.mark.parametrize("name", SETS)
def test_mapped_is_the_same(name):
    sizes, _ = SETS[name]
    image_set = data.load(name)
    factors = random_factors(sizes)
    mapped = jax.jit(jax.vmap(image_set.images))(factors.reshape(2, COUNT // 2, -1))
    drawn = np.asarray(image_set.images(factors)).reshape(mapped.shape)
    np.testing.assert_allclose(mapped, drawn, atol=1.1 / 255)


@pytest.mark.parametrize(
    ("draw", "columns"), [(data.render_shapes3d, 6), (data.render_norb, 5)]
)
def test_wrong_columns_are_refused(draw, columns):
    with pytest.raises(ValueError, match=rf"\(2, 3\); expected \(batch, {columns}\)"):
        draw(jnp.zeros((2, 3), jnp.int32))


@pytest.mark.parametrize("draw", [data.render_norb, data.norb_masks])
def test_rays_at_objects_are_cast_in_one_loop(draw):
    """XLA holds few planes of rays in memory; otherwise it casts each ray repeatedly."""
    lowered = draw.lower(jax.ShapeDtypeStruct((8, 5), jnp.int32))
    plane = 8 * 65 * 65 * 4
    assert lowered.compile().memory_analysis().temp_size_in_bytes < 4 * plane


def test_custom_shapes3d_has_the_images_of_the_original():
    original = data.load("rendered_shapes3d")
    original_values = Shapes3DValues()
    # in another order
    picked = ([1, 7], [0, 2, 5], [3], [0, 7], [3, 1, 0], [4])
    names = [
        "floor_hues",
        "wall_hues",
        "object_hues",
        "scales",
        "shapes",
        "orientations",
    ]
    values = {
        name: [getattr(original_values, name)[i] for i in index]
        for name, index in zip(names, picked, strict=True)
    }
    scenes = data.custom_shapes3d(**values)
    assert scenes.sizes == (2, 3, 1, 2, 3, 1)
    images, factors = map(np.asarray, scenes.take(np.arange(COUNT)))
    theirs = np.stack([np.asarray(p)[factors[:, i]] for i, p in enumerate(picked)], 1)
    np.testing.assert_array_equal(images, original.images(theirs))
    np.testing.assert_array_equal(scenes.masks(factors), original.masks(theirs))


def test_custom_shapes3d_takes_any_colour_and_size():
    grey = (0.5, 0.5, 0.5)
    scenes = data.custom_shapes3d(
        **{"floor_hues": [0, 0.5], "wall_hues": [grey], "object_hues": [0, 0.1, 0.2]},
        **{"scales": [1, 2], "shapes": ["sphere"], "orientations": [0, 90], "side": 32},
    )
    assert scenes.image_shape == (32, 32, 3)
    images, factors = map(np.asarray, scenes.take(np.arange(scenes.num_images)))
    regions = np.asarray(scenes.masks(factors))
    floor, walls, _, thing, _ = (regions[:, i] for i in range(5))
    assert walls.any(axis=(1, 2)).all()
    wall_pixels = images[walls]
    # the median, as pixels at an edge mix with the sky or the floor
    assert np.median(np.ptp(wall_pixels, axis=1)) == 0
    assert wall_pixels.mean() < 0.5
    # cyan lies opposite of red: it has no red
    cyan = factors[:, 0] == 1
    assert np.median(images[cyan, ..., 0][floor[cyan]]) == 0
    areas = thing.sum(axis=(1, 2))
    large = factors[:, 3] == 1
    assert areas[large].min() > 2.5 * areas[~large].max()
    # equally spaced hues around the circle are angles
    around = data.custom_shapes3d(floor_hues=[0, 0.25, 0.5, 0.75]).kinds
    assert around[0] == ("circular", 4)
    assert scenes.kinds[:3] == ("categorical",) * 3
    assert scenes.kinds[3:] == ("ordered", "categorical", "ordered")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shapes": ["cone"]}, r"shapes contains \['cone'\]; expected some of"),
        ({"scales": []}, "scales is empty"),
        ({"scales": [0.0]}, "expected positive"),
        ({"wall_hues": [1.5]}, r"wall_hues contains 1\.5; expected turns"),
        ({"wall_hues": [(0.1, 0.2)]}, r"wall_hues contains \(0\.1, 0\.2\)"),
        ({"orientations": [float("nan")]}, "expected degrees"),
        ({"side": 2}, "side is 2; expected 4 to 1024 pixels"),
    ],
)
def test_wrong_values_of_scenes_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        data.custom_shapes3d(**given)


@pytest.mark.slow
def test_no_two_scenes_are_alike():
    """All shapes, sizes and orientations in one set of hues, and all hues of one scene.

    The images are smaller than the original ones.
    """
    scenes = data.custom_shapes3d(side=32)
    geometry = np.arange(480) + 480 * 123
    hues = np.arange(1000) * 480 + 239
    for index in (geometry, hues):
        images = np.concatenate(
            [as_bytes(scenes.take(part)[0]) for part in index.reshape(-1, 40)]
        )
        assert len({row.tobytes() for row in images}) == len(index)


@pytest.mark.slow
def test_no_two_norb_images_are_alike():
    """All objects from all sides in one light, and in all lights from one elevation.

    The images are smaller than the original ones.
    """
    norb = data.custom_norb(side=48)
    grid = np.arange(norb.num_images).reshape(norb.sizes)
    index = np.union1d(grid[..., 2], grid[:, :, 4])
    optimised = {"xla_backend_optimization_level": 3}  # it runs longer than it compiles
    take = jax.jit(lambda index: norb.take(index)[0], compiler_options=optimised)
    seen = set()
    for part in np.split(index, 42):
        seen |= {hash(row.tobytes()) for row in as_bytes(take(part))}
    assert len(seen) == len(index) == 12_600


@pytest.mark.slow
def test_scenes_look_like_the_original_ones(data_dir):
    """Compares scenes with images from the sample picture of the original set."""
    from PIL import Image

    path = data_dir / "reference" / "3dshapes_samples_random.png"
    picture = Image.open(path).convert("RGB")
    shown = {  # (row, column) in the picture -> factors, by eye
        (0, 0): (0, 1, 0, 5, 2, 4),
        (0, 1): (3, 8, 5, 5, 1, 0),
        (0, 3): (5, 2, 5, 3, 0, 8),
        (1, 0): (6, 2, 4, 3, 2, 0),
        (1, 4): (0, 0, 3, 6, 3, 6),
        (2, 4): (9, 2, 9, 7, 0, 10),
        (3, 1): (7, 2, 6, 0, 2, 2),
        (4, 1): (2, 8, 9, 7, 3, 3),
    }
    scenes = data.render_shapes3d(jnp.array(list(shown.values())))
    errors = []
    for (row, column), scene in zip(shown, scenes, strict=True):
        left, top = (8, 181, 355, 528, 701)[column], 8 + 173 * row
        tile = picture.crop((left, top, left + 143, top + 143))
        original = np.asarray(tile.resize((64, 64), Image.Resampling.BOX)) / 255
        errors.append(float(abs(original - scene).mean()))
    assert max(errors) < 0.045  # scenes of other factors differ by 0.1 and more
    assert np.mean(errors) < 0.027
