import itertools
import types

import jax
import numpy as np
import pytest

from dis_jax.evaluation import omes, omes_from_pairs, omes_on_grid
from dis_jax.metrics.omes import reweighted_omes
from dis_jax.probing.one_factor_pairs import one_factor_pairs

SIZES = (3, 4, 5)


def limit(size):
    """S of a perfect code of a factor: its pairs have the correlation -1/(k-1)."""
    return 1 - 1 / (size - 1)


def perfect_score(sizes):
    """avg pooling, as many dimensions as factors: S (1 - (1 - S) / K) for each."""
    s = np.array([limit(size) for size in sizes])
    return float(np.mean(s * (1 - (1 - s) / len(sizes))))


def plain_omes(x, y, changed, codes, num_factors, alpha, pooling):
    """The definition in loops."""
    kept = [d for d in range(codes.shape[1]) if np.std(codes[:, d], ddof=1) >= 0.05]
    s = np.zeros((len(kept), num_factors))
    for (row, d), i in itertools.product(enumerate(kept), range(num_factors)):
        pair = changed == i
        s[row, i] = 1 - abs(np.corrcoef(x[pair, d], y[pair, d])[0, 1])
    scores = []
    for i in range(num_factors):
        halves = []
        for axis in ("overlap", "multiple"):
            per_dim = []
            for d in range(len(kept)):
                if axis == "overlap":
                    ideal, row = np.eye(num_factors)[i], s[d]
                else:
                    ideal, row = np.eye(len(kept))[d], s[:, i]
                per_dim.append(1 - np.mean(np.abs(ideal - row)))
            products = np.array(per_dim) * s[:, i]
            if pooling == "max":
                halves.append(products.max())
            else:
                halves.append(np.average(products, weights=s[:, i]))
        scores.append(alpha * halves[0] + (1 - alpha) * halves[1])
    return scores


