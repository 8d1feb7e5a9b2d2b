"""A model's decoder in the form that a report page can run (`decoder.js`)."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float16

from dis_jax.figures.report_inputs import Subject
from dis_jax.methods import Categorical, Gaussian
from dis_jax.methods.likelihoods import DEFAULT

LARGEST = 3_000_000  # bytes of weights in a page, which stays below 4 MB
TOLERANCE = 1.0  # grey levels of 255 between this decoder and the model's
_NUM_CHECKED = 32  # codes that both decode
_HIDDEN = ("relu", "sigmoid", "tanh")  # activations of `decoder.js`
# Likelihoods whose mean image is a sigmoid of the first output channels of the decoder.
_SIGMOIDS = (
    "bernoulli",
    "gaussian",
    "gaussian_shared",
    "gaussian_pixel",
    "squared_error",
)


class Layer(NamedTuple):
    """One layer of a decoder.

    Attributes:
      kind: "dense", or "up", a transposed convolution with kernel 4 and stride 2.
      activation: of its output.
      kernel: (inputs, outputs), or (4, 4, inputs, outputs).
      bias: (outputs,).
      size: height and width of the maps that an "up" layer receives.
    """

    kind: str
    activation: str
    kernel: np.ndarray
    bias: np.ndarray
    size: int = 0


class BrowserDecoder(NamedTuple):
    """A decoder that has been compared with the model's.

    Attributes:
      layers: from code to image; weights are float16 numbers.
      codes: names of the codes, in the order in which the first layer receives them.
      image_shape: (height, width, channels).
      error: largest difference from the model's images, in grey levels of 255.
    """

    layers: tuple[Layer, ...]
    codes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    error: float

    @property
    def description(self) -> list[dict[str, Any]]:
        """The layers without their weights, for `makeDecoder` of `decoder.js`."""
        return [
            {
                "kind": layer.kind,
                "activation": layer.activation,
                "inputs": layer.kernel.shape[-2],
                "outputs": layer.kernel.shape[-1],
                "size": layer.size,
            }
            for layer in self.layers
        ]

    @property
    def weights(self) -> str:
        """Kernel and bias of each layer, float16, little endian, in base64."""
        return base64.b64encode(_halves(self.layers).astype("<f2").tobytes()).decode()


def browser_decoder(subject: Subject) -> BrowserDecoder | str:
    """The decoder of a run for its page, or the reason why there is none.

    Reads the layers from the parameters and compares their images with those of
    `method.decode`. So a decoder of another structure is rejected, not shown wrongly.

    Args:
      subject: the run, with a decoder.

    Returns:
      The decoder, or a clause such as "the networks are not of this package".
    """
    assert subject.decode is not None
    layers = _layers(subject)
    if isinstance(layers, str):
        return layers
    if not np.isfinite(_halves(layers)).all():
        return "a weight of the decoder exceeds the range of float16"
    if not all(isinstance(c, Gaussian | Categorical) for c in subject.codes.values()):
        return "a code is neither a Gaussian nor a category"
    codes = _checked_codes(subject)
    if sum(c.shape[1] for c in codes.values()) != layers[0].kernel.shape[0]:
        return "the decoder has inputs other than the codes"
    wanted = subject.decode(codes)
    # JAX sorts codes by name; the images show in which order the method concatenates them.
    errors = {
        order: _difference(layers, [codes[name] for name in order], wanted)
        for order in itertools.permutations(codes)
    }
    order = min(errors, key=errors.__getitem__)
    if not errors[order] <= TOLERANCE:
        return (
            "the structure of the decoder is not supported: pixels on the page would "
            f"differ by up to {errors[order]:.0f} of 255 grey levels"
        )
    return BrowserDecoder(layers, order, subject.images.shape[1:], errors[order])


def decode(
    layers: Sequence[Layer], codes: Float[np.ndarray, "batch latent"]
) -> Float[np.ndarray, "batch ..."]:
    """Decodes codes in NumPy, as `decoder.js` does.

    Args:
      layers: of the decoder.
      codes: (batch, latent).

    Returns:
      (batch, pixels) after a dense layer, else (batch, height, width, channels).
    """
    x = codes
    for layer in layers:
        if layer.kind == "up":
            x = _up(x.reshape(len(x), layer.size, layer.size, -1), layer.kernel)
        else:
            x = x.reshape(len(x), -1) @ layer.kernel
        x = _activate(layer.activation, x + layer.bias)
    return x


def _difference(
    layers: Sequence[Layer], codes: Sequence[np.ndarray], wanted: np.ndarray
) -> float:
    """Largest difference from the images, in grey levels of 255; inf for other shapes."""
    found = decode(layers, np.concatenate(codes, axis=1))
    if found.size != wanted.size:
        return np.inf
    error = 255 * float(np.abs(found.reshape(wanted.shape) - wanted).max())
    return np.inf if np.isnan(error) else error


def _up(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Adds each input pixel, times the kernel, to a 4x4 patch of the output."""
    n, h, w, _ = x.shape
    y = np.zeros((n, 2 * h + 2, 2 * w + 2, kernel.shape[-1]), np.float32)
    for a in range(4):
        for b in range(4):
            rows, columns = (
                slice(3 - a, 3 - a + 2 * h, 2),
                slice(3 - b, 3 - b + 2 * w, 2),
            )
            y[:, rows, columns] += x @ kernel[a, b]
    return y[:, 1:-1, 1:-1]


