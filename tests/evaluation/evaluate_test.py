import json
import types

import jax
import numpy as np
import pytest

from dis_jax import data, evaluation
from dis_jax.evaluation import (
    METRIC_SETS,
    METRICS,
    dci,
    evaluate,
    evaluate_codes,
    format_table,
    mig,
    new_file,
    resolve_metrics,
)

KEY = jax.random.key(0)
GRID = types.SimpleNamespace(
    name="grid",
    sizes=(15, 10),
    factor_names=("a", "b"),
    kinds=("ordered", "ordered"),
    images=lambda f: 1.0 * f,
)
SMALL = {
    "factor_vae_score": {"num_train": 50, "num_eval": 50, "batch_size": 8},
    "beta_vae_score": {"num_train": 50, "num_eval": 50, "batch_size": 8},
    "omes_on_grid": {"num_pairs": 50, "num_codes": 100},
}


def encode(images):
    return 2 * images


@pytest.fixture(scope="module")
def everything():
    return evaluate(encode, GRID, KEY, "all", num_train=90, num_test=60, settings=SMALL)


def test_all_metrics_at_once(everything):
    assert set(everything["metrics"]) == set(METRIC_SETS["all"]) - {"mask_variance"}
    (reason,) = everything["left_out"].values()
    assert reason.startswith("this set has no masks")
    assert "dci_lightgbm" in everything["metrics"]
    assert "dci" not in everything["metrics"]
    for entry in everything["metrics"].values():
        assert entry["seconds"] >= 0
        assert entry["result"]


def test_results_say_what_they_were_made_with(everything):
    assert (everything["format"], everything["version"]) == ("dis_jax.evaluation", 1)
    assert everything["data"] == "grid"
    assert everything["factor_names"] == ["a", "b"]
    assert (everything["num_train"], everything["num_test"]) == (90, 60)
    assert everything["num_latents"] == 2
    assert everything["key"] == np.asarray(jax.random.key_data(KEY)).tolist()
    assert {"jax", "numpy", "scikit-learn", "dis_jax"} <= set(everything["versions"])
    assert everything["hardware"]["backend"] == "cpu"
    metrics = everything["metrics"]
    assert metrics["irs"]["settings"] == {"bins": 20, "quantile": 0.99}
    assert metrics["dci_lightgbm"]["settings"] == {
        "seed": 0,
        "trees": "lightgbm",
        "kinds": ["ordered", "ordered"],
    }
    assert metrics["factor_vae_score"]["settings"] == {
        **{"num_variance": 10_000, "min_std": 0.05, "discrete": []},
        **SMALL["factor_vae_score"],
    }


def test_results_survive_json(everything):
    text = json.dumps(everything, allow_nan=False)
    assert json.loads(text) == everything


def test_matrices_are_in_the_result(everything):
    shapes = {
        ("mig", "mutual_information"): (2, 2),
        ("sap", "matrix"): (2, 2),
        ("dci_lightgbm", "importance"): (2, 2),
        ("omes", "association"): (2, 2),
        ("factor_vae_score", "votes"): (2, 2),
    }
    for (name, field), shape in shapes.items():
        assert np.shape(everything["metrics"][name]["result"][field]) == shape


def test_a_score_does_not_depend_on_its_company(everything):
    alone = evaluate(
        encode, GRID, KEY, ["omes", "mig"], num_train=90, num_test=60, settings=SMALL
    )
    for name in ("omes", "mig"):
        assert alone["metrics"][name]["result"] == everything["metrics"][name]["result"]


def test_the_grid_is_encoded_once_for_all_metrics():
    seen = []

    def watched(images):
        seen.append(len(images))
        return encode(images)

    names = ["factor_vae_score", "beta_vae_score", "omes_on_grid"]
    evaluate(watched, GRID, KEY, names, num_train=9, num_test=6, settings=SMALL)
    assert sum(seen) == 15 + 3 * 64  # the samples, and the grid of 150 in batches of 64


