"""Rendered dSprites and NORB with custom values: pixels compared with factors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data
from dis_jax.data.dsprites_values import ORIGINAL_DSPRITES, DSpritesValues
from dis_jax.data.norb_values import ORIGINAL_NORB, NorbValues


@pytest.mark.parametrize(
    ("make", "name", "all_values", "fields", "picked"),
    [
        (
            *(data.custom_dsprites, "rendered_dsprites", ORIGINAL_DSPRITES),
            DSpritesValues._fields[:5],
            ([2, 0], [5, 1], [3, 39, 20], [0, 31], [17]),  # in another order
        ),
        (
            *(data.custom_norb, "rendered_norb", ORIGINAL_NORB),
            NorbValues._fields[:5],
            ([4, 1], [9], [8, 0], [17], [5, 2]),
        ),
    ],
)
def test_some_values_of_the_original_give_its_images(
    make, name, all_values, fields, picked
):
    values = {
        field: [getattr(all_values, field)[i] for i in index]
        for field, index in zip(fields, picked, strict=True)
    }
    ours, original = make(**values), data.load(name)
    assert ours.sizes == tuple(map(len, picked))
    images, factors = ours.take(jnp.arange(ours.num_images))
    theirs = [np.asarray(p)[factors[:, i]] for i, p in enumerate(picked)]
    theirs = jnp.asarray(np.stack(theirs, axis=1))
    # Batches of other sizes round brightness differently, by 1/255.
    np.testing.assert_allclose(images, original.images(theirs), atol=1.1 / 255)
    assert make().sizes == original.sizes
    assert make().kinds == original.kinds


def test_sprites_lie_where_their_factors_say():
    """Squares of scale 1 are .3 of the side wide; centred at shares of the side."""
    sprites = data.custom_dsprites(
        **{"shapes": ["square"], "scales": [1, 2], "orientations": [0]},
        **{"positions_x": [0.5, 0.75], "positions_y": [0.4], "side": 100},
    )
    images = np.asarray(sprites.images(jnp.array([[0, 0, 0, 0, 0], [0, 1, 0, 1, 0]])))
    expected = np.zeros((2, 100, 100, 1))
    expected[0, 25:55, 35:65] = 1  # 30 wide about (40, 50)
    expected[1, 10:70, 45:100] = 1  # 60 wide about (40, 75), cut at the border
    np.testing.assert_array_equal(images, expected)


@pytest.mark.parametrize(("side", "rtol"), [(32, 0.03), (160, 0.01)])
def test_areas_of_sprites_grow_with_the_image(side, rtol):
    """Square 2 x 2, ellipse of axes 1.33 and 1/1.33, heart 180 pi / (16 x 14.5)."""
    sprites = data.custom_dsprites(
        **{"scales": [1], "orientations": [0, 30, 60], "positions_x": [0.5]},
        **{"positions_y": [0.5], "side": side, "antialias": True},
    )
    images, factors = sprites.take(jnp.arange(9))
    unit = np.array([4, np.pi, 180 * np.pi / (16 * 14.5)])[factors[:, 0]]
    area = np.asarray(images).sum((1, 2, 3))
    np.testing.assert_allclose(area, unit * (0.15 * side) ** 2, rtol=rtol)
    grey = (images > 0) & (images < 1)
    assert grey[1:].any((1, 2, 3)).all()  # the upright square may have none
    np.testing.assert_array_equal(images * 16, jnp.round(images * 16))  # of 4 x 4


def test_sprites_have_their_colour():
    colours = [0.0, 1 / 3, 2 / 3, (1, 0.5, 0)]
    sprites = data.custom_dsprites(colours=colours, shapes=["ellipse"], side=32)
    assert sprites.factor_names[:2] == ("colour", "shape")
    assert (sprites.sizes[:2], sprites.image_shape) == ((4, 1), (32, 32, 3))
    factors = np.zeros((4, 6), np.int32)
    factors[:, 0] = np.arange(4)
    images = jax.jit(sprites.images)(factors)
    masks = np.asarray(jax.jit(sprites.masks)(factors))
    rgb = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0.5, 0)]
    for image, mask, colour in zip(np.asarray(images), masks, rgb, strict=True):
        assert (image[mask[0]] == colour).all()
        assert (image[mask[1]] == 0).all()
        assert mask[0].any()
    assert sprites.kinds[0] == "categorical"
    around = data.custom_dsprites(colours=[0, 0.25, 0.5, 0.75])
    assert around.kinds[0] == ("circular", 4)
    assert around.value_names[1] == ("square", "ellipse", "heart")


def test_angles_all_around_are_circular():
    kind = lambda angles: data.custom_dsprites(orientations=angles).kinds[2]
    assert kind([0, 90, 180, 270]) == ("circular", 4)
    assert kind([0, 90, 180, 270, 360]) == ("circular", 4)
    assert kind([0, 90, 180]) == "ordered"
    assert kind([0, 10, 40]) == "ordered"
    assert data.custom_norb(azimuths=[0, 120, 240]).kinds[3] == ("circular", 3)


def test_custom_norb_has_its_light_and_size():
    """The lamp is overhead; the table has the brightness that its light gives, .4 or .8."""
    lamp = data.Light(azimuth=0, elevation=90, ambient=0.2, directed=0.5, table=0.4)
    norb = data.custom_norb(
        **{"categories": ["car"], "instances": [3], "elevations": [20, 80]},
        **{"azimuths": [0], "side": 32, "lightings": [lamp, (0, 90, 0.2, 0.5, 0.8)]},
    )
    assert (norb.sizes, norb.image_shape) == ((1, 1, 2, 1, 2), (32, 32, 1))
    images, factors = norb.take(jnp.arange(4))
    masks = np.asarray(norb.masks(factors))
    for image, factor, mask in zip(np.asarray(images), factors, masks, strict=True):
        assert np.median(image[mask[1]]) == pytest.approx(
            (0.4, 0.8)[factor[4]], abs=0.01
        )
        # paint .84 times ambient + directed: no face is brighter
        assert image[mask[0]].max() <= max(0.84 * 0.7, (0.4, 0.8)[factor[4]]) + 0.01
    # from above a car shows its roof, from the side its lower flank
    assert masks[2, 0].sum() != masks[0, 0].sum()


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (data.custom_dsprites, {"shapes": ["star"]}, r"shapes contains \['star'\]"),
        (
            data.custom_dsprites,
            {"positions_x": [16]},
            "positions_x contains 16; expected",
        ),
        (data.custom_dsprites, {"scales": [-1]}, "scales contains .* positive"),
        (data.custom_dsprites, {"colours": [2.0]}, r"colours contains 2\.0"),
        (data.custom_dsprites, {"orientations": []}, "orientations is empty"),
        (data.custom_norb, {"categories": ["boat"]}, r"categories contains \['boat'\]"),
        (
            data.custom_norb,
            {"instances": [10]},
            r"instances contains \[10\]; .* 0 to 9",
        ),
        (data.custom_norb, {"elevations": [90]}, "elevations contains 90; expected"),
        (
            data.custom_norb,
            {"azimuths": [float("inf")]},
            "azimuths contains .* degrees",
        ),
        (data.custom_norb, {"lightings": [(0, 50, 0.8, 0.8, 1)]}, "lightings contains"),
        (data.custom_norb, {"side": 2000}, "side is 2000; expected 4 to 1024"),
    ],
)
def test_wrong_values_are_named(make, given, message):
    with pytest.raises(ValueError, match=message):
        make(**given)