def _activate(name: str, x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sigmoid": expit}[
        name
    ](x)


def _layers(subject: Subject) -> tuple[Layer, ...] | str:
    """The layers that config and parameters describe, or the reason why there are none."""
    config, params = subject.config, subject.state.params.get("decoder") or {}
    network = config.get("network", {})
    likelihood = config.get("likelihood", DEFAULT)
    if network.get("name") not in ("conv", "mlp") or not _is_plain(params):
        return "the networks are not the convolutional or dense ones of this package"
    hidden = "relu" if network["name"] == "conv" else network.get("activation", "tanh")
    if hidden not in _HIDDEN:
        return f"the page does not compute the activation {hidden}"
    if likelihood not in _SIGMOIDS:
        return (
            f"the page does not compute the mean image of the likelihood {likelihood}"
        )
    size = 8 / 3 * sum(np.size(p) for part in params.values() for p in part.values())
    if size > LARGEST:
        return (
            f"the decoder's weights would take {size / 1e6:.1f} MB in the page; the "
            f"largest that fits has {LARGEST / 1e6:g} MB"
        )
    # Dense_0, Dense_1, ..., then Up_0, Up_1, ...: the order in which they are applied.
    ordered = sorted(params, key=_number)
    layers, side = [], 0
    for name in ordered:
        kind, last = _number(name)[0], name == ordered[-1]
        kernel, bias = (_rounded(params[name][part]) for part in ("kernel", "bias"))
        if kind == "Up":
            side = 2 * side or round((layers[-1].bias.size / kernel.shape[-2]) ** 0.5)
        if last:
            kernel, bias = (
                _first_channels(subject, kernel),
                _first_channels(subject, bias),
            )
        activation = "sigmoid" if last else hidden
        layers.append(Layer(kind.lower(), activation, kernel, bias, side))
    return tuple(layers)


def _number(layer: str) -> tuple[str, int]:
    kind, number = layer.split("_")
    return kind, int(number)


def _is_plain(params: Mapping[str, Any]) -> bool:
    """Whether all parameters are kernels and biases of numbered Dense and Up layers."""
    return bool(params) and all(
        re.fullmatch(r"(Dense|Up)_\d+", name)
        and isinstance(part, Mapping)
        and {*part} == {"kernel", "bias"}
        for name, part in params.items()
    )


def _first_channels(subject: Subject, array: np.ndarray) -> np.ndarray:
    """The outputs of the last layer that are the mean; the others are its variance."""
    if subject.config.get("likelihood", DEFAULT) != "gaussian_pixel":
        return array
    channels = subject.images.shape[-1]
    pixels = array.reshape(*array.shape[:-1], -1, 2 * channels)
    return np.ascontiguousarray(pixels[..., :channels].reshape(*array.shape[:-1], -1))


def _rounded(array: Any) -> np.ndarray:
    """Rounds to float16, so that errors are those of the page."""
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32).astype(np.float16).astype(np.float32)


def _halves(layers: Sequence[Layer]) -> Float16[np.ndarray, " weights"]:
    parts = [p.ravel() for layer in layers for p in (layer.kernel, layer.bias)]
    return np.concatenate(parts).astype(np.float16)


def _checked_codes(subject: Subject) -> dict[str, np.ndarray]:
    """Codes of images, and as many random codes with standard deviation 2."""
    rng = np.random.default_rng(0)
    half = min(_NUM_CHECKED // 2, len(subject.images))
    codes = {}
    for name, code in subject.codes.items():
        own = subject.points[name][:half]
        drawn = 2 * rng.standard_normal(own.shape)
        if isinstance(code, Categorical):
            drawn = np.eye(own.shape[1])[rng.integers(own.shape[1], size=len(own))]
        codes[name] = np.concatenate([own, drawn]).astype(np.float32)
    return codes
