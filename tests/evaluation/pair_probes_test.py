"""Probes of codes with known content; distances by hand; probes of a trained run."""

import jax
import numpy as np
import pytest

from dis_jax import data, evaluation, training
from dis_jax.methods import Categorical, Method
from dis_jax.training import program

RNG = np.random.default_rng(0)


def made(count):
    """Codes of x that encode the digit, not the colour; a head that is right on half."""
    digit, colour = RNG.integers(0, 4, (2, count))
    said = np.where(np.arange(count) % 2, digit, (digit + 1) % 4)
    codes = {
        "shared_x": np.eye(4)[digit] + 0.01 * RNG.normal(size=(count, 4)),
        "shared_x_digit": np.eye(4)[said],
    }
    labels = {"digit_x": digit, "colour_x": colour, "side_x": np.zeros(count, int)}
    return evaluation.PairCodes(codes, labels | {"hidden_x": np.full(count, -1)})


@pytest.fixture(scope="module")
def readings():
    found = evaluation.read_pairs(made(400), made(200), {"shared": ("digit",)})
    return {(r.attribute, r.reader): r for r in found}


def test_what_is_there_is_read_and_what_is_not_is_left_to_chance(readings):
    # labels that do not vary or are unknown have no entry
    assert set(readings) == {
        ("digit", "head"),
        *((a, r) for a in ("digit", "colour") for r in ("logistic", "knn")),
    }
    for reader in ("logistic", "knn"):
        assert readings["digit", reader].accuracy == 1
        colour = readings["colour", reader]
        assert colour.accuracy < 0.4
        assert not colour.wanted
    assert readings["digit", "head"][:2] == ("shared_x", "digit")
    assert readings["digit", "head"].accuracy == 0.5
    assert readings["digit", "head"].wanted


def test_distance_counts_from_one_where_wanted_and_from_chance_elsewhere(readings):
    found = evaluation.distance_to_ideal(list(readings.values()))
    assert found["shared_x head"] == 0.5
    colour = readings["colour", "knn"]
    wanted = abs(colour.accuracy - colour.chance)
    assert found["shared_x knn"] == pytest.approx(wanted)


def test_a_head_that_says_nothing_is_not_at_chance():
    broken = made(40)
    broken.codes["shared_x_digit"][3] = np.nan
    with pytest.raises(ValueError, match=r"codes\['shared_x_digit'\] must be finite"):
        evaluation.read_pairs(made(40), broken, {"shared": ("digit",)}, models=())


@pytest.mark.parametrize(
    ("changed", "value", "reason"),
    [
        ("train", -1, "is unknown for some pairs (-1)"),
        ("test", -1, "is unknown for some pairs (-1)"),
        ("train", 0, "takes one value"),
        ("test", 0, "takes one value among test pairs"),
        ("test", 99, "has test values that no training pair has (99)"),
    ],
)
def test_an_attribute_that_is_not_read_is_named(changed, value, reason):
    parts = {"train": made(40), "test": made(40)}
    column = parts[changed].labels["colour_x"]
    column[: len(column) if value == 0 else 1] = value
    found = evaluation.read_pairs(*parts.values(), {}, models=("knn",))
    assert {reading.attribute for reading in found} == {"digit"}
    left_out = evaluation.left_out_attributes(*parts.values())
    assert left_out["colour_x"] == reason
    assert set(left_out) == {"colour_x", "hidden_x", "side_x"}


def test_names_by_role_give_way_to_names_of_codes():
    wanted = {"shared": ("colour",), "shared_x": ("digit",)}
    found = evaluation.read_pairs(made(40), made(40), wanted, models=())
    assert [r.wanted for r in found] == [True]


def test_codes_that_are_not_asked_for_are_not_read():
    def both(count):
        found = made(count)
        label = {f"{n[:-1]}y": v for n, v in found.labels.items()}
        code = {n.replace("_x", "_y"): v for n, v in found.codes.items()}
        return evaluation.PairCodes(found.codes | code, found.labels | label)

    parts = both(40), both(40), {}
    found = evaluation.read_pairs(*parts, models=("knn",), codes=("shared_y",))
    whole = evaluation.read_pairs(*parts, models=("knn",))
    assert [r for r in whole if r.code == "shared_y"] == found
    assert {r.reader for r in found} == {"head", "knn"}
    assert len(whole) == 2 * len(found)


def test_each_side_is_encoded_as_itself():
    def encode(state, batch):
        mean = batch["image"].mean(axis=(1, 2))
        return {
            "shared_x": mean,
            "shared_y": mean,
            "shared_y_colour": Categorical(-mean),
        }

    method = Method("views", None, None, encode, None, code="shared_x")
    images = np.full((6, 4, 4), 255, np.uint8)
    whites = data.from_arrays(images, name="white")
    sampler = data.views(whites, 4)
    key = jax.random.key(0)
    attributes = {"colour": {"field": "colour", "column": 0, "classes": 12}}
    made = evaluation.encode_pairs(method, None, sampler, whites, key, 9, attributes)
    assert {k: len(v) for k, v in made.codes.items()} == {
        "shared_x": 8,
        "shared_y": 8,
        "shared_y_colour": 8,
    }
    # white images are all foreground: x stays white, y has its colour
    np.testing.assert_allclose(made.codes["shared_x"], 1)
    colours = np.asarray(data.PAIR_COLOURS)[made.labels["colour_y"]]
    np.testing.assert_allclose(made.codes["shared_y"], colours, atol=1e-6)
    np.testing.assert_allclose(made.codes["shared_y_colour"], -colours, atol=1e-6)


@pytest.mark.slow
def test_a_run_is_read_with_either_statistics(tiny_config, tmp_path):
    """Trains on a file of 16x16 images with the labels of dSprites."""
    rng, path = np.random.default_rng(0), str(tmp_path / "sprites.npz")
    sizes = {"shape": 3, "scale": 6, "orientation": 40, "pos_x": 32, "pos_y": 32}
    labels = {name: rng.integers(size, size=300) for name, size in sizes.items()}
    images = rng.integers(256, size=(300, 16, 16)).astype(np.uint8)
    np.savez(path, images=images, **labels)
    # one encoder for both views, since two would compile twice
    config = tiny_config("sdim", steps=2, dataset=path, share_weights=True)
    config.wanted = {"shared": ("shape", "scale", "orientation")}
    config.heads = {"shared_x": ("shape",), "shared_y": ("colour",)}
    run = training.set_up(config)
    parts = run.method, run.sampler, run.image_set, run.members
    state = program.init(*parts, population=False)
    counts = {"num_train": 64, "num_test": 64, "models": ("knn",)}
    by_batch, running = (
        evaluation.read_run(state, run.config, batch_statistics=flag, **counts)
        for flag in (True, False)
    )
    assert [r[:3] for r in by_batch] == [r[:3] for r in running]
    heads = [r[:2] for r in running if r.reader == "head"]
    assert ("shared_x", "shape") in heads
    assert ("shared_y", "colour") in heads
    assert by_batch != running


def test_a_run_of_no_pairs_is_refused(tiny_config):
    with pytest.raises(ValueError, match=r"'vae' has no attributes.*: sdim or edim"):
        evaluation.encode_run(None, tiny_config("vae"))
