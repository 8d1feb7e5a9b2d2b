"""Every metric on edge cases of its definition: a correct score, or a named reason."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.evaluation import METRICS, evaluate, evaluate_codes, format_table
from dis_jax.evaluation.registry import LABEL_FREE

KEY = jax.random.key(0)
SIZES = (2, 3)
OF_CODES = [name for name, metric in METRICS.items() if "data" not in metric.takes]
# mask_variance needs masks, which the grids here do not have
OF_GRIDS = [
    name
    for name, metric in METRICS.items()
    if "data" in metric.takes and name != "mask_variance"
]
FEW = {
    "dci_es": {"sizes": (1, 4)},
    "dci_es_mlp": {"sizes": (0, 16)},
    # of one size, so that they are compiled once
    "factor_vae_score": {"num_train": 100, "num_eval": 100, "batch_size": 64},
    "factor_vae_score_paper": {"num_train": 100, "num_eval": 100, "batch_size": 64},
    "beta_vae_score": {"num_train": 200, "num_eval": 100},
    "omes_on_grid": {"num_pairs": 3000, "num_codes": 200},
}
# Their penalty, or their first steps, depend on the scale of the code by definition.
SCALED = {"sap", "beta_vae_score", "downstream_mlp", "gaussian_correlation"}
SCALED |= {"grouped_beta_vae_score", "grouped_factor_vae_score"}  # penalty; min_std
FEW |= {f"grouped_{name}": FEW[name] for name in ("factor_vae_score", "beta_vae_score")}


def sample(rows=240):
    """Two factors; codes with a dimension for each and one of noise, in whole 1024ths."""
    # with seed 1, no neighbour of a row depends on the noise that breaks ties
    rng = np.random.default_rng(1)
    factors = np.stack([rng.permutation(rows) % size for size in SIZES], axis=1)
    codes = np.c_[factors - factors.mean(axis=0), rng.normal(size=rows)]
    return (codes * 1024).round().astype(np.float32) / 1024, factors


def scores(found):
    """Scalar scores by metric and field; each is a number, or named with a reason."""
    table = format_table(found)
    flat = {}
    for name, entry in found["metrics"].items():
        for field, value in entry["result"].items():
            if value is None and field != "dims":  # downstream: None is all dims
                assert entry["left_out"][field]
                assert f"skipped {name} {field}: " in table
            elif isinstance(value, float):
                flat[name, field] = value
    for name, reason in found["left_out"].items():
        assert reason
        assert f"skipped {name}: " in table
    return flat


def score_codes(codes, factors, names=OF_CODES):
    kinds = ["ordered"] * factors.shape[1]
    found = evaluate_codes(
        *(codes, factors, KEY, names),
        kinds=kinds,
        settings={name: FEW[name] for name in names if name in FEW},
        baselines="none",
    )
    return scores(found), found


@pytest.fixture(scope="module")
def plain():
    return score_codes(*sample())[0]


def assert_near(found, plain, names, tolerance):
    seen = {name for name, _ in found}
    for (name, field), value in found.items():
        if name in names:
            assert value == pytest.approx(plain[name, field], abs=tolerance), (
                f"{name} {field}"
            )
    assert seen & set(names)


def test_a_mean_of_10000_spreads_in_float32(plain):
    codes, factors = sample()
    mean = (np.float32(1e4) * codes.std(axis=0)).round()
    shifted = codes + mean  # float32 still represents the last bit
    np.testing.assert_array_equal(shifted - mean, codes)
    names = [name for name in OF_CODES if name not in SCALED]
    assert_near(score_codes(shifted, factors, names)[0], plain, names, 1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e19])
def test_scale_changes_no_score_that_does_not_depend_on_it(plain, scale):
    codes, factors = sample()
    names = [name for name in OF_CODES if name not in SCALED and name != "omes"]
    scaled = codes * np.float32(scale)
    found, _ = score_codes(scaled, factors, names)
    assert set(found) == {key for key in plain if key[0] in names}
    assert_near(found, plain, names, 1e-3)
    found, result = score_codes(scaled, factors, ["omes", "gaussian_correlation"])
    correlation = "gaussian_correlation", "total_correlation"
    assert found[correlation] == pytest.approx(plain[correlation], abs=1e-6)
    if scale < 1:
        named = result["metrics"]["omes"]["left_out"]
        assert "min_std = 0.05" in named["dimensions 0, 1, 2"]
        assert "0 of 3 dimensions are used" in named["score"]
    else:
        assert_near(found, plain, ["omes"], 1e-3)


@pytest.mark.parametrize("name", ["sap", "downstream_mlp"])
def test_codes_too_small_for_a_penalty_are_refused(name):
    codes, factors = sample()
    with pytest.raises(ValueError, match="codes must have a spread between"):
        score_codes(codes * np.float32(1e-10), factors, [name])


def test_exact_duplicates_of_dimensions(plain):
    codes, factors = sample()
    found, result = score_codes(np.c_[codes, codes], factors)
    assert found["mig", "score"] == found["sap", "score"] == 0  # two encode the same
    for name in ("modularity_explicitness", "infomec"):
        assert found[name, "modularity"] == pytest.approx(
            plain[name, "modularity"], abs=0.02
        )
    assert found["irs", "score"] == pytest.approx(plain["irs", "score"])
    named = result["metrics"]["gaussian_correlation"]["left_out"]["total_correlation"]
    assert named == "inf: dimension 3 is a linear function of others"
    rows = [line.split()[1:3] for line in format_table(result).splitlines()]
    assert ["total_correlation", "inf"] in rows


def test_one_image_a_class():
    codes, _ = sample()
    found, result = score_codes(codes, np.arange(len(codes))[:, None])
    assert {name for name, _ in found} == {*LABEL_FREE}
    assert "240 values in 240 rows" in result["factors_left_out"]["factor_0"]
    assert "skipped factor factor_0: takes 240 values" in format_table(result)
    for name in set(OF_CODES) - {*LABEL_FREE}:
        assert "needs labels that vary" in result["left_out"][name]


def test_an_identifier_does_not_lower_the_scores_of_others(plain):
    codes, factors = sample()
    names = ["mig", "irs", "infomec"]
    found, result = score_codes(codes, np.c_[factors, np.arange(len(codes))], names)
    assert found["mig", "score"] == plain["mig", "score"]
    assert "over factor_0, factor_1" in format_table(result).splitlines()[1]


def test_constant_codes_hold_nothing():
    _, factors = sample()
    found, result = score_codes(np.full((240, 3), np.float32(0.1)), factors)
    for name in ("mig", "sap", "irs", "omes"):
        assert found[name, "score"] == 0
    assert found["infomec", "compactness"] == 0
    assert found["infomec", "explicitness"] == pytest.approx(0, abs=1e-6)
    assert found["modularity_explicitness", "explicitness_test"] == 0.5
    for name in ("dci", "dci_lightgbm"):
        assert found[name, "disentanglement"] == pytest.approx(0, abs=1e-6)
    for name in ("irs", "infomec", "omes", *LABEL_FREE):
        assert "dimensions 0, 1, 2" in result["metrics"][name]["left_out"]


@pytest.mark.parametrize("codes", [np.zeros((240, 2)), np.ones((240, 2))])
def test_trees_find_nothing_in_codes_of_one_value(codes):
    _, factors = sample()
    kinds = {"factor_0": "ordered"}  # a number and a label: both kinds of trees
    found = evaluate_codes(codes, factors, 0, "dci_lightgbm", kinds=kinds)
    result = found["metrics"]["dci_lightgbm"]["result"]
    assert result["disentanglement"] == pytest.approx(0, abs=1e-6)


def test_constant_dimensions_hold_no_information_about_neighbours():
    codes, factors = sample()
    names = "modularity_ksg", "mig_ksg"
    plain, padded = (
        evaluate_codes(c, factors, 0, names)["metrics"]
        for c in (codes[:, :2], np.c_[codes[:, :2], np.zeros((240, 2))])
    )
    fields = ("modularity", 0.5), ("score", 1.0)
    for name, (field, share) in zip(names, fields, strict=True):
        before, after = (m[name]["result"][field] for m in (plain, padded))
        # a dimension without information counts as 0 in modularity
        assert after == pytest.approx(share * before, abs=1e-6)


def test_one_factor_makes_no_code_modular():
    codes, factors = sample()
    # grouped scores predict which factor was fixed
    names = [name for name in OF_CODES if not name.startswith("grouped_")]
    found, result = score_codes(codes, factors[:, :1], names)
    for name, field in (
        ("dci", "disentanglement"),
        ("dci_lightgbm", "disentanglement"),
        ("modularity_explicitness", "modularity"),
        ("infomec", "modularity"),
    ):
        assert (name, field) not in found
        reason = result["metrics"][name]["left_out"][field]
        assert reason == "undefined: with one factor, any code scores 1"
    assert found["dci", "completeness"] > 0.9


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("name", OF_CODES)
def test_a_few_rows_are_refused_or_named(name, rows):
    codes, factors = (part[:rows] for part in sample())
    if rows < 3:
        with pytest.raises(ValueError, match="at least 3 rows"):
            score_codes(codes, factors, [name])
        return
    found, result = score_codes(codes, factors, [name])
    if name not in LABEL_FREE:
        assert not found
        assert "values in 3 rows" in result["left_out"][name]
    if name != "gaussian_correlation":
        return
    reason = result["metrics"][name]["left_out"]["total_correlation"]
    assert reason == "undefined: 3 rows are too few for 3 dimensions"


@pytest.mark.parametrize("name", OF_CODES)
def test_nan_is_refused_with_its_place(name):
    codes, factors = sample()
    codes[7, 1] = np.nan
    with pytest.raises(ValueError, match="found nan at row 7, dimension 1"):
        score_codes(codes, factors, [name])


def score_grid(sizes, scale=1.0, shift=0.0, names=OF_GRIDS):
    grid = types.SimpleNamespace(sizes=sizes, images=lambda factors: 1.0 * factors)
    unit = jnp.asarray(sizes, jnp.float32)
    encode = lambda images: jnp.float32(scale) * (images / unit + jnp.float32(shift))
    found = evaluate(
        *(encode, grid, KEY, names),
        num_train=60,
        num_test=30,
        settings=FEW,
        baselines="none",
    )
    return scores(found), found


@pytest.fixture(scope="module")
def grid():
    return score_grid((3, 5, 6))[0]


def test_a_factor_of_one_value_takes_no_part_in_votes(grid):
    found, result = score_grid((3, 1, 5, 6))
    for name in ("factor_vae_score", "factor_vae_score_paper", "beta_vae_score"):
        assert found[name, "score"] == grid[name, "score"] == 1
        assert result["metrics"][name]["left_out"]["factor factor_1"]
    assert np.sum(result["metrics"]["factor_vae_score"]["result"]["votes"], 0)[1] == 0
    assert found["omes_on_grid", "score"] == pytest.approx(
        grid["omes_on_grid", "score"], abs=0.05
    )


def test_one_factor_makes_any_vote_right():
    found, result = score_grid((1, 5), names="all")
    for name in ("factor_vae_score", "beta_vae_score"):
        assert (name, "score") not in found
        assert "any code is perfect" in result["left_out"][name]


@pytest.mark.parametrize(("scale", "shift"), [(1e19, 0), (1, 3e3)])
def test_votes_of_extreme_codes(grid, scale, shift):
    names = ["factor_vae_score", "factor_vae_score_paper", "omes_on_grid"]
    found, _ = score_grid((3, 5, 6), scale, shift, names)
    assert_near(found, grid, names, 1e-3)


def test_votes_of_codes_too_small_are_named():
    names = ["factor_vae_score", "factor_vae_score_paper", "omes_on_grid"]
    _, result = score_grid((3, 5, 6), 1e-30, names=names)
    for name in names:
        assert "0 of 3 dimensions" in result["metrics"][name]["left_out"]["score"]
    with pytest.raises(ValueError, match=r"spread between 0\.05 and 1e"):
        score_grid((3, 5, 6), 1e-30, names=["beta_vae_score"])


def test_chance_stands_beside_the_score_and_what_was_not_computed_is_named():
    codes, factors = sample()
    found = evaluate_codes(codes, factors, KEY, ["mig", "dci_lightgbm"])
    beside = found["metrics"]["mig"]["baselines"]["chance"]
    assert beside["score"] < 0.1 < found["metrics"]["mig"]["result"]["score"]
    assert "baselines" not in found["metrics"]["dci_lightgbm"]
    assert "takes seconds" in found["baselines_left_out"]["chance of dci_lightgbm"]
    table = format_table(found)
    assert table.splitlines()[0].split() == [
        "metric",
        "score",
        "value",
        "chance",
        "seconds",
    ]
    assert "skipped chance of dci_lightgbm: takes seconds" in table
    found = evaluate_codes(codes, factors, KEY, ["dci_lightgbm"], baselines="all")
    chance = found["metrics"]["dci_lightgbm"]["baselines"]["chance"]
    assert chance["disentanglement"] < 0.3
    with pytest.raises(ValueError, match="baselines must be one of"):
        evaluate_codes(codes, factors, KEY, ["mig"], baselines="some")


def test_an_untrained_encoder_stands_beside_a_trained_one():
    grid = types.SimpleNamespace(sizes=(3, 5), images=lambda factors: 1.0 * factors)
    options = {"num_train": 60, "num_test": 30, "settings": FEW}
    found = evaluate(
        *(lambda x: x, grid, KEY, ["mig", "factor_vae_score"]),
        untrained=lambda x: 0 * x,
        baselines="all",
        **options,
    )
    for entry in found["metrics"].values():
        assert entry["result"]["score"] > 0.9
        assert entry["baselines"]["untrained"]["score"] == 0
        assert entry["baselines"]["chance"]["score"] < 0.9
