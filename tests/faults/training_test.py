"""A sample of the faults that tests/faults/training.py tries on runs."""

import random

from tests.faults import training as faults


def test_damaged_checkpoints_are_set_aside_or_give_what_was_saved(tmp_path):
    found = faults.damage_checkpoints(tmp_path, random.Random(1), 4)
    assert faults.report("damaged checkpoints", found)
    assert sum(found.values()) == 4


def test_wrong_values_are_refused_by_name():
    assert faults.misspell(25) == {"refused by name": 25}
