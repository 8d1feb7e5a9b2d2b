"""What counts as a number that is not finite."""

from typing import NamedTuple

import numpy as np
import pytest

from dis_jax import training
from dis_jax.training import finite


class Terms(NamedTuple):
    loss: np.ndarray
    kl: np.ndarray


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_a_term_that_is_infinite_is_named_with_its_step(wrong):
    window = finite.Window(4)
    window.add(Terms(np.array([1.0, 2.0]), np.array([3.0, wrong])))
    with pytest.raises(
        training.NonFiniteError, match=r"^kl is not finite at step 6 "
    ) as error:
        window.check(6)
    assert error.value.steps == (5,)  # the last finite one
