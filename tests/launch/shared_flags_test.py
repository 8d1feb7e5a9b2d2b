import math
import sys

import pytest
from absl import flags

from launch import shared_flags

NAME = "a_number_of_this_test"
shared_flags.number(NAME, 1.5, "Says nothing.")


@pytest.mark.parametrize("found", [0, math.inf])
def test_a_number_may_be_zero_or_infinite(found):
    flags.FLAGS[NAME].value = 1.5
    setattr(flags.FLAGS, NAME, found)
    assert flags.FLAGS[NAME].value == found


@pytest.mark.parametrize("found", [math.nan, -1])
def test_a_number_is_never_nan_nor_negative(found):
    with pytest.raises(flags.IllegalFlagValueError, match=f"{NAME}={found}"):
        setattr(flags.FLAGS, NAME, found)
    flags.FLAGS[NAME].value = 1.5


def test_help_lists_a_flag_under_the_script_that_takes_it():
    keys = flags.FLAGS.get_key_flags_for_module(sys.modules[__name__])
    assert [flag.name for flag in keys] == [NAME]
