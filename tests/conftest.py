"""Eight virtual devices for every test, and the real data where they are to be had."""

import os
import pathlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> pathlib.Path:
    """Folder of the real data sets, or a skip that says what to do."""
    named = os.environ.get("DIS_JAX_DATA_DIR")
    folder = pathlib.Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            f"no real data at {folder}; set DIS_JAX_DATA_DIR to the folder that holds it"
        )
    return folder
