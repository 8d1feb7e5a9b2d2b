"""Scores and distances of codes whose structure is known."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, evaluation, studies
from dis_jax.data.image_set import rendered_grid
from dis_jax.studies.transfer_scores import encode_sample

KEY = jax.random.key(0)
SIZES = (3, 4, 5)


def draw(factors):
    """Images with the values of the factors in the first three pixels of column 0."""
    values = factors / (jnp.asarray(SIZES) - 1)
    images = jnp.zeros((len(factors), 4, 4, 1))
    return images.at[:, jnp.array([0, 1, 2]), 0, 0].set(values)


def whole(factors):
    """One mask, of all pixels."""
    return jnp.ones((len(factors), 1, 4, 4), bool)


NAMES = ("a", "b", "c")
PARTS = (("image", NAMES),)
GRID = rendered_grid("corners", NAMES, SIZES, (4, 4, 1), draw, whole, PARTS)


def perfect(images):
    return 2 * images[:, :3, 0, 0] - 1


def merged(images):
    """Codes: a constant dimension, c alone, and a and b in one dimension."""
    a, b, c = (images[:, i, 0, 0] for i in range(3))
    return jnp.stack([jnp.zeros_like(a), c, a * 0.2 + b], axis=1)


def scored(encode, image_set=GRID, **options):
    encode = jax.jit(encode)
    encoded = encode_sample(encode, image_set, KEY, 60)
    given = encode, image_set, encoded, KEY
    return studies.transfer_scores(*given, num_pairs=20_000, **options)


def test_a_sample_has_no_image_twice():
    encoded = encode_sample(perfect, GRID, KEY, 60)
    assert len(np.unique(encoded.factors, axis=0)) == 60
    wanted = 2 * encoded.factors / (np.array(SIZES) - 1) - 1
    np.testing.assert_allclose(encoded.codes, wanted, atol=1e-6)
    again = encode_sample(perfect, GRID, KEY, 20)
    np.testing.assert_array_equal(again.factors, encoded.factors[:20])


def test_a_perfect_code_tells_everything_by_one_dimension_each():
    found = scored(perfect, readers=["gbt"])
    assert found["factor_names"] == ["a", "b", "c"]
    assert found["dims"] == [0, 1, 2]
    assert found["gbt"] == {"full": [1.0] * 3, "pruned": [1.0] * 3}
    assert found["mig"]["score"] == pytest.approx(1, abs=0.05)
    assert found["dci"]["disentanglement"] == pytest.approx(1, abs=0.01)
    assert found["trees"] == "lightgbm"
    assert "mlp" not in found
    omes = found["omes"]
    # S = 1 - 1/(k - 1) on the diagonal, 0 elsewhere; K = 3 factors and dimensions
    s = 1 - 1 / (np.array(SIZES) - 1)
    wanted = s * (1 - (1 - s) / 3)
    assert omes["pairs"] == "grid"
    np.testing.assert_allclose(np.diag(omes["association"]), s, atol=0.05)
    for part in ("overlap_per_factor", "multiple_encoding_per_factor"):
        np.testing.assert_allclose(omes[part], wanted, atol=0.05)
    ends = omes["over_alpha"][0], omes["over_alpha"][-1]
    assert ends == (omes["multiple_encoding"], omes["overlap"])
    assert omes["over_alpha"][5] == pytest.approx(omes["score"])


def test_one_dimension_of_two_factors_cannot_tell_both():
    found = scored(merged, readers=["gbt"])
    assert found["dims"][2] == 1
    assert found["dims"][1] == 2
    full, pruned = (np.array(found["gbt"][k]) for k in ("full", "pruned"))
    np.testing.assert_array_equal(full[1:], pruned[1:])
    assert found["omes"]["kept"] == [False, True, True]


def test_noise_tells_trees_nothing_of_what_is_held_out():
    rng = np.random.default_rng(0)
    labels, images = rng.integers(0, 2, 300), rng.uniform(size=(300, 2, 2))
    noise = data.from_arrays(images, labels, name="noise", factor_names=["which"])
    encode = lambda x: x.reshape(len(x), -1)
    encoded = encode_sample(encode, noise, KEY, 300)
    found = studies.transfer_scores(encode, noise, encoded, KEY, readers=["gbt"])
    # 100 codes are held out: a deviation of .05 about a half
    assert max(found["gbt"]["full"] + found["gbt"]["pruned"]) < 0.7


def test_a_network_reads_one_dimension_where_it_is_pruned_and_is_held_to_the_rest():
    """Labels: the exclusive or of two dimensions, which neither predicts, and chance."""
    rng = np.random.default_rng(0)
    bits, chance = rng.integers(0, 2, (600, 2)), rng.integers(0, 2, 600)
    labels = np.stack([bits[:, 0] ^ bits[:, 1], chance], axis=1)
    images = rng.uniform(size=(600, 2, 5))
    images[:, 0, :2] = bits
    both = data.from_arrays(images, labels, name="xor", factor_names=["xor", "chance"])
    encode = lambda x: 2 * x.reshape(len(x), -1) - 1
    encoded = encode_sample(encode, both, KEY, 600)
    found = studies.transfer_scores(encode, both, encoded, KEY, readers=["mlp"])
    assert found["mlp"]["full"][0] > 0.95
    assert max(found["mlp"]["full"][1], *found["mlp"]["pruned"]) < 0.65
    assert "gbt" not in found


def test_chance_is_the_commonest_training_value():
    labels = np.array([0] * 70 + [1] * 20)
    images = np.random.default_rng(0).uniform(size=(90, 4, 4))
    rare = data.from_arrays(images, labels, name="rare", factor_names=["which"])
    found = scored(lambda x: x[:, :2, 0, 0], rare, readers=["gbt"])
    encoded = encode_sample(lambda x: x[:, :2, 0, 0], rare, KEY, 60)
    assert found["num_test"] == 20
    zeros = (encoded.factors == 0).sum()
    assert (zeros - 40) / 20 <= found["chance"][0] <= zeros / 20


def test_factors_without_labels_are_left_out_and_pairs_come_from_the_sample():
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(0, 3, 90), np.full(90, -1)], axis=1)
    images = np.repeat(labels[:, 0] / 2, 16).reshape(90, 4, 4)
    some = data.from_arrays(
        images, labels, name="some", factor_names=["known", "unknown"], sizes=(3, 2)
    )
    found = scored(lambda x: x[:, :2, 0, 0], some, readers=["gbt"])
    assert found["factor_names"] == ["known"]
    assert "unknown" in found["left_out"]
    assert found["omes"]["pairs"] == "sample"


def test_a_factor_of_a_grid_that_takes_one_value_is_left_out():
    still = rendered_grid("still", NAMES, (3, 4, 1), (4, 4, 1), draw_two, whole, PARTS)
    found = scored(perfect, still, readers=["gbt"])
    assert found["factor_names"] == ["a", "b"]
    assert "takes the one value 0" in found["left_out"]["c"]
    assert np.shape(found["omes"]["association"]) == (3, 2)
    assert found["omes"]["pairs"] == "sample"


def draw_two(factors):
    return draw(factors.at[:, 2].set(0))


def test_trees_are_those_that_were_asked_for(monkeypatch):
    asked = []
    scores = sys.modules["dis_jax.studies.transfer_scores"]
    dci = evaluation.dci
    monkeypatch.setattr(
        scores,
        "dci",
        lambda *a, trees: asked.append(trees) or dci(*a, trees="lightgbm"),  # faster
    )
    found = scored(perfect, readers=["gbt"], trees="sklearn")
    assert asked == ["sklearn"] * 4  # all dimensions, and one for each factor
    assert found["trees"] == "sklearn"


@pytest.mark.parametrize("options", [{"trees": "forest"}, {"readers": ["svm"]}])
def test_unknown_options_are_named(options):
    with pytest.raises(ValueError, match="expected some of"):
        scored(perfect, **options)


def test_distances_of_known_clouds():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
    x = np.concatenate([x, np.zeros((2000, 2))], axis=1)  # N(0, I) in two of four
    y = np.concatenate([3 * x[:, :1] + 1, 0 * x[:, :1], x[:, 1:2], x[:, 3:]], axis=1)
    omes = [{"score": score, "scored": [True, False]} for score in (0.5, 0.6, 0.0)]
    found = studies.transfer_distances(x, y, *omes[:2])
    # means (1, 0, 0, 0) apart; deviations 1 and 3, 1 and 0, 0 and 1, 0 and 0
    assert found["frechet"] == pytest.approx(1 + 4 + 1 + 1, rel=1e-6)
    assert found["active_overlap"] == pytest.approx(1 / 3)  # {0, 1} and {0, 2}
    assert found["omes_drop"] == pytest.approx(-0.1)
    still = np.zeros((3, 2))
    found = studies.transfer_distances(still, still, omes[2], omes[2])
    assert found == {"frechet": 0.0, "active_overlap": 0.0, "omes_drop": 0}
    unknown = {"score": 0.0, "scored": [False, False]}  # no factor has pairs
    for pair in ((omes[0], unknown), (unknown, omes[0]), (None, omes[0])):
        found = studies.transfer_distances(x, y, *pair)
        assert found["omes_drop"] is None
    with pytest.raises(ValueError, match="equal numbers of features"):
        studies.transfer_distances(x, y[:, :2], *omes[:2])
