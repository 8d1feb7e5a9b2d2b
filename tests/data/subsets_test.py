"""Subsets: the sides are disjoint, together the whole set, and match their names."""

import jax
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data.subsets import RECOMBINATIONS, is_test, where
from dis_jax.training import base_config


@pytest.fixture(scope="module")
def scenes():
    return data.load("rendered_shapes3d")


def factors_of(image_set):
    # jitted: without jit, each size of a set compiles many programs
    index = np.arange(image_set.num_images)
    return np.asarray(jax.jit(data.ImageSet.factors)(image_set, index))


def test_conditions_take_the_words_of_own_labels():
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1)
    pets = data.from_arrays(
        *(images, [0, 1, 2, 0, 1, 2]),
        **{"name": "pets", "factor_names": ["kind"]},
        value_names=[("ant", "bee", "cat")],
    )
    assert where(pets, ["kind!=bee"]).tolist() == [True, False, True] * 2
    with pytest.raises(ValueError, match="expected 0 to 2 or ant, bee, cat"):
        where(pets, ["kind=dog"])
    with pytest.raises(ValueError, match="pets: 'kind' has 3 values and 2 names"):
        data.from_arrays(
            *(images, [0, 1, 2] * 2),
            **{"name": "pets", "factor_names": ["kind"], "value_names": [("a", "b")]},
        )


def test_what_is_left_out_is_not_there():
    name = "rendered_dsprites+without(shape=heart,pos_x>16)"
    kept, left_out = data.load(name), data.load(f"{name}:test")
    shape, _, _, x, _ = factors_of(kept).T
    assert not ((shape == 2) & (x > 16)).any()
    assert (shape == 2).any()
    assert (x > 16).any()
    shape, _, _, x, _ = factors_of(left_out).T
    assert ((shape == 2) & (x > 16)).all()
    assert kept.num_images + left_out.num_images == 737_280
    only = data.load("rendered_dsprites+only(shape=heart,pos_x>16)")
    np.testing.assert_array_equal(factors_of(only), factors_of(left_out))


def test_images_and_masks_are_those_of_their_factors(scenes):
    part = data.load("rendered_shapes3d+only(floor_hue>=8,shape=sphere)")
    index = np.array([0, 17, part.num_images - 1])
    images, factors = jax.jit(data.ImageSet.take)(part, index)
    np.testing.assert_array_equal(factors, part.factors(index))
    np.testing.assert_array_equal(images, scenes.images(factors))
    np.testing.assert_array_equal(part.masks(factors), scenes.masks(factors))
    sampler = data.images(part, 32)
    # the plan draws factors without rendering images
    plan = jax.jit(sampler.plan)(part, jax.random.key(0), 2, sampler.args)
    drawn = np.asarray(plan["factors"])
    assert (drawn[:, 0] >= 8).all()
    assert (drawn[:, 4] == 2).all()
    assert part.kinds == scenes.kinds


@pytest.mark.parametrize("mode", data.SPLITS)
def test_sides_of_a_split_are_disjoint_and_together_the_grid(scenes, mode):
    sides = [data.load(f"rendered_shapes3d+split({mode})", split=s) for s in SIDES]
    factors = [factors_of(side) for side in sides]
    cells = [np.ravel_multi_index(tuple(found.T), scenes.sizes) for found in factors]
    np.testing.assert_array_equal(np.sort(np.concatenate(cells)), np.arange(480_000))
    train = factors[0]
    seen = [np.unique(column) for column in train.T]
    everything = [np.arange(size) for size in scenes.sizes]
    left_out = [np.setdiff1d(a, s) for a, s in zip(everything, seen, strict=True)]
    ordered = [0, 1, 2, 3, 5]
    if mode == "extrapolation":  # the upper end of each ordered factor
        assert all(left_out[i][-1] == scenes.sizes[i] - 1 for i in ordered)
        assert not len(left_out[4])
    elif mode == "interpolation":
        assert all(left_out[i].min() > 0 for i in ordered)
        assert all(left_out[i].max() < scenes.sizes[i] - 1 for i in ordered)
    else:
        assert not any(map(len, left_out))
    share = sides[1].num_images / 480_000
    if mode == "random":
        assert share == pytest.approx(0.3)
    elif not mode.startswith("recombination"):
        assert 0.25 < share < 0.45


