import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from dis_jax.evaluation import downstream


@pytest.mark.parametrize("model", ["gbt", "logistic", "knn"])
def test_every_model_reads_a_perfect_code_and_not_a_constant_one(known, model):
    sizes = (2, 3)
    codes, factors = known("perfect", copies=15, sizes=sizes)
    found = downstream(codes, factors, codes, factors, model=model)
    np.testing.assert_allclose(found.per_factor, [1, 1], atol=0.01)
    np.testing.assert_allclose(found.chance, [1 / 2, 1 / 3])
    codes, factors = known("constant", copies=15, sizes=sizes)
    found = downstream(codes, factors, codes, factors, model=model)
    np.testing.assert_allclose(found.per_factor, found.chance, atol=1e-9)


def test_a_network_reads_a_perfect_code(known):
    codes, factors = known("perfect", copies=10, sizes=(3,))
    assert downstream(codes, factors, codes, factors, model="mlp").accuracy == 1


def test_trees_are_those_of_scikit_learn(random_codes):
    sizes = (2, 3)
    train, test = (random_codes(n=100, seed=seed, sizes=sizes) for seed in (0, 1))
    found = downstream(*train, *test, seed=2)
    model = GradientBoostingClassifier(random_state=2)
    model.fit(train.codes, train.factors[:, 1])
    assert found.per_factor[1] == model.score(test.codes, test.factors[:, 1])
    assert found.train_per_factor[1] == model.score(train.codes, train.factors[:, 1])
    assert found.accuracy == pytest.approx(found.per_factor.mean())


def test_pruning_reads_each_factor_from_its_best_dimension(known):
    codes, factors = known("permuted", copies=20)
    split = codes, factors, codes, factors
    found = downstream(*split, model="knn", pruned=True)
    assert found.dims.tolist() == [2, 1, 0]
    np.testing.assert_allclose(found.per_factor, 1)
    wrong = downstream(*split, model="knn", dims=[0, 0, 0])
    assert wrong.per_factor[2] == pytest.approx(1)
    assert wrong.per_factor[0] < 0.6
    assert downstream(*split, model="knn").dims is None


def test_a_mixed_code_loses_by_pruning(known):
    _, factors = known("perfect", copies=20, sizes=(3, 3))
    codes = factors @ np.array([[1.0, 1.0], [1.0, -1.0]])  # sum and difference
    split = codes, factors, codes, factors
    assert downstream(*split, model="knn").accuracy == pytest.approx(1)
    # A sum has five values for nine pairs, one correct guess each: 5 of 9 are right.
    pruned = downstream(*split, model="knn", pruned=True)
    assert pruned.accuracy == pytest.approx(5 / 9, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "svm"}, "model must be one of .* found 'svm'"),
        ({"dims": [0, 1]}, "dims must name one of 3 dimensions for each of 3 factors"),
        ({"dims": [0, 1, 3]}, r"found \[0, 1, 3\]"),
        ({"dims": [0, 1, 2], "pruned": True}, "either dims or pruned"),
    ],
)
def test_bad_options_are_named(known, options, message):
    codes, factors = known("perfect", copies=1)
    with pytest.raises(ValueError, match=message):
        downstream(codes, factors, codes, factors, **options)