def test_codes_alone_score_as_the_functions_do(random_codes):
    codes, factors = random_codes(n=90, sizes=(2, 3))
    test = random_codes(n=60, seed=1, sizes=(2, 3))
    found = evaluate_codes(
        *(codes, factors, KEY, ["mig", "dci"]),
        test_codes=test.codes,
        test_factors=test.factors,
        factor_names=("a", "b"),
    )
    result = found["metrics"]["mig"]["result"]
    assert result["score"] == mig(codes, factors).score
    expected = dci(codes, factors, *test)
    assert (
        found["metrics"]["dci"]["result"]["disentanglement"] == expected.disentanglement
    )
    assert found["metrics"]["dci"]["settings"]["trees"] == "sklearn"
    assert found["data"] is None


def test_what_cannot_be_had_is_left_out_of_a_set_and_refused_by_name(random_codes):
    codes, factors = random_codes(n=60, sizes=(2, 3), latents=1)
    names = ["mig", "sap", "factor_vae_score"]
    METRIC_SETS_BEFORE = dict(METRIC_SETS)
    METRIC_SETS["three"] = tuple(names)
    try:
        found = evaluate_codes(codes, factors, KEY, "three")
    finally:
        METRIC_SETS.clear()
        METRIC_SETS.update(METRIC_SETS_BEFORE)
    assert list(found["metrics"]) == ["mig"]
    assert "needs an encoder" in found["left_out"]["factor_vae_score"]
    assert "at least 2 dimensions" in found["left_out"]["sap"]
    with pytest.raises(ValueError, match="factor_vae_score: needs an encoder"):
        evaluate_codes(codes, factors, KEY, ["factor_vae_score"])
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        evaluate_codes(codes, factors, KEY, ["sap"])


def test_what_images_without_a_grid_or_without_labels_can_have():
    images = np.random.default_rng(0).random((60, 8, 8, 1)).astype(np.float32)
    of_pixels = lambda images: images.reshape(len(images), -1)[:, :3]
    labelled = data.from_arrays(
        images, np.arange(60) % 3, name="labelled", factor_names=["which"]
    )
    found = evaluate(of_pixels, labelled, KEY, num_train=40, num_test=20)
    assert list(found["metrics"]) == ["mig"]
    assert "needs a full factor grid" in found["left_out"]["factor_vae_score"]
    bare = data.from_arrays(images, name="bare")
    with pytest.raises(ValueError, match="labels that vary, found none; gaussian_corr"):
        evaluate(of_pixels, bare, KEY, num_train=40, num_test=20)
    found = evaluate(of_pixels, bare, KEY, "all", num_train=40, num_test=20)
    assert list(found["metrics"]) == ["gaussian_correlation", "hausdorff_support"]


def test_sets_name_the_trees_they_take():
    assert "dci_lightgbm" in METRIC_SETS["all"]
    assert "dci" in METRIC_SETS["official"]
    assert "dci_lightgbm" not in METRIC_SETS["official"]
    assert set(METRIC_SETS["all"]) ^ set(METRIC_SETS["official"]) == {
        "dci",
        "dci_lightgbm",
    }
    assert resolve_metrics(["mig", "all", "mig"])[0] == "mig"
    assert set(resolve_metrics("all")) == set(METRIC_SETS["all"])


@pytest.mark.parametrize(
    ("metrics", "settings", "message"),
    [
        (["mgi"], {}, "unknown metric 'mgi'; did you mean 'mig'"),
        ("dcii", {}, "did you mean 'dci'"),
        (
            ["mig"],
            {"mig": {"bin": 3}},
            "unknown setting of mig 'bin'; did you mean 'bins'",
        ),
        (["mig"], {"migg": {}}, "unknown metric 'migg'"),
    ],
)
def test_unknown_names_have_neighbours(metrics, settings, message):
    with pytest.raises(ValueError, match=message):
        evaluate(encode, GRID, KEY, metrics, num_train=9, num_test=9, settings=settings)


def test_values_that_are_not_finite_become_none(known):
    codes, factors = known("redundant", copies=1)
    found = evaluate_codes(codes, factors, KEY, ["gaussian_correlation"])
    result = found["metrics"]["gaussian_correlation"]["result"]
    assert result["total_correlation"] is None


