"""The host's memory, and a cache of decoded images in it."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable

import numpy as np

SHARE_FOR_DATA = 0.5  # share of a memory; the rest is for models and other processes


# Files with the memory limit of a container, in the two versions of cgroup.
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
_UNKNOWN = 8 * 2**30  # if the system does not report it


def host_memory(cgroup: str | os.PathLike[str] = "/sys/fs/cgroup") -> int:
    """The memory that this process may use, in bytes: the machine's or its container's.

    Args:
      cgroup: the folder in which Linux describes the limits of a container.

    Returns:
      The smaller of the two.
    """
    found = [_UNKNOWN]
    if hasattr(os, "sysconf"):  # not on Windows
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in _LIMITS:
        path = pathlib.Path(cgroup, name)
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            found.append(int(text))
    return min(found)


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
    if num_images * math.prod(image_shape) > SHARE_FOR_DATA * host_memory():
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
