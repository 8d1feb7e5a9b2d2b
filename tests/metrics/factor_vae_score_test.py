import importlib
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.evaluation import FACTOR_VAE_PAPER, factor_vae_score
from dis_jax.metrics.factor_vae_score import _draw_votes, _variance
from dis_jax.probing.encoding import sample_factors

SIZES = (3, 4, 5)
GRID = types.SimpleNamespace(sizes=SIZES, images=lambda factors: 1.0 * factors)
FEW = {"num_train": 300, "num_eval": 200, "num_variance": 1000, "batch_size": 32}
MIX = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0].astype(np.float32)
ENCODERS = {  # in NumPy, which compiles nothing
    "perfect": lambda v: v,
    "permuted": lambda v: v[:, ::-1] * np.array([-2.0, 0.5, 3.0]),
    "redundant": lambda v: np.concatenate([v, v], axis=1),
    "merged": lambda v: np.stack([v[:, 0] + 3 * v[:, 1], v[:, 2]], axis=1),
    "missing": lambda v: v[:, :2],
    "constant": lambda v: 0 * v + 0.7,
    "rotated": lambda v: (v - 2) @ MIX,
    "small": lambda v: 0.01 * v,
}


def score_of(kind, seed=0, **settings):
    encode = lambda images: ENCODERS[kind](np.asarray(images))
    return factor_vae_score(encode, GRID, jax.random.key(seed), **FEW | settings)


@pytest.mark.parametrize(
    ("kind", "score"),
    [("perfect", 1), ("permuted", 1), ("redundant", 1), ("constant", 0), ("small", 0)],
)
def test_score_of_known_codes(kind, score):
    result = score_of(kind)
    assert result.score == score
    assert result.train_score == score


@pytest.mark.parametrize("kind", ["merged", "missing"])
def test_one_of_three_factors_without_a_dimension_costs_a_third(kind):
    # If the lost factor is fixed, another dimension wins, which the majority assigns to
    # another factor: two thirds of the votes are right, and at most a few more.
    assert score_of(kind).score == pytest.approx(2 / 3, abs=0.12)


def test_two_factors_mixed_evenly_cannot_be_told_apart():
    # Votes of both factors go to the two dimensions at random: half are right.
    def mixed(v):
        v = np.asarray(v)
        a, b = (v[:, 0] - 1) / np.sqrt(2 / 3), (v[:, 1] - 1.5) / np.sqrt(1.25)
        return np.stack([a + b, a - b, v[:, 2]], axis=1)

    result = factor_vae_score(mixed, GRID, jax.random.key(0), **FEW)
    assert result.score == pytest.approx(2 / 3, abs=0.12)


def test_an_uneven_rotation_passes_for_disentangled():
    # A known weakness: it is enough that each factor favours some dimension.
    assert score_of("rotated").score == 1


def test_noise_is_a_guess():
    noise = lambda v: jax.random.normal(jax.random.key(v.sum().astype(int)), v.shape)
    result = factor_vae_score(noise, GRID, jax.random.key(0), **FEW)
    assert result.score == pytest.approx(1 / 3, abs=0.12)


def plain_score(encode, key, settings):
    """The definition in loops, on the same draws."""
    variance_key, vote_key = jax.random.split(key)
    factors = sample_factors(variance_key, (settings["num_variance"],), SIZES)
    spread = np.var(np.asarray(encode(1.0 * factors), np.float64), axis=0, ddof=1)
    kept = np.flatnonzero(np.sqrt(spread) >= 0.05)
    keys = jax.random.split(vote_key, settings["num_train"] + settings["num_eval"])
    votes = []
    drawn = _draw_votes(keys, settings["batch_size"], SIZES, (0, 1, 2))
    for fixed, rows in zip(*map(np.asarray, drawn), strict=True):
        assert len(np.unique(rows[:, fixed])) == 1
        z = np.asarray(encode(1.0 * rows), np.float64)[:, kept]
        ratio = np.var(z, axis=0, ddof=1) / spread[kept]
        votes.append((kept[np.argmin(ratio)], int(fixed)))
    train, test = votes[: settings["num_train"]], votes[settings["num_train"] :]
    says = {}
    for dim in {d for d, _ in train}:
        counts = np.bincount([k for d, k in train if d == dim], minlength=len(SIZES))
        says[dim] = int(counts.argmax())
    return np.mean([says.get(d, 0) == k for d, k in test])


