"""Codes computed by a PyTorch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import torch  # pyright: ignore[reportMissingImports]


def encode_with(
    module: torch.nn.Module,
    images: ArrayLike,
    *,
    pick: Callable[[Any], torch.Tensor] | None = None,
    batch_size: int = 256,
    device: str | torch.device | None = None,
) -> Float[np.ndarray, "batch latent"]:
    """The codes of images by a PyTorch module, batch by batch.

    The module receives images with the channels first, (batch, channels, height, width),
    in the type of its parameters. It runs in evaluation mode, without gradients; its mode
    is restored afterwards.

    Args:
      module: maps images to codes.
      images: floats with the channels last, (batch, height, width, channels).
      pick: selects the code in the output of the module, if that is not one tensor:
        `lambda out: out[0]` for (mean, log-variance).
      batch_size: images per call of the module.
      device: where it runs; by default where its parameters are.

    Returns:
      Codes, (batch, latent).

    Raises:
      ValueError: if images are not floats of this shape, or the module does not return
        one row per image.

    Example:
      >>> import functools
      >>> import numpy as np
      >>> import torch
      >>> from dis_jax import evaluation
      >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
      >>> evaluation.encode_with(model, np.ones((5, 2, 2, 3), np.float32)).shape
      (5, 2)
      >>> encode = functools.partial(evaluation.encode_with, model)  # for `evaluate`
    """
    import torch  # pyright: ignore[reportMissingImports]

    images = np.asarray(images)
    if images.ndim != 4 or not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            f"images have the shape {images.shape} and the type {images.dtype}; expected "
            "floats (batch, height, width, channels) (divide bytes by 255)."
        )
    parameter = next((p for p in module.parameters() if p.is_floating_point()), None)
    dtype = torch.float32 if parameter is None else parameter.dtype
    if device is None and parameter is not None:
        device = parameter.device
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    codes = []
    try:
        with torch.no_grad():
            for start in range(0, len(images), batch_size):
                batch = torch.tensor(images[start : start + batch_size])
                out = module(batch.permute(0, 3, 1, 2).to(device, dtype).contiguous())
                codes.append(_code(out if pick is None else pick(out), len(batch)))
    finally:
        # Part by part, because the user may have frozen some of them.
        for part, mode in modes:
            part.training = mode
    return np.concatenate(codes)


def _code(out: Any, rows: int) -> np.ndarray:
    """The output of the module as an array, checked."""
    import torch  # pyright: ignore[reportMissingImports]

    if not isinstance(out, torch.Tensor):
        raise ValueError(
            f"module returned a {type(out).__name__}, not a tensor; say what its code is: "
            "pick=lambda out: out[0]."
        )
    if out.ndim != 2 or len(out) != rows:
        raise ValueError(
            f"module must return (batch, latent) with batch = {rows}, found "
            f"{tuple(out.shape)}."
        )
    return out.float().cpu().numpy()
