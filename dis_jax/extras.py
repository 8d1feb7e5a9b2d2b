"""Optional packages, and the extras that install them."""

from __future__ import annotations

import importlib.util

# Names for import; setup.cfg lists the same packages by their names for installation.
PACKAGES = {
    "train": (
        *("flax", "matplotlib", "ml_collections", "optax", "orbax", "PIL"),
        "tensorboardX",
    ),
    "data": ("grain", "h5py", "importlib_resources", "pyarrow", "tensorflow_datasets"),
    "hub": ("huggingface_hub", "safetensors"),
    "search": ("evosax",),
}


def missing(extra: str) -> str:
    """A message about the packages of an extra that are not installed.

    Args:
      extra: its name.

    Returns:
      A sentence with the command that installs them; empty if all are installed.

    Example:
      >>> from dis_jax import extras
      >>> extras.missing("train")
      ''
    """
    lacking = [n for n in PACKAGES[extra] if importlib.util.find_spec(n) is None]
    return way_out(extra, lacking) if lacking else ""


def missing_package(name: str) -> str:
    """A message about one package of an extra; empty if it is installed."""
    return "" if importlib.util.find_spec(name) else _of(name)


def of_error(error: ModuleNotFoundError) -> str:
    """A message about an import that failed; empty if the package is in no extra."""
    return _of((error.name or "").partition(".")[0])


def _of(name: str) -> str:
    extra = next((e for e, names in PACKAGES.items() if name in names), None)
    return way_out(extra, [name]) if extra else ""


def way_out(extra: str, lacking: list[str]) -> str:
    """The sentence that names an extra for packages that are not installed."""
    verb = "is" if len(lacking) == 1 else "are"
    return (
        f'{", ".join(lacking)} {verb} not installed; pip install "dis_jax[{extra}]" '
        f'installs what is missing (in a clone: pip install -e ".[{extra}]").'
    )
