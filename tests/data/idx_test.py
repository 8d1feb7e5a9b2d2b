import gzip
import struct

import numpy as np
import pytest

from dis_jax import data


def idx_bytes(array, code):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (14, "f8")]
)
def test_reads_what_was_written(tmp_path, code, dtype):
    array = np.arange(-60, 60).astype(dtype).reshape(2, 3, 20)
    (tmp_path / "plain").write_bytes(idx_bytes(array, code))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx_bytes(array, code)))
    for name in ("plain", "packed.gz"):
        read = data.read_idx(tmp_path / name)
        assert read.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG1234", "89 50 4e 47"),
        (b"", "none"),
        (bytes([0, 0, 8, 3, 0, 0]), "ends inside its header, at byte 6"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2]), "has 10 bytes.*requires 11"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 1, 2]), "has 10 bytes.*requires 9"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        data.read_idx(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("damage", [lambda b: b[:-12], lambda b: b"no gzip at all"])
def test_damaged_gzip_is_refused(tmp_path, damage):
    path = tmp_path / "labels.gz"
    content = idx_bytes(np.arange(200, dtype=np.uint8), 8)
    path.write_bytes(damage(gzip.compress(content)))
    with pytest.raises(ValueError, match="not a complete gzip file") as error:
        data.read_idx(path)
    assert str(path) in str(error.value)
