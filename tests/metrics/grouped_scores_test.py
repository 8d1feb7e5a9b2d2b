"""Scores of groups of rows: known codes, the grid's score, and excluded values."""

import itertools
import types

import numpy as np
import pytest

from dis_jax import evaluation
from dis_jax.metrics import grouped_scores

SIZES = (3, 4, 5)
FEW = {"num_train": 400, "num_eval": 300}
SCORES = (evaluation.grouped_factor_vae_score, evaluation.grouped_beta_vae_score)


def rows(seed, count):
    return np.random.default_rng(seed).integers(SIZES, size=(count, 3))


def score_of(score, encode, count=1200, **settings):
    train, test = rows(0, 2 * count), rows(1, count)
    return score(encode(train), train, encode(test), test, 0, **FEW | settings)


@pytest.mark.parametrize("score", SCORES)
def test_known_codes(score):
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert score_of(score, lambda v: 1.0 * v).score == 1
    assert score_of(score, lambda v: v[:, ::-1] * [-2.0, 0.5, 3.0]).score == 1
    assert score_of(score, lambda v: np.c_[v, v]).score == 1
    assert score_of(score, lambda v: (v - v.mean(axis=0)) @ turned).score > 0.7
    guessed = score_of(
        score, lambda v: np.random.default_rng(len(v)).normal(size=v.shape)
    )
    assert 0.23 < guessed.score < 0.43  # 1/3


def test_of_rows_of_a_grid_it_is_the_score_of_the_grid():
    maps = np.random.default_rng(1).normal(size=(3, 4))
    encode = lambda v: np.tanh((np.asarray(v) / SIZES - 0.4) @ maps)
    grid = types.SimpleNamespace(sizes=SIZES, images=lambda factors: factors)
    for score, on_grid in zip(
        SCORES, (evaluation.factor_vae_score, evaluation.beta_vae_score), strict=True
    ):
        counts = {"num_train": 1000, "num_eval": 1000}
        wanted = on_grid(encode, grid, 0, **counts).score
        found = score_of(score, encode, 4000, **counts).score
        # sampling alone: 1,000 votes have a standard error of .015
        assert found == pytest.approx(wanted, abs=0.06)


def test_a_vote_is_of_rows_that_share_one_value_and_a_pair_shares_its_own():
    factors = rows(2, 300)
    groups = {k: grouped_scores._group(factors[:, k], 2) for k in range(3)}
    for one_value in (True, False):
        rng = np.random.default_rng(0)
        fixed, pairs = grouped_scores._draw(groups, rng, 60, 8, one_value=one_value)
        assert {*fixed} == {0, 1, 2}
        values = [factors[pairs[:, i], k] for i, k in enumerate(fixed)]
        assert all((first == second).all() for first, second in values)
        assert (pairs[0] != pairs[1]).all()
        distinct = [len(np.unique(value)) for value in values]
        assert max(distinct) == 1 if one_value else np.mean(distinct) > 2


def test_values_of_few_rows_and_what_is_left_of_their_factor_take_no_part():
    factors = rows(3, 600)
    factors[:, 2] = np.arange(600) >= 590  # ten rows have its second value
    codes = factors + 0.0
    split = (codes[::2], factors[::2], codes[1::2], factors[1::2], 0)
    found = evaluation.grouped_factor_vae_score(*split, **FEW)
    assert found.votes[:, 2].sum() == 0
    assert found.score == 1
    assert "1 of its values" in found.left_out["factor 2"]
    few = evaluation.grouped_factor_vae_score(*split, **FEW, min_rows=2)
    assert few.votes[:, 2].sum() > 0
    assert not few.left_out
    with pytest.raises(
        ValueError, match="2 or more factors with two values of min_rows"
    ):
        evaluation.grouped_factor_vae_score(*split, **FEW, min_rows=280)


def test_counts_and_scales_that_do_not_fit_are_named():
    for score, (name, least) in itertools.product(
        SCORES, {"num_eval": 1, "min_rows": 2}.items()
    ):
        with pytest.raises(ValueError, match=f"{name} must be at least {least}"):
            score_of(score, lambda v: 1.0 * v, **{name: least - 1})
    with pytest.raises(ValueError, match="must have a spread between"):
        score_of(SCORES[1], lambda v: 1e-9 * v)
    nothing = score_of(SCORES[0], lambda v: 1e-9 * v)
    assert nothing.score == 0
    assert "0 of 3 dimensions are used" in nothing.left_out["score"]


def test_a_set_without_a_grid_is_pointed_to_them():
    factors = rows(4, 400)
    split = 1.0 * factors, factors, 0
    with pytest.raises(ValueError, match="for labelled rows: grouped_beta_vae_score"):
        evaluation.evaluate_codes(*split, "beta_vae_score")
    name = "grouped_beta_vae_score"
    found = evaluation.evaluate_codes(
        *(*split, name), settings={name: FEW}, baselines="none"
    )
    assert found["metrics"][name]["result"]["score"] == 1
    assert name not in evaluation.resolve_metrics("all")


def test_codes_far_from_0_keep_their_digits():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (600, 2))
    codes = factors + 0.05 * rng.normal(size=(600, 2))
    for offset in (0, 1e8):
        moved = codes + offset
        found = evaluation.grouped_factor_vae_score(
            moved, factors, moved, factors, 0, num_train=200, num_eval=100
        )
        assert found.score == 1
