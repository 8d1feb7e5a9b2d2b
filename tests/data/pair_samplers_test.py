import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data.samplers import next_key

SIZES = (3, 4, 5)
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def grid():
    """A full grid whose image at position i is the single pixel i / 255."""
    index = np.arange(60)
    factors = np.stack(np.unravel_index(index, SIZES), axis=-1)
    images = index.astype(np.uint8).reshape(60, 1, 1)
    return data.from_arrays(images, factors, name="grid", factor_names=NAMES)


def draw(sampler, image_set, step=0, seed=0):
    sample = jax.jit(sampler.sample)
    batch = sample(image_set, jax.random.key(seed), jnp.int32(step), sampler.args)
    return jax.tree.map(np.asarray, batch)


def assert_images_are_those_of_factors(batch):
    for side in "xy":
        cell = np.ravel_multi_index(tuple(batch[f"factors_{side}"].T), SIZES)
        np.testing.assert_allclose(batch[side][:, 0, 0, 0] * 255, cell, rtol=1e-5)


@pytest.mark.parametrize("num_changed", [2, 3])
def test_pairs_redraw_exactly_k_factors(grid, num_changed):
    sampler = data.pairs(grid, 500, num_changed=num_changed, must_differ=True)
    batch = draw(sampler, grid)
    differs = batch["factors_x"] != batch["factors_y"]
    np.testing.assert_array_equal(differs, batch["changed"])
    assert (differs.sum(1) == num_changed).all()
    np.testing.assert_array_equal(batch["changed_factor"], differs.argmax(1))
    assert_images_are_those_of_factors(batch)


def test_changed_factor_and_its_new_value_are_uniform(grid):
    batch = draw(data.pairs(grid, 6000, must_differ=True), grid)
    differs = batch["factors_x"] != batch["factors_y"]
    np.testing.assert_array_equal(differs, batch["changed"])
    assert (differs.sum(1) == 1).all()
    np.testing.assert_array_equal(batch["changed_factor"], differs.argmax(1))
    counts = np.bincount(batch["changed_factor"], minlength=3)
    assert abs(counts - 2000).max() < 5 * np.sqrt(6000 * 2 / 9)
    rows = batch["changed_factor"] == 2
    step = (batch["factors_y"] - batch["factors_x"])[rows, 2] % 5
    steps = np.bincount(step, minlength=5)
    assert steps[0] == 0
    assert abs(steps[1:] - rows.sum() / 4).max() < 5 * np.sqrt(rows.sum() * 3 / 16)


def test_redrawn_factor_may_come_out_as_it_was(grid):
    batch = draw(data.pairs(grid, 6000), grid)
    equal = (batch["factors_x"] == batch["factors_y"]).all(1)
    share = np.mean([1 / 3, 1 / 4, 1 / 5])
    assert equal.mean() == pytest.approx(share, abs=5 * np.sqrt(share / 6000))
    outside = ~batch["changed"]
    assert (batch["factors_x"] == batch["factors_y"])[outside].all()


def test_number_of_changed_factors_can_be_random(grid):
    batch = draw(data.pairs(grid, 2000, num_changed=None), grid)
    counts = np.bincount(batch["changed"].sum(1), minlength=4)
    assert counts[0] == counts[3] == 0
    assert abs(counts[1] - 1000) < 5 * np.sqrt(500)


def test_factor_of_one_value_is_never_chosen():
    factors = np.stack([np.zeros(4, int), np.arange(4)], axis=-1)
    images = np.zeros((4, 1, 1))
    grid = data.from_arrays(images, factors, name="g", factor_names=("a", "b"))
    batch = draw(data.pairs(grid, 50), grid)
    assert (batch["changed_factor"] == 1).all()
    with pytest.raises(ValueError, match="num_changed is 2 and 'g' has 1 factors"):
        data.pairs(grid, 50, num_changed=2)


def test_pairs_want_a_grid():
    plain = data.from_arrays(np.zeros((3, 2, 2)), name="plain")
    for build in (data.pairs, lambda *a: data.attribute_pairs(*a, shared=[])):
        with pytest.raises(ValueError, match="'plain' is not a full grid"):
            build(plain, 4)


def weights(size, at, rate, shape):
    moved = np.abs(np.arange(size) - at)
    return np.exp(-((rate * moved / np.log(size)) ** shape))