SIDES = ("train", "test")


def test_montero_s_conditions_are_those_of_the_public_code():
    """Uses the values of the public code, not our indices."""
    shape, scale, orientation, x, y = factors_of(data.load("rendered_dsprites")).T
    angle, scale, x, y = orientation * 2 * np.pi / 39, 0.5 + scale / 10, x / 31, y / 31
    # the two ends are values of the factor, and are excluded
    middle = (angle > 2 * np.pi / 3 + 1e-6) & (angle < 4 * np.pi / 3 - 1e-6)
    wanted = (shape == 1) & (scale > 0.65) & middle & (x > 0.66) & (y > 0.66)
    sprites = data.load("rendered_dsprites")
    np.testing.assert_array_equal(is_test(sprites, "recombination_to_element"), wanted)
    np.testing.assert_array_equal(
        is_test(sprites, "recombination_to_range"), (shape == 0) & (x > 0.5)
    )
    scenes = data.load("rendered_shapes3d")
    floor, wall, thing, size, shape, turn = factors_of(scenes).T
    size, turn = 0.75 + size / 14, -30 + turn * 30 / 7
    wanted = (floor >= 8) & (wall >= 8) & (thing >= 8) & (size >= 1.1) & (shape == 1)
    np.testing.assert_array_equal(
        is_test(scenes, "recombination_to_element"), wanted & (turn > 20)
    )


def test_every_condition_names_a_factor_of_its_set():
    sizes = {"mpi3d": (6, 6, 2, 3, 3, 40, 40)}
    names = (
        *("object_colour", "object_shape", "object_size", "camera_height"),
        *("background_colour", "horizontal_axis", "vertical_axis"),
    )
    factors = np.stack(
        np.unravel_index(np.arange(3 * 6**2 * 2 * 3 * 4), (6, 6, 2, 3, 3, 2, 2)), 1
    )
    mpi3d = data.from_arrays(
        *(np.zeros((len(factors), 1, 1), np.uint8), factors),
        name="mpi3d",
        factor_names=names,
        sizes=sizes["mpi3d"],
    )
    for conditions in RECOMBINATIONS["mpi3d"].values():
        where(mpi3d, conditions)


def test_a_config_takes_a_name_with_commas_in_parentheses():
    name = "rendered_dsprites+correlated(pos_x,pos_y,.1)"
    assert base_config.get_config("beta_vae", f"{name},mlp").dataset == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rendered_dsprites+without(shape=hart)", "square, ellipse, heart"),
        ("rendered_dsprites+without(form=heart)", "has no factor 'form'"),
        ("rendered_dsprites+split(extrapolaton)", "did you mean 'extrapolation'"),
        ("rendered_dsprites+without(shape)", "'shape' is not a condition"),
        ("rendered_dsprites+without()", "no condition given"),
        ("rendered_dsprites+without(pos_x>32)", "expected 0 to 31"),
        ("rendered_dsprites+only(pos_x<0)", "no image of .* is kept"),
        ("rendered_dsprites+split(random)", "has two sides"),
        ("rendered_dsprites+split(randm):train", "did you mean 'random'"),
        ("rendered_norb+split(recombination_to_range):test", "is defined for dsprites"),
        ("rendered_dsprites+correlated(pos_x,pos_y,.1)+only(shape=heart)", "weights"),
        ("rendered_dsprites+only(shape=heart)+split(random):test", "not a full grid"),
    ],
)
def test_a_part_that_cannot_be_is_named(name, message):
    with pytest.raises(ValueError, match=message):
        data.load(name)
