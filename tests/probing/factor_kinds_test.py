import json

import numpy as np
import pytest

from dis_jax import data
from dis_jax.data.factor_kinds import read_kinds, warn_of_units

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
    warn_of_units("a", ("circular", period), 0, scale)
    assert ("both have to be in the same unit" in caplog.text) == warns


def test_kinds_of_a_set_of_ones_own_are_checked(caplog):
    def made(**options):
        factors = 10 * np.arange(36)
        images = np.zeros((36, 2, 2), bool)
        return data.from_arrays(
            images, factors, name="a", factor_names=["v"], **options
        )

    data.declared(made(), {"v": ("circular", 360)})
    assert not caplog.text
    data.declared(made(), {"v": ("circular", 36)})
    assert "values from 0 to 350, and its period is 36" in caplog.text
    words = made(value_names=[[str(i) for i in range(351)]])
    data.declared(words, {"v": "categorical"})
    with pytest.raises(
        ValueError, match=r"has words as values, such as '0', without a known order"
    ):
        data.declared(words, {"v": "ordered"})