def test_equals_the_definition():
    def encode(v):
        v = np.asarray(v)
        return np.concatenate([(v - 2) @ MIX, 0.001 * v[:, :1]], axis=1)

    key = jax.random.key(3)
    found = factor_vae_score(encode, GRID, key, **FEW)
    assert found.score == pytest.approx(plain_score(encode, key, FEW), abs=1e-12)
    assert found.kept.tolist() == [True, True, True, False]
    assert found.votes.sum() == FEW["num_train"]
    assert found.votes[3].sum() == 0


def test_the_same_key_gives_the_same_votes():
    a, b = score_of("rotated", seed=5), score_of("rotated", seed=5)
    np.testing.assert_array_equal(a.votes, b.votes)
    assert (a.votes != score_of("rotated", seed=6).votes).any()


def test_a_small_grid_is_encoded_once_and_a_large_one_as_needed():
    few = FEW | {"num_train": 30, "num_eval": 20, "num_variance": 100}
    seen = []

    def watched(v):
        seen.append(len(v))
        return v

    factor_vae_score(watched, GRID, jax.random.key(0), **few)
    assert sum(seen) == 60
    large = types.SimpleNamespace(sizes=(40, 40, 40), images=GRID.images)
    seen.clear()
    result = factor_vae_score(watched, large, jax.random.key(0), **few)
    assert sum(seen) >= 50 * FEW["batch_size"]
    assert result.score == 1


def test_the_variance_of_categories_is_ginis():
    rng = np.random.default_rng(0)
    codes = np.stack([rng.normal(size=9), rng.integers(4, size=9)], axis=1)
    # [0, 0, 1, 2]: of the 12 ordered pairs of two, 10 differ
    assert _variance(jnp.array([[0.0], [0], [1], [2]]), (0,)) == pytest.approx(10 / 24)
    pairs = [(a, b) for a in codes for b in codes]
    wanted = sum([[(a[0] - b[0]) ** 2, a[1] != b[1]] for a, b in pairs], np.zeros(2))
    found = _variance(jnp.asarray(np.stack([codes, -codes])), (1,))
    np.testing.assert_allclose(found, [wanted / (2 * 9 * 8)] * 2, rtol=1e-5)


def test_the_names_of_categories_do_not_matter():
    # A category encodes most of the second factor, a number somewhat less of it. If the
    # labels were numbers, their distances would decide which of the two varies less.
    def encode(v, names):
        told = (v[:, 1] + (v[:, 2] == 4)).astype(int) % 4
        label = jnp.asarray(names)[told]
        return jnp.stack([v[:, 0], label, v[:, 1] + 0.6 * v[:, 2], v[:, 2]], axis=1)

    def score(names, **settings):
        code = lambda v: encode(v, names)
        return factor_vae_score(code, GRID, jax.random.key(0), **FEW, **settings)

    one, other = (0.0, 1.0, 2.0, 3.0), (3.0, -900.0, 2.0, 1.0)
    first, second = (score(names, discrete=[1]) for names in (one, other))
    np.testing.assert_array_equal(first.votes, second.votes)
    assert first.std[1] == second.std[1] == pytest.approx((3 / 8) ** 0.5, abs=0.01)
    assert (score(one).votes != score(other).votes).any()
    with pytest.raises(
        ValueError, match=r"discrete is \(4,\); expected .* from 0 to 3"
    ):
        score(one, discrete=[4])


def test_settings_of_the_paper():
    assert FACTOR_VAE_PAPER == {"batch_size": 100, "num_train": 800, "num_eval": 800}


def test_works_with_functions_that_know_nothing_of_jax():
    encode = lambda images: np.asarray(images, np.float64)
    result = factor_vae_score(encode, GRID, jax.random.key(0), **FEW)
    assert result.score == 1


@pytest.mark.parametrize(
    "name", ["batch_size", "num_train", "num_eval", "num_variance"]
)
def test_counts_must_be_large_enough(name):
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        score_of("perfect", **{name: 0})


def test_votes_in_several_parts_are_the_same_votes(monkeypatch):
    whole = score_of("missing")
    module = importlib.import_module("dis_jax.metrics.factor_vae_score")
    monkeypatch.setattr(module, "_ROWS", 33 * 32)  # 500 votes in 16 parts, 12 cut off
    parts = score_of("missing")
    assert (parts.score, parts.train_score) == (whole.score, whole.train_score)
    assert 0.4 < whole.score < 1
