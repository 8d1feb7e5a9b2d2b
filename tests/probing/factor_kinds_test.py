import json

import numpy as np
import pytest

from dis_jax.data.factor_kinds import read_kinds
from dis_jax.probing import factor_kinds

KINDS = {"angle": ("circular", 360.0), "shape": "categorical", "a=b": "continuous"}


def test_kinds_are_read_from_words_json_and_files(tmp_path):
    words = "angle=circular:360, shape=categorical,a=b=continuous"
    assert read_kinds(words) == KINDS
    text = json.dumps(KINDS)
    assert read_kinds(text) == KINDS
    path = tmp_path / "kinds.json"
    path.write_text(text)
    assert read_kinds(str(path)) == KINDS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("angle", "the word 'angle'; expected name=kind"),
        ("angle=round", "the kind of 'angle' is 'round'"),
        ("angle=circular", "needs a period"),
        ("angle=circular:wide", "must be above 0, found 'wide'"),
        ("angle=circular:-1", "must be above 0, found '-1'"),
        ('{"angle": 3}', "the kind of 'angle' is 3"),
        ("angle=circular:2:3", r"is \('circular', '2', '3'\); expected one of"),
        ("a=ordered,b=ordered,a=continuous", "kinds names 'a' twice"),
        ('{"a": "ordered", "a": "continuous"}', "kinds names 'a' twice"),
        ('{"angle"', "kinds is not valid JSON"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        read_kinds(text)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no file .*kinds\.json; expected a JSON"
    ):
        read_kinds(str(tmp_path / "kinds.json"))


@pytest.mark.parametrize(
    ("period", "scale", "warns"),
    [
        (360, 360, False),
        (360, 60, False),
        (18, 0, False),
        (360, 720, False),
        (2 * np.pi, 360, True),
        (360, 2 * np.pi, True),
        (360, 39, True),  # of an index of 40 steps
        (2 * np.pi, 1, True),  # in turns
    ],
)
def test_a_period_in_another_unit_is_warned_of(period, scale, warns, caplog):
    angle = scale * np.linspace(0, 1, 30)
    factor_kinds.warn_of_units(["a"], [("circular", period)], [angle])
    assert ("both have to be in the same unit" in caplog.text) == warns
