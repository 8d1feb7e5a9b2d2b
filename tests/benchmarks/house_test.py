"""Sizes of a small room, counted by hand."""

from benchmarks import house

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
    assert house.size_of(FILE) == house.Size(14, 2, (2, 0, 1))


def test_rows_of_a_clone(tmp_path):
    room = tmp_path / "dis_jax" / "room"
    room.mkdir(parents=True)
    (room / "__init__.py").write_text('__all__ = ["one", "Two"]\n')
    (room / "file.py").write_text(FILE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "file_test.py").write_text("# none\n")
    found = {row[0]: row[1:] for row in house.rows(tmp_path)}
    sizes = "8, 13", "1, 2", "13.3"
    assert found["dis_jax/room"] == ("2", "15", "2", *sizes)
    assert found["dis_jax"] == found["dis_jax/room"]
    assert found["all"] == ("3", "16", "2", "1, 11", "1, 2", "18.8")
    assert "launch" not in found