@pytest.mark.parametrize(("rate", "shape"), [(1.0, 1.0), (3.0, 0.5)])
def test_one_factor_moves_by_truncated_laplace_steps(rate, shape):
    """The factor always changes: from v to w with probability p(w) / (1 - p(v))."""
    factors = np.arange(5)[:, None]
    line = data.from_arrays(np.zeros((5, 1, 1)), factors, name="l", factor_names=("a",))
    batch = draw(data.transitions(line, 20_000, rate=rate, shape=shape), line)
    assert batch["changed"].all()
    for v in range(5):
        rows = batch["factors_x"][:, 0] == v
        p = weights(5, v, rate, shape)
        p[v] = 0
        counts = np.bincount(batch["factors_y"][rows, 0], minlength=5)
        wanted = rows.sum() * p / p.sum()
        assert abs(counts - wanted).max() < 5 * np.sqrt(rows.sum() / 4)
        assert counts[v] == 0


def test_factors_move_independently_and_at_least_one_does(grid):
    batch = draw(data.transitions(grid, 20_000), grid)
    assert_images_are_those_of_factors(batch)
    changed = batch["changed"]
    np.testing.assert_array_equal(changed, batch["factors_x"] != batch["factors_y"])
    assert changed.any(axis=1).all()
    stay = [
        np.mean([(w := weights(n, v, 1, 1))[v] / w.sum() for v in range(n)])
        for n in SIZES
    ]
    # only the first changes: by its own step, or as the one of three forced to change
    alone = (1 - stay[0]) * stay[1] * stay[2] + np.prod(stay) / 3
    found = (changed == [True, False, False]).all(axis=1).mean()
    assert found == pytest.approx(alone, abs=5 * np.sqrt(alone / 20_000))


def test_categories_stay_and_correlated_sets_have_no_transitions():
    scenes = data.load("rendered_shapes3d")
    sampler = data.transitions(scenes, 500)
    planned = sampler.plan(scenes, jax.random.key(0), jnp.int32(0), sampler.args)
    shape = scenes.factor_names.index("shape")
    assert np.asarray(planned["changed"]).any(axis=0).tolist() == [
        i != shape for i in range(6)
    ]
    with pytest.raises(ValueError, match="shape is 0"):
        data.transitions(scenes, 4, shape=0.0)
    ridge = data.load("rendered_shapes3d+correlated(floor_hue,wall_hue,.1)")
    with pytest.raises(ValueError, match="not a full grid"):
        data.transitions(ridge, 4)


def test_attribute_pairs_share_fix_and_free(grid):
    sampler = data.attribute_pairs(
        grid,
        2000,
        shared=["a"],
        values={"a": (0, 2)},
        left={"c": 1},
        right={"b": 0, "c": (2, 3, 4)},
    )
    batch = draw(sampler, grid)
    x, y = batch["factors_x"], batch["factors_y"]
    np.testing.assert_array_equal(x[:, 0], y[:, 0])
    assert set(x[:, 0]) == {0, 2}
    assert set(x[:, 1]) == {0, 1, 2, 3}
    assert set(x[:, 2]) == {1}
    assert set(y[:, 1]) == {0}
    assert set(y[:, 2]) == {2, 3, 4}
    assert_images_are_those_of_factors(batch)
    # Free factors of x and y are independent.
    assert abs(np.corrcoef(x[:, 1], y[:, 2])[0, 1]) < 5 / np.sqrt(2000)


def test_attribute_pairs_in_epoch_order_never_repeat_a_pair(grid):
    sampler = data.attribute_pairs(
        grid,
        12,
        shared=["a"],
        left={"c": 0},
        right={"b": 0, "c": (1, 2)},
        order="epoch",
    )
    possible = 3 * 4 * 2
    batches = [draw(sampler, grid, step) for step in range(possible // 12)]
    seen = {
        (*x, *y)
        for batch in batches
        for x, y in zip(batch["factors_x"], batch["factors_y"], strict=True)
    }
    assert len(seen) == possible


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shared": ["d"]}, "no factor 'd'; it has a, b, c"),
        (
            {"shared": [], "left": {"b": 4}},
            r"values \[4\] of 'b'; expected some of 0 to",
        ),
        ({"shared": [], "left": {"b": ()}}, r"values \[\] of 'b'"),
        ({"shared": ["b"], "left": {"b": 1}}, "'b' is shared, but left and right"),
    ],
)
def test_attribute_pairs_refuse_what_does_not_fit(grid, arguments, message):
    with pytest.raises(ValueError, match=message):
        data.attribute_pairs(grid, 4, **arguments)


def test_too_many_pairs_for_an_epoch_are_refused():
    sprites = data.rendered_dsprites()
    with pytest.raises(ValueError, match="possible pairs, too many for an epoch"):
        data.attribute_pairs(sprites, 4, shared=["shape"], order="epoch")


def labelled():
    """Images i of labels 0 1 1 2 2 2."""
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1) * 40
    labels = np.array([0, 1, 1, 2, 2, 2])
    return data.from_arrays(images, labels, name="few", factor_names=("label",))


