"""Packages that an installation may lack, and the extras that bring them."""

from __future__ import annotations

import importlib.util

# By what they are imported as; setup.cfg has the same by what they are installed as.
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
    """What to say of the packages of an extra that are not installed.

    Args:
      extra: its name.

    Returns:
      A sentence with the command that installs them; nothing where all are there.

    Example:
      >>> from dis_jax import extras
      >>> extras.missing("train")
      ''
    """
    lacking = [n for n in PACKAGES[extra] if importlib.util.find_spec(n) is None]
    return way_out(extra, lacking) if lacking else ""


def missing_package(name: str) -> str:
    """What to say of one package of an extra, if it is not installed."""
    return "" if importlib.util.find_spec(name) else _of(name)


def of_error(error: ModuleNotFoundError) -> str:
    """What to say of an import that failed; nothing of packages of no extra."""
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
