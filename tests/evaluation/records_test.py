"""Score files, and reading them."""

import json

import pytest

from dis_jax import evaluation
from dis_jax.evaluation.records import left_out_lines, read_record

ENTRY = {"result": {"score": 0.5}, "settings": {}, "seconds": 0.1}


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "a.json"
    for found in (evaluation.record({"mig": ENTRY}, seed=0), {"table": [1]}):
        path.write_text(json.dumps(found))
        assert read_record(path) == found


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[]", r"contains \[\], not an object"),
        ("null", "contains null, not an object"),
        ("{", "cannot be read"),
        ('{"format": "dis_jax.evaluation"}', "metrics or source is not an object"),
        ({"mig": 0.5}, "mig has no result"),
        (
            {"mig": {"result": {"score": "high"}}},
            "score of mig is 'high', not a number",
        ),
    ],
)
def test_a_damaged_file_of_scores_is_named(content, why, tmp_path):
    path = tmp_path / "a.json"
    if isinstance(content, dict):
        content = json.dumps({"format": "dis_jax.evaluation", "metrics": content})
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{path} .*{why}.*delete it"):
        read_record(path)


def test_scores_of_a_model_that_diverged_say_so():
    found = evaluation.record({"mig": ENTRY}, diverged=1200)
    line = "the model diverged; scores of its state of step 1,200"
    assert left_out_lines(found) == [line]
    assert evaluation.format_table(found).endswith(line)
