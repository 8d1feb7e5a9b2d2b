"""Versions and hardware behind a result, ready for JSON."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
from typing import Any

import jax

import dis_jax

_PACKAGES = (
    "flax",
    "jax",
    "jaxlib",
    "lightgbm",
    "numpy",
    "optax",
    "scikit-learn",
    "scipy",
)


def cpu_cores() -> int:
    """Number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def provenance() -> dict[str, Any]:
    """Versions of this package and of its numerical dependencies, and the hardware.

    Returns:
      `{"versions": {package: version}, "hardware": {...}}`, ready for JSON, without
      packages that are not installed.

    Example:
      >>> from dis_jax.provenance import provenance
      >>> sorted(provenance())
      ['hardware', 'versions']
    """
    versions = {"dis_jax": dis_jax.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    devices = jax.devices()
    return {
        "versions": versions,
        "hardware": {
            "backend": jax.default_backend(),
            "device": devices[0].device_kind,
            "num_devices": len(devices),
            "cpu": _cpu_name(),
            "cpu_cores": cpu_cores(),
        },
    }


def _cpu_name() -> str:
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