def test_table_lists_every_scalar(everything):
    table = format_table(everything)
    lines = table.splitlines()
    assert lines[0].split() == ["metric", "score", "value", "chance", "seconds"]
    assert any(line.startswith("mig ") and "score" in line for line in lines)
    assert any("completeness" in line for line in lines)
    rows = [line for line in lines if not line.startswith(("skipped", "factors"))]
    assert all(len(line) < 100 for line in rows)
    shown = format_table({"metrics": {}, "left_out": {"sap": "needs two"}})
    assert "needs two" in shown


def test_a_file_is_not_replaced_by_accident(tmp_path):
    path = new_file(tmp_path / "evaluation", "mig_seed0")
    path.write_text("{}")
    with pytest.raises(FileExistsError, match=r"mig_seed0\.json exists"):
        new_file(tmp_path / "evaluation", "mig_seed0")
    assert new_file(tmp_path / "evaluation", "mig_seed0", overwrite=True) == path


def test_kinds_decide_how_a_factor_is_scored():
    rng = np.random.default_rng(0)
    place, angle = rng.uniform(size=400), rng.uniform(0, 360, 400)
    shape = rng.integers(0, 3, 400)
    codes = np.c_[place, np.cos(np.radians(angle)), shape, rng.normal(size=400)]
    found = evaluate_codes(
        *(codes, np.c_[place, angle, shape], KEY, ["mig", "mcc", "r2"]),
        factor_names=("place", "angle", "shape"),
        kinds={"angle": ("circular", 360), "shape": "categorical"},
    )
    kinds = {
        "place": "continuous",
        "angle": ("circular", 360.0),
        "shape": "categorical",
    }
    assert found["factor_kinds"] == kinds
    assert found["factors_as_labels"] == {
        "place": "continuous, 20 quantile bins",
        "angle": "circular, 20 quantile bins",
    }
    metrics = found["metrics"]
    one = pytest.approx(1)
    assert metrics["mcc"]["result"]["per_factor"] == [one, one, None]
    assert metrics["mcc"]["left_out"] == {
        "factor shape": "categorical: its values have no order"
    }
    assert metrics["r2"]["result"]["matched"] == pytest.approx(0.75, abs=0.05)
    assert metrics["mig"]["result"]["per_factor"][0] > 0.7
    table = format_table(found)
    assert "factor angle: circular, 20 quantile bins for metrics on labels" in table
    assert "skipped mcc factor shape: categorical: its values have no order" in table
    assert json.loads(json.dumps(found))["factor_kinds"]["angle"] == ["circular", 360]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"b": "ordered"}, "kinds has no factor 'b'; known: factor_0"),
        (["ordered", "ordered"], r"one kind per factor \(1\), found 2"),
        (["nominal"], "the kind of 'factor_0' is 'nominal'; expected one of"),
        (["circular"], r'needs a period: \("circular", 360\)'),
        ([("circular", 0)], "the period of 'factor_0' must be above 0, found 0"),
    ],
)
def test_unknown_kinds_are_named(kinds, message):
    factors = np.arange(30)[:, None] % 3
    with pytest.raises(ValueError, match=message):
        evaluate_codes(1.0 * factors, factors, KEY, ["mig"], kinds=kinds)


def test_words_are_labels_whose_names_are_kept():
    words = np.array(["red", "green", "blue"])[np.arange(60) % 3][:, None]
    numbers = np.array([2, 1, 0])[np.arange(60) % 3][:, None]
    found = evaluate_codes(1.0 * numbers, words, KEY, ["mig"], factor_names=["hue"])
    expected = evaluate_codes(1.0 * numbers, numbers, KEY, ["mig"])
    assert found["metrics"]["mig"]["result"] == expected["metrics"]["mig"]["result"]
    assert found["words"] == {"hue": ["blue", "green", "red"]}


