"""The mesh has two axes whose sizes multiply to the devices."""

import jax
import pytest

from dis_jax import training


def test_what_is_left_goes_to_the_data_axis():
    assert dict(training.make_mesh(2).shape) == {"population": 2, "data": 4}
    assert dict(training.make_mesh().shape) == {"population": 1, "data": 8}
    assert dict(training.make_mesh(3).shape) == {"population": 3, "data": 2}


def test_a_smaller_mesh_takes_the_first_devices():
    one = training.make_mesh(1, 1)
    assert dict(one.shape) == {"population": 1, "data": 1}
    assert one.devices.item() == jax.devices()[0]


@pytest.mark.parametrize("shape", [(3, 3), (-1, 2), (0, 8), (16, -1)])
def test_a_mesh_that_does_not_fit_the_devices_is_refused(shape):
    with pytest.raises(ValueError, match="does not fit 8 devices"):
        training.make_mesh(*shape)
