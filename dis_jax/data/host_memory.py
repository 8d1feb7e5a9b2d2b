"""The host's memory, and a cache of decoded images in it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np

ROOM_FOR_DATA = 0.5  # share of a memory; the rest is for models and other processes


def host_memory() -> int:
    """Size of the memory of this machine, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def kept(
    read: Callable[[np.ndarray], np.ndarray],
    num_images: int,
    image_shape: tuple[int, int, int],
) -> Callable[[np.ndarray], np.ndarray]:
    """Caches every image that is read, if all fit in half of the host's memory.

    Decoding a record takes several times as long as copying an image; from the second
    epoch on, a stream only copies. Memory is used as images arrive.

    Args:
      read: positions (n,) -> bytes (n, height, width, channels).
      num_images: number of images in the set.
      image_shape: (height, width, channels).

    Returns:
      A function like `read`, for any number of threads.

    Example:
      >>> asked = []
      >>> def read(index):
      ...     asked.extend(index.tolist())
      ...     return np.zeros((len(index), 2, 2, 1), np.uint8)
      >>> remembered = kept(read, 9, (2, 2, 1))
      >>> remembered(np.array([3, 4])).shape, remembered(np.array([4, 5])).shape
      ((2, 2, 2, 1), (2, 2, 2, 1))
      >>> asked
      [3, 4, 5]
    """
    if num_images * math.prod(image_shape) > ROOM_FOR_DATA * host_memory():
        return read
    # The system reserves pages of an empty array only when they are written.
    images = np.empty((num_images, *image_shape), np.uint8)
    is_there = np.zeros(num_images, bool)

    def remembered(index: np.ndarray) -> np.ndarray:
        missing = index[~is_there[index]]
        if len(missing):
            images[missing] = read(missing)
            # Only after the images are written: other threads read the mask at any
            # time.
            is_there[missing] = True
        return images[index]

    return remembered