def test_only_minus_one_is_unknown():
    rng = np.random.default_rng(0)
    angle, smile = rng.choice([-30, 0, 30], 200), rng.choice([-1, 1], 200)
    found = evaluate_codes(
        *(np.c_[1.0 * angle, smile], np.c_[angle, smile], KEY, ["mig"]),
        factor_names=["angle", "smile"],
    )
    assert found["factor_names"] == ["angle"]
    reason = found["factors_left_out"]["smile"]
    assert reason.startswith("unknown (-1) in")
    assert reason.endswith("if -1 means no, write 0")
    assert "over angle" in format_table(found).splitlines()[1]


def test_the_kinds_of_the_packages_sets_are_declared():
    for name in ("rendered_dsprites", "rendered_shapes3d", "rendered_norb"):
        image_set = data.load(name)
        assert len(image_set.kinds) == len(image_set.factor_names)
    sprites = data.load("rendered_dsprites+tinted")
    kinds = dict(zip(sprites.factor_names, sprites.kinds, strict=True))
    assert kinds["colour"] == kinds["shape"] == "categorical"
    assert kinds["orientation"] == ("circular", 39)
    # the last of dSprites' 40 angles equals the first
    first, last = np.array([[0, 2, 5, 0, 16, 16], [0, 2, 5, 39, 16, 16]])
    images = np.asarray(sprites.images(np.stack([first, last])))
    np.testing.assert_array_equal(*images)


def test_every_metric_function_is_public():
    for metric in METRICS.values():
        assert getattr(evaluation, metric.fn.__name__) is metric.fn


def test_a_seed_and_a_name_in_capitals_give_the_same_scores():
    factors = np.indices((3, 4, 5)).reshape(3, -1).T
    codes = factors + 0.1 * np.random.default_rng(0).normal(size=factors.shape)
    wanted = evaluate_codes(codes, factors, jax.random.key(3), ["mig", "omes"])
    found = evaluate_codes(codes, factors, 3, ["MIG", "Omes"])
    for result in (wanted, found):
        del result["date"]
        for entry in result["metrics"].values():
            del entry["seconds"]
    assert found == wanted
    with pytest.raises(ValueError, match="key is -3"):
        evaluate_codes(codes, factors, -3, "mig")


def test_a_metric_that_is_asked_for_in_capitals_is_not_left_out_in_silence():
    factors = np.arange(60)[:, None] % 3
    with pytest.raises(ValueError, match="sap"):
        evaluate_codes(1e-3 * factors, factors, 0, ["SAP", "MIG"])


def test_names_in_an_array_are_plain_text_in_messages():
    names, labels = np.array(["shape", "angle"]), np.arange(12).reshape(6, 2) % 3
    with pytest.raises(ValueError, match="no factor 'angel'; did you mean 'angle'"):
        evaluate_codes(
            *(np.ones((6, 2)), labels, KEY, "mig"),
            factor_names=names,
            kinds={"angel": "ordered"},
        )


def word(codes):
    return "good"


def truth(codes):
    return True


def row(codes):
    return codes.mean(0)


def matrix(codes):
    return {"matrix": codes.T @ codes}


def one(codes):
    return jax.numpy.float32(1)


def test_a_metric_of_ones_own_returns_numbers(random_codes):
    codes, factors = random_codes(n=60, sizes=(2, 3))
    for metric in (word, truth, row):
        with pytest.raises(
            ValueError, match=f"{metric.__name__}: returned '.*'; expected"
        ):
            evaluate_codes(codes, factors, KEY, metric, baselines="none")
    found = evaluate_codes(codes, factors, KEY, [matrix, one], baselines="none")
    assert [len(entry["result"]) for entry in found["metrics"].values()] == [1, 1]


def centred(codes):
    codes -= codes.mean(axis=0)
    return float(codes.std())


def test_a_metric_of_ones_own_cannot_change_what_others_score(random_codes):
    codes, factors = random_codes(n=200, sizes=(3, 4))
    before = codes.copy()
    with pytest.raises(ValueError, match="read-only"):
        evaluation.evaluate_codes(codes, factors, 0, [centred, "mig"])
    np.testing.assert_array_equal(codes, before)
    codes -= 1  # the caller can still write to them
