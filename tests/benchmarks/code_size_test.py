"""Sizes of a small folder, counted by hand."""

from benchmarks import code_size

FILE = '''"""A file."""

# why
def one(x):
    """Says so."""
    y = x  # because
    return y


class Two:
    def empty(self):
        """Nothing."""

    def short(self): return "# no comment"
'''


def test_lines_comments_and_bodies_by_hand():
    assert code_size.size_of(FILE) == code_size.Size(14, 2, (2, 0, 1))


def test_rows_of_a_clone(tmp_path):
    folder = tmp_path / "dis_jax" / "losses"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('__all__ = ["one", "Two"]\n')
    (folder / "file.py").write_text(FILE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "file_test.py").write_text("# none\n")
    found = {row[0]: row[1:] for row in code_size.rows(tmp_path)}
    sizes = "8, 13", "1, 2", "13.3"
    assert found["dis_jax/losses"] == ("2", "15", "2", *sizes)
    assert found["dis_jax"] == found["dis_jax/losses"]
    assert found["all"] == ("3", "16", "2", "1, 11", "1, 2", "18.8")
    assert "launch" not in found
