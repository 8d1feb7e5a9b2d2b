"""Settings of glibc's memory allocation, for processes that compute on a CPU."""

import ctypes
import functools
import importlib.util
import mmap
import os
import pathlib
import sys
from typing import Any

# glibc keeps free blocks of at least this many bytes in lists that it searches in order.
_SEARCHED = 1024
_LARGEST = 1 << 20
_NEXT = 512 << 20  # bytes at the end of the heap, which a process uses next
_LONG = 1.0  # seconds of compilation that leave many free blocks
# JAX's accelerators: the packages of their plugins, and the files of their drivers.
_PLUGINS = ("jax_plugins", "libtpu")
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/accel0", "/dev/vfio/0")


def on_cpu() -> bool:
    """Whether JAX will compute on a CPU.

    JAX itself cannot answer: it would start threads that allocate memory, and glibc fixes
    the number of arenas at the first allocation of a second thread.
    """
    if platforms := os.environ.get("JAX_PLATFORMS"):
        return platforms.split(",")[0] == "cpu"
    plugin = any(importlib.util.find_spec(name) for name in _PLUGINS)
    return not (plugin and any(map(os.path.exists, _DRIVERS)))


def keep() -> None:
    """Makes glibc keep freed memory, so that steps do not request it from the system.

    XLA on a CPU allocates its buffers in every step. By default, large buffers are mapped
    and unmapped each time, and the system clears their pages: an eighth of the time of a
    convolutional step. There is one arena, because only the first arena grows without
    bound: the others map and unmap buffers of more than 64 MB, and temporary memory of
    XLA's threads fills them. The cost occurs once: the compiler's threads wait for each
    other's allocations. With three or more arenas, the first step of a FactorVAE ends
    after 8 s instead of 11 on two cores, but each later step takes 100 ms instead of 85:
    its temporary buffer of 91 MB is mapped and unmapped each time. On a GPU, steps
    allocate nothing on the host, and one arena would only slow the compiler: 36 seconds
    instead of 28 (results/bench_gpu.json).

    The next 512 MB of the heap get huge pages. On two cores of an Intel Xeon a step of a
    beta-VAE takes 48 ms instead of 54, a step of a FactorVAE 86 instead of 101; on an AMD
    EPYC, the difference is within the noise.
    """
    libc = _glibc()
    if libc is None:
        return  # another C library has other rules
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8  # malloc.h
    libc.mallopt(arena_max, 1)
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, -1)
    libc.mallopt(top_pad, 1 << 26)
    block = libc.malloc(_NEXT)
    _want_huge_pages(libc)
    libc.free(block)


@functools.cache  # a listener is added once
def watch_compiler() -> None:
    """Makes this process call `take_pieces` after each long compilation."""
    import jax

    jax.monitoring.register_event_duration_secs_listener(_after_compiling)


def _after_compiling(event: str, duration_secs: float, **_: Any) -> None:
    compiled = event == "/jax/core/compile/backend_compile_duration"
    if compiled and duration_secs >= _LONG:
        take_pieces()


def take_pieces() -> None:
    """Allocates all small free blocks, so that a step does not search them.

    The compiler leaves tens of thousands of free blocks, 300 MB. glibc searches them in
    each allocation of a step, while other threads wait: a step of a beta-VAE on two cores
    takes 79 ms instead of 60. The system gets their pages back; their addresses stay
    allocated until the process ends.
    """
    libc = _glibc()
    if libc is None:
        return
    libc.malloc_trim(0)
    # Blocks above this one were not free before.
    end = libc.malloc(_NEXT) or 0
    size = _LARGEST
    while size >= _SEARCHED:
        piece = libc.malloc(size) or 0
        if not piece or piece > end:
            libc.free(piece)
            size = size * 7 // 8  # an eighth of each free block may remain
    _want_huge_pages(libc)  # again: malloc_trim returned the end that had asked
    libc.free(end)


def _want_huge_pages(libc: ctypes.CDLL) -> None:
    """Advises the kernel to back the heap with huge pages from now on.

    On many systems only memory that asks for them gets them. A page of 2 MB instead of
    4 KB needs one page fault instead of 512, and one entry of the address cache.
    """
    try:
        maps = pathlib.Path("/proc/self/maps").read_text()
    except OSError:
        return  # no /proc here; pages stay small
    for line in maps.splitlines():
        if line.endswith("[heap]"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            # An error, such as of a kernel without huge pages, changes nothing.
            libc.madvise(start, end - start, mmap.MADV_HUGEPAGE)


def _glibc() -> ctypes.CDLL | None:
    """The C library if it is glibc, else None."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "gnu_get_libc_version"):
        return None
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return libc
