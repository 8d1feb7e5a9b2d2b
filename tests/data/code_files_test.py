"""Codes and factors from files of every format, and the errors for malformed files."""

import re

import numpy as np
import pytest

from dis_jax.data import read_code_file
from dis_jax.evaluation import evaluate_codes

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(40, 11))
ANGLE = RNG.uniform(0, 360, 40)
SHAPE = np.array(["ball", "cube", "-1", "cone"] * 10)


def write_csv(path, names, columns):
    rows = zip(*columns, strict=True)
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def names_of_codes():
    return [f"z{j}" for j in range(11)]


def check(found):
    np.testing.assert_allclose(found["codes"], CODES)
    assert found["factor_names"] == ("angle", "shape")
    np.testing.assert_allclose(found["factors"][:, 0].astype(float), ANGLE)
    assert found["factors"][:, 1].tolist() == SHAPE.tolist()


def test_columns_of_a_csv_in_any_order(tmp_path):
    order = RNG.permutation(11)
    names = ["angle", *np.array(names_of_codes())[order], "shape"]
    path = write_csv(tmp_path / "a.csv", names, [ANGLE, *CODES.T[order], SHAPE])
    check(read_code_file(path))


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_of_pandas_are_no_factor(name, tmp_path, caplog):
    path = tmp_path / "my.csv"
    path.write_text(f"{name},z0,size\n0,.5,3\n1,.25,4\n")
    found = read_code_file(path)
    assert found["factor_names"] == ("size",)
    assert found["factors"].tolist() == [[3], [4]]
    assert f"ignored column {name!r}, the row numbers" in caplog.text
    path.write_text(f"{name},z0\n7,.5\n3,.25\n")  # a factor with a poor name
    if name:
        assert read_code_file(path)["factor_names"] == (name,)
    else:
        with pytest.raises(ValueError, match="expected a unique name for each"):
            read_code_file(path)


def test_a_number_beside_words_keeps_its_fractions(tmp_path):
    names = [*names_of_codes(), "angle", "shape"]
    path = write_csv(tmp_path / "a.csv", names, [*CODES.T, ANGLE, SHAPE])
    found = evaluate_codes(**read_code_file(path), key=0, metrics="mig")
    assert found["factor_kinds"] == {"angle": "continuous"}
    assert found["factors_left_out"]["shape"].startswith("unknown (-1) in 10 of 40")


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = dict(zip(names_of_codes(), CODES.T, strict=True))
    columns |= {"angle": ANGLE, "shape": pa.array(SHAPE).dictionary_encode()}
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    check(read_code_file(tmp_path / "a.parquet"))
    columns["angle"] = pa.array([None, *ANGLE[1:]])
    parquet.write_table(pa.table(columns), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="column 'angle' has no value in row 0"):
        read_code_file(tmp_path / "b.parquet")
    columns["angle"] = pa.array([[1.0]] * 40)
    parquet.write_table(pa.table(columns), tmp_path / "c.parquet")
    with pytest.raises(ValueError, match="column 'angle' contains list"):
        read_code_file(tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="not a complete Parquet file"):
        read_code_file(tmp_path / "d.parquet")


def test_two_files(tmp_path):
    np.save(tmp_path / "z.npy", CODES.astype(np.float32))
    factors = write_csv(tmp_path / "v.csv", ["angle", "shape"], [ANGLE, SHAPE])
    found = read_code_file(tmp_path / "z.npy", factors)
    assert found["codes"].dtype == np.float32
    check(found)
    np.save(tmp_path / "v.npy", np.arange(40) % 4)  # one factor
    found = read_code_file(tmp_path / "z.npy", tmp_path / "v.npy")
    assert found["factors"].shape == (40, 1)
    assert "factor_names" not in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected a header"),
        ("0.5,1\n0.2,0\n", "has no header: its first line is '0.5', '1'"),
        ("z0,shape\n", "has a header and no rows"),
        ("z0,shape\n0.5,1\n0.2\n", "line 3 has 1 columns, the header 2"),
        ("z0,z0\n0.5,1\n", "expected a unique name for each column"),
        ("a,b\n0.5,1\n", "has no columns z0, z1, ... of codes; it has 'a', 'b'"),
        ("z0,z1\n0.5,1\n", "has no factors: all are codes"),
        ("z0,v\nx,1\ny,2\n", "column 'z0' of codes contains 'x'; expected numbers"),
        ("z0,v\n1,1\ny,2\n", "line 3: column 'z0' is 'y', and '1' in line 2"),
        ("z0,v\n1,nan\n2,2\n", "line 2: column 'v' is 'nan'; expected a value"),
        ("z0,v\n1,cat\n2,NA\n", "line 3: column 'v' is 'NA'; expected a value"),
        ("z0,v\n1,1\n2,\n", "line 3: column 'v' is ''; expected a value"),
    ],
)
def test_a_wrong_csv_is_named(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_code_file(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_wrong_files_are_named(tmp_path):
    np.save(tmp_path / "z.npy", CODES)
    np.save(tmp_path / "v.npy", np.arange(30))
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    np.savez(tmp_path / "a.npz", codes=CODES)
    for arguments, message in (
        (["z.npy"], "contains only codes"),
        (["z.npy", "v.npy"], "has 40 rows and .* 30"),
        (["z.npy", "cube.npy"], r"has the shape \(2, 2, 2\)"),
        (["z.npy", "a.npz"], "contains codes and factors together"),
        (["a.npz"], "has no array factors, found codes"),
        (["z.pt"], r"ends in '.pt'; .* np.save\(file, tensor.numpy\(\)\)"),
    ):
        with pytest.raises(ValueError, match=message):
            read_code_file(*(tmp_path / name for name in arguments))
    with pytest.raises(FileNotFoundError, match="no file"):
        read_code_file(tmp_path / "none.csv")
