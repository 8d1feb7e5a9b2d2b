"""A sample of the malformed files; `python -m tests.faults.data` tries all."""

import pytest

from tests.faults import data as faults

pytest.importorskip("h5py")
pytest.importorskip("tensorflow_datasets")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_malformed_files_are_refused_by_name_or_read_right():
    results = faults.check(every=11)
    assert len(results) > 60
    failed = [
        f"{fault.format.name}, {fault.name}: {result}"
        for fault, result in results
        if result not in ("refused", "right")
    ]
    assert not failed, "\n".join(failed)
