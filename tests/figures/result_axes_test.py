"""Axes of the fields of results, above all of codes with as many dimensions as factors."""

import re
import sys
import types

import numpy as np
import pytest

from dis_jax import evaluation
from dis_jax.evaluation import METRICS
from dis_jax.figures import sections
from dis_jax.figures.result_axes import _MATRICES, _VECTORS, matrices, vectors

SQUARE = ["a", "b"]  # as many factors as dimensions
OF_ROWS = [
    *("gaussian_correlation", "hausdorff_support", "irs", "modularity_explicitness"),
    *("infomec", "dcimig", "grouped_factor_vae_score", "mcc"),
]


def documented(metric, axes):
    """The fields of a metric's result that its docstring gives these axes."""
    fn = METRICS[metric].fn
    result = getattr(sys.modules[fn.__module__], fn.__annotations__["return"])
    attributes = result.__doc__.partition("Attributes:")[2]
    fields = re.split(r"^ {6}(\w+): ", attributes, flags=re.M)[1:]
    about = dict(zip(fields[::2], fields[1::2], strict=True))
    return {field for field, text in about.items() if axes in text}


@pytest.mark.parametrize("metric", METRICS)
def test_the_axes_are_those_of_the_docstrings(metric):
    name = METRICS[metric].fn.__name__
    assert documented(metric, "(latent, factor)") == {*_MATRICES.get(name, ())}
    blocks = {"blocks"} if name == "r2" else set()  # vectors by name, not a vector
    assert documented(metric, "(factor,)") - blocks == {*_VECTORS.get(name, ())}


@pytest.fixture(scope="module")
def scored():
    """A code of two dimensions that are two independent factors."""
    factors = np.indices((4, 5, 40)).reshape(3, -1).T[:, :2]
    return evaluation.evaluate_codes(
        *(factors * 1.0, factors, 0, OF_ROWS),
        factor_names=SQUARE,
        baselines="none",
        kinds=["ordered", "ordered"],
    )


def test_pairs_of_dimensions_are_not_drawn_as_factors(scored):
    method = types.SimpleNamespace(code="z")
    subject = types.SimpleNamespace(evaluations={"e": scored}, method=method)
    assert {*sections.factors(subject).files} == {  # pyright: ignore[reportArgumentType]
        "irs_matrix.png",
        "modularity_explicitness_mutual_information.png",
        "infomec_information.png",
        "grouped_factor_vae_score_votes.png",
        "mcc_correlations.png",
    }


def test_numbers_of_dimensions_are_not_listed_under_factors(scored):
    table = sections._evaluation("e", scored).partition("by factor")[2]
    listed = re.findall(r"<tr><td[^>]*>([^<]*)<", table.partition("</table>")[0])
    assert listed == ["dcimig per factor", "mcc per factor", "mcc matching"]


def test_outputs_of_a_transform_are_no_dimensions(scored):
    found = dict(scored["metrics"]["mcc"])
    found["settings"] = found["settings"] | {"transform": "linear"}
    other = scored | {"metrics": {"mcc": found}}
    assert {*matrices(other, "mcc")} == set()
    assert {*vectors(other, "mcc")} == {"per_factor", "matching"}


def own(num_latents):
    result = {
        "score": 0.5,
        "table": np.ones((num_latents, 2)).tolist(),
        "each": [1.0, None],
        "words": ["yes", "no"],
        "ragged": [[1.0], [1.0, 2.0]],
    }
    entry = {"my_module:my_metric": {"result": result}}
    return {"num_latents": num_latents, "factor_names": SQUARE, "metrics": entry}


def test_your_own_metric_is_shown_where_its_shape_decides():
    three, two = own(3), own(2)
    assert {*matrices(three, "my_module:my_metric")} == {"table"}
    assert {*vectors(three, "my_module:my_metric")} == {"each"}
    assert not matrices(two, "my_module:my_metric")
    assert not vectors(two, "my_module:my_metric")
    assert "by factor" not in sections._evaluation("e", two)