def test_pairs_differ_in_one_factor_and_are_counted(random_codes):
    _, factors = random_codes(n=300, sizes=(3, 4, 5))
    pairs = one_factor_pairs(factors, jax.random.key(0), 10**6)
    differ = factors[pairs.x] != factors[pairs.y]
    np.testing.assert_array_equal(differ.sum(axis=1), 1)
    np.testing.assert_array_equal(differ.argmax(axis=1), pairs.factor)
    for k in range(3):
        groups = {}
        for row in np.unique(factors, axis=0):
            groups.setdefault(tuple(np.delete(row, k)), []).append(row[k])
        expected = sum(len(g) * (len(g) // 2) for g in groups.values())
        assert np.sum(pairs.factor == k) == expected


def test_pairs_take_the_first_row_of_a_label_and_spread_evenly():
    # Two copies of one factor of four values: four visits, two disjoint pairs each.
    factors = np.tile(np.arange(4), 2)[:, None]
    found = [one_factor_pairs(factors, jax.random.key(i), 10**6) for i in range(200)]
    for pairs in found:
        assert len(pairs.x) == 8
        rows = np.stack([pairs.x, pairs.y], axis=1).reshape(4, 4)
        np.testing.assert_array_equal(
            np.sort(rows, axis=1), np.tile(np.arange(4), (4, 1))
        )
    counts = np.zeros((4, 4))
    for pairs in found:
        np.add.at(counts, (pairs.x, pairs.y), 1)
    off = counts[~np.eye(4, dtype=bool)] / 1600
    np.testing.assert_allclose(off, 1 / 12, atol=0.025)


def test_a_part_of_the_pairs_is_drawn_without_repetition():
    factors = np.indices((6, 5)).reshape(2, -1).T
    everything = one_factor_pairs(factors, jax.random.key(0), 10**6)
    assert np.bincount(everything.factor).tolist() == [30 * 3, 30 * 2]
    part = one_factor_pairs(factors, jax.random.key(0), 40)
    assert np.bincount(part.factor).tolist() == [40, 40]
    differ = factors[part.x] != factors[part.y]
    np.testing.assert_array_equal(differ.argmax(axis=1), part.factor)
    np.testing.assert_array_equal(differ.sum(axis=1), 1)


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_equals_the_definition(random_codes, pooling, alpha):
    codes, factors = random_codes(n=600, sizes=(3, 4, 5))
    codes = np.concatenate([codes, 0.01 * codes[:, :1], codes[:, 1:]], axis=1)
    pairs = one_factor_pairs(factors, jax.random.key(0), 10**6)
    given = codes[pairs.x], codes[pairs.y], pairs.factor, codes
    found = omes_from_pairs(*given, sizes=SIZES, alpha=alpha, pooling=pooling)
    expected = plain_omes(*given, 3, alpha, pooling)
    np.testing.assert_allclose(found.per_factor, expected, atol=1e-10)
    assert found.score == pytest.approx(np.mean(expected), abs=1e-10)
    parts = found.overlap_per_factor, found.multiple_encoding_per_factor
    for a, part in zip((1.0, 0.0), parts, strict=True):
        alone = plain_omes(*given, 3, a, pooling)
        np.testing.assert_allclose(part, alone, atol=1e-10)
    whole = omes(codes, factors, jax.random.key(0), alpha=alpha, pooling=pooling)
    assert whole.score == pytest.approx(found.score, abs=1e-12)
    assert whole.kept.tolist() == [True] * 4 + [False] + [True] * 3


@pytest.mark.parametrize("kind", ["perfect", "permuted"])
def test_perfect_codes_score_below_one(known, kind):
    codes, factors = known(kind, copies=1, sizes=(3, 12, 12))
    found = omes(codes, factors, jax.random.key(0))
    assert found.score == pytest.approx(perfect_score((3, 12, 12)), abs=0.03)
    expected = [0, 1, 2] if kind == "perfect" else [2, 1, 0]
    assert found.best_dim.tolist() == expected
    full = omes(codes, factors, jax.random.key(0), normalised=True)
    assert full.score == pytest.approx(1, abs=0.05)


def test_perfect_code_of_dsprites_scores_as_published():
    assert perfect_score((3, 6, 40, 32, 32)) == pytest.approx(0.820, abs=0.003)
    grid = types.SimpleNamespace(sizes=(3, 6, 40, 32, 32), images=lambda f: 1.0 * f)
    found = omes_on_grid(lambda x: x, grid, jax.random.key(0), num_pairs=1000)
    assert found.score == pytest.approx(0.822, abs=0.02)


def test_a_factor_of_two_values_scores_nothing(known):
    codes, factors = known("perfect", copies=1, sizes=(2, 6))
    for normalised in (False, True):
        found = omes(codes, factors, jax.random.key(0), normalised=normalised)
        assert found.association[0, 0] == pytest.approx(0, abs=1e-9)
        assert found.per_factor[0] == pytest.approx(0, abs=1e-9)
        assert found.best_dim.tolist() == [0, 1]


def test_redundant_merged_and_missing_codes_pay_where_they_should(known):
    key = jax.random.key(0)
    whole = omes(*known("perfect", copies=1), key)
    redundant = omes(*known("redundant", copies=1), key)
    assert redundant.overlap == pytest.approx(whole.overlap, abs=1e-9)
    assert redundant.multiple_encoding < whole.multiple_encoding
    merged = omes(*known("merged", copies=1), key)
    assert merged.overlap < whole.overlap - 0.05
    missing = omes(*known("missing", copies=1), key)  # and a dimension of noise
    assert missing.overlap < whole.overlap - 0.1
    assert missing.score < whole.score


def test_rotation_lowers_the_normalised_score_alone(known):
    # With few values S of a perfect code is small, and a mixed one may exceed it.
    key = jax.random.key(0)
    perfect, rotated = known("perfect", copies=1), known("rotated", copies=1)
    assert omes(*rotated, key).score > omes(*perfect, key).score
    plain, mixed = (omes(*k, key, normalised=True) for k in (perfect, rotated))
    assert mixed.score < plain.score - 0.1


def test_noise_scores_low(known):
    # S is 1 everywhere: OS = 1 - (K - 1)/K, MES = 1 - (D - 1)/D, here both a third.
    found = omes(*known("noise", copies=1, sizes=(6, 6, 6)), jax.random.key(0))
    assert found.score == pytest.approx(1 / 3, abs=0.05)


def test_the_best_dimension_is_counted_among_all_of_them(known):
    codes, factors = known("perfect", copies=1, sizes=(3, 12, 12))
    codes = np.concatenate([np.zeros_like(codes[:, :1]), codes], axis=1)
    found = omes(codes, factors, jax.random.key(0))
    assert found.kept.tolist() == [False, True, True, True]
    assert found.best_dim.tolist() == [1, 2, 3]


def test_constant_codes_and_factors_without_pairs(known):
    codes, factors = known("constant", copies=1)
    found = omes(codes, factors, jax.random.key(0))
    assert found.score == 0
    assert found.best_dim.tolist() == [-1, -1, -1]
    # Rows on a diagonal: no two agree on the other factor.
    diagonal = np.repeat(np.arange(5), 2).reshape(5, 2)
    found = omes(diagonal.astype(float), diagonal, jax.random.key(0))
    assert np.isnan(found.score)
    assert found.left_out["score"] == "undefined: no factor has enough pairs"
    assert found.scored.tolist() == [False, False]
    assert found.num_pairs.tolist() == [0, 0]


@pytest.mark.parametrize(("rows", "scored"), [(2, False), (3, True)])
def test_a_factor_with_few_pairs_is_left_out(rows, scored):
    # The first factor changes alone between these rows only: of two rows there is one
    # pair, visited twice; of three, three.
    free = np.stack([np.full(8, 9), np.arange(1, 9)], axis=1)
    first = np.stack([np.arange(rows), np.zeros(rows, int)], axis=1)
    factors = np.concatenate([first, free])
    found = omes(factors.astype(float), factors, jax.random.key(0))
    assert found.scored.tolist() == [scored, True]
    if not scored:
        assert found.num_pairs[0] == 0
        assert found.score == found.per_factor[1] > 0


def test_pairs_of_factors_that_are_not_there_are_refused():
    x, y = np.random.default_rng(0).normal(size=(2, 8, 2))
    with pytest.raises(ValueError, match=r"from 0 to 1, found \[1, 2\]"):
        omes_from_pairs(x, y, np.arange(8) % 2 + 1, x, sizes=(3, 4))


def test_a_factor_without_pairs_is_left_out_of_the_mean():
    # The second factor repeats the first, so it never changes alone; the third is free.
    a = np.repeat(np.arange(4), 6)
    factors = np.stack([a, a, np.tile(np.arange(6), 4)], axis=1)
    found = omes(factors.astype(float), factors, jax.random.key(0))
    assert found.scored.tolist() == [False, False, True]
    assert found.score == pytest.approx(found.per_factor[2])
    assert found.per_factor[2] > 0.6


def test_pairs_on_a_grid_agree_with_pairs_of_rows(known):
    mix = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    sizes = (5, 6, 7)
    factors = np.indices(sizes).reshape(3, -1).T
    encode = lambda v: np.asarray(v) @ mix
    grid = types.SimpleNamespace(sizes=sizes, images=lambda f: 1.0 * f)
    drawn = omes_on_grid(encode, grid, jax.random.key(0), num_pairs=4000)
    rows = omes(encode(factors), factors, jax.random.key(0))
    np.testing.assert_allclose(drawn.association, rows.association, atol=0.08)
    assert drawn.score == pytest.approx(rows.score, abs=0.03)
    assert drawn.num_pairs.tolist() == [4000] * 3


def test_order_scale_and_sign_do_not_matter(random_codes):
    codes, factors = random_codes()
    expected = omes(codes, factors, jax.random.key(0))
    found = omes(-2 * codes[:, ::-1], factors, jax.random.key(0))
    assert found.score == pytest.approx(expected.score, abs=1e-9)
    np.testing.assert_allclose(found.association, expected.association[::-1], atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "mean"}, "pooling must be one of .* found 'mean'"),
        ({"alpha": 1.5}, r"alpha in \[0, 1\], found 'avg' and 1.5"),
    ],
)
def test_unknown_options_are_named(known, options, message):
    with pytest.raises(ValueError, match=message):
        omes(*known("perfect", copies=1), jax.random.key(0), **options)


def test_shapes_of_pairs_must_fit():
    x, y = np.zeros((4, 2)), np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"found \(4, 2\), \(4, 3\) and \(4,\)"):
        omes_from_pairs(x, y, np.zeros(4, int), x, sizes=(2,))
    with pytest.raises(ValueError, match=r"all_codes must have 2 dimensions"):
        omes_from_pairs(x, x, np.zeros(4, int), y, sizes=(2,))


def test_resamples_spread_as_new_samples_do():
    """With the product of weights of a pair's rows, not its group's, the ratio is 1.6."""

    def draw(seed):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, (10, 15, 20), (1000, 3))
        return labels + 2.0 * rng.normal(size=labels.shape), labels

    spread = np.std([omes(*draw(seed), seed).score for seed in range(100)])
    resampled = []
    for seed in range(8):
        score, rng = reweighted_omes(*draw(seed), seed), np.random.default_rng(seed)
        weights = rng.multinomial(1000, np.full(1000, 1e-3), 60)
        resampled.append(np.std([score(weights=w).score for w in weights]))
    assert 0.8 < np.mean(resampled) / spread < 1.25
