"""A PyTorch module gives the same codes as when it is called directly."""

import numpy as np
import pytest

from dis_jax import evaluation

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((7, 8, 6, 3), np.float32)


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2),
        torch.nn.BatchNorm2d(4),
        torch.nn.Dropout(0.5),
        torch.nn.Flatten(),
        torch.nn.Linear(24, 2),
    )


def test_codes_are_those_of_the_module_in_evaluation_mode(images):
    net = model()
    net[1].running_mean += 0.3  # training mode would not use it
    net[2].eval()  # frozen by its user
    found = evaluation.encode_with(net, images, batch_size=3)
    assert [part.training for part in (net, net[1], net[2])] == [True, True, False]
    assert float(net[1].num_batches_tracked) == 0
    net.eval()
    with torch.no_grad():
        expected = net(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_a_pair_needs_a_choice_and_doubles_are_fed_doubles(images):
    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model().double()

        def forward(self, x):
            return self.net(x), -self.net(x)

    with pytest.raises(
        ValueError, match=r"returned a tuple, .*pick=lambda out: out\[0\]"
    ):
        evaluation.encode_with(Pair(), images)
    mean, other = (
        evaluation.encode_with(Pair(), images, pick=lambda out, i=i: out[i])
        for i in (0, 1)
    )
    np.testing.assert_array_equal(mean, -other)


def test_what_is_no_batch_of_images_or_codes_is_refused(images):
    with pytest.raises(
        ValueError, match=r"type uint8; expected floats .*divide bytes by 255"
    ):
        evaluation.encode_with(model(), (images * 255).astype(np.uint8))
    with pytest.raises(ValueError, match=r"batch = 7, found \(7, 4, 3, 2\)"):
        evaluation.encode_with(model()[0], images)
