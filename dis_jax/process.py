"""Settings of a process that trains or encodes: its memory, and its compiled programs."""

import contextlib
import os
import pathlib

from dis_jax import memory


def set_up_jax(*, distributed: bool = False) -> None:
    """Makes this process faster, as all commands do: call it before you compute anything.

    Compiled programs are stored in a folder, `$JAX_COMPILATION_CACHE_DIR` or
    `~/.cache/dis_jax`, and a later process loads them. If JAX computes on a CPU, the
    process keeps freed memory and uses huge pages (glibc only; see `dis_jax.memory`). JAX
    itself may be imported already. The settings last until the process ends.

    Args:
      distributed: whether to connect to the other processes of a cluster first; see
        `jax.distributed.initialize`.

    Example:
      >>> from dis_jax import training
      >>> training.set_up_jax()  # doctest: +SKIP
    """
    if on_cpu := memory.on_cpu():
        memory.keep()
    import jax

    if on_cpu:
        memory.watch_compiler()

    if distributed:
        jax.distributed.initialize()
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        with contextlib.suppress(RuntimeError):  # a user without a home has no cache
            folder = pathlib.Path.home() / ".cache" / "dis_jax"
            jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