def test_views_of_one_image_or_of_one_label():
    few = labelled()
    batch = draw(data.views(few, 400), few)
    assert batch["x"].shape == batch["y"].shape == (400, 1, 1, 3)
    np.testing.assert_array_equal(batch["factors_x"], batch["factors_y"])
    assert set(batch["colour_x"]) == set(batch["colour_y"]) == set(range(12))
    independent = np.corrcoef(batch["colour_x"], batch["colour_y"])[0, 1]
    assert abs(independent) < 5 / np.sqrt(400)

    batch = draw(data.views(few, 600, same="label"), few)
    np.testing.assert_array_equal(batch["factors_x"], batch["factors_y"])
    # Only the three images of label 2 are bright enough to be foreground in y.
    bright = batch["y"][batch["factors_y"][:, 0] == 2].max(-1)
    assert len(np.unique(bright)) == 3


def test_views_want_grey_images_and_known_labels():
    colours = data.from_arrays(np.zeros((2, 4, 4, 3)), name="colours")
    with pytest.raises(ValueError, match=r"one channel; those of 'colours' are \(4"):
        data.views(colours, 2)
    half = data.from_arrays(
        np.zeros((2, 4, 4)), np.array([0, -1]), name="half", factor_names=("label",)
    )
    with pytest.raises(ValueError, match="1 of the 2 images of 'half' have unknown"):
        data.views(half, 2, same="label")
    known = data.from_arrays(
        np.zeros((4, 4, 4)), np.arange(4) % 2, name="known", factor_names=("label",)
    )
    with pytest.raises(ValueError, match="use one of the two"):
        data.views(known, 2, same="label", class_counts=(1, 1))


def shades():
    """Two images: columns with linearly rising brightness; a black and a white half."""
    columns = np.arange(32)
    rows = np.stack([columns * 8, np.where(columns < 16, 0, 255)]).astype(np.uint8)
    images = np.repeat(rows[:, None], 32, axis=1)
    return data.from_arrays(images, np.arange(2), name="s", factor_names=("kind",))


def left_edges(image):
    """The zoom of each ramp, and the column of the image at its left edge."""
    line = image[:, 16, 2:-2, 0] * 255 / 8
    step = (line[:, -1] - line[:, 0]) / 27
    return 1 / step, line[:, 0] - 2.5 * step + 0.5


@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("attribute_pairs", {"shared": ["kind"], "values": {"kind": 0}}),
        ("views", {"class_counts": (0, 1)}),
    ],
)
def test_views_are_zoomed_into_apart_and_nothing_else_changes(sampler, options):
    images = shades()
    make = data.SAMPLERS[sampler]
    plain = draw(make(images, 400, **options), images)
    zoomed = draw(make(images, 400, zoom=1.5, **options), images)
    assert set(zoomed) == set(plain)
    for field in set(plain) - {"x", "y"}:
        np.testing.assert_array_equal(zoomed[field], plain[field])
    if sampler == "attribute_pairs":
        read = [np.stack(left_edges(zoomed[side])) for side in "xy"]
        for zoom, begin in read:
            assert 1 - 1e-3 < zoom.min() < 1.05
            assert 1.45 < zoom.max() < 1.5 + 1e-3
            assert begin.min() > -1e-2  # no column from outside the frame
            assert (begin + 32 / zoom).max() < 32 + 1e-2
    else:  # the share of the right half, white in x and coloured in y
        read = [
            zoomed["x"].min(axis=-1).mean(axis=(1, 2))[None],
            zoomed["y"].max(axis=-1).mean(axis=(1, 2))[None],
        ]
        assert all(np.ptp(found) > 0.3 for found in read)
    for x, y in zip(*read, strict=True):
        assert abs(np.corrcoef(x, y)[0, 1]) < 5 / np.sqrt(400)


def test_without_zoom_views_are_the_images_themselves():
    images = shades()
    for options in ({}, {"zoom": 1.0}):
        batch = draw(data.attribute_pairs(images, 8, shared=[], **options), images)
        for side in "xy":
            wanted = images.images(batch[f"factors_{side}"])
            np.testing.assert_array_equal(batch[side], wanted)
        batch = draw(data.views(images, 8, **options), images)
        of_step = next_key(jax.random.key(0), 0)
        image = images.images(batch["factors_x"])
        colour = jax.random.split(of_step)[1]
        wanted = data.coloured_pair(colour, image, image)
        for field, value in wanted.items():
            np.testing.assert_array_equal(batch[field], value)


@pytest.mark.parametrize("sampler", ["attribute_pairs", "views"])
def test_zooming_out_is_refused(sampler):
    options = {"shared": []} if sampler == "attribute_pairs" else {}
    with pytest.raises(ValueError, match=r"zoom is 0\.5; expected 1 \(no zoom\) or"):
        data.SAMPLERS[sampler](shades(), 4, zoom=0.5, **options)
