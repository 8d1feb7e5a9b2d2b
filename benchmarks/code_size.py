"""Prints the size of each part of the code: files, lines, bodies, names, comments.

    python -m benchmarks.code_size [--root=DIR]

A body is a function without its signature and docstring. All lines of a file count. A
comment line contains a comment, alone or after code.
"""

import ast
import io
import pathlib
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from absl import app, flags

_ROOT = flags.DEFINE_string("root", ".", "Folder of a clone.")
FOLDERS = ("launch", "configs", "benchmarks", "tests")  # besides those of dis_jax
HEAD = ("folder", "files", "lines", "public names", "file", "body", "comments %")


class Size(NamedTuple):
    """Sizes of one file: lines, lines with comments, and lines of each body."""

    lines: int
    comments: int
    bodies: tuple[int, ...]


def size_of(source: str) -> Size:
    """Measures the source of a file."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0] for t in tokens if t.type == tokenize.COMMENT}
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [
        _body(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, functions)
    ]
    return Size(len(source.splitlines()), len(comments), tuple(bodies))


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, *others = function.body
    if ast.get_docstring(function) is not None:
        if not others:
            return 0
        first = others[0]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def public_names(folder: pathlib.Path) -> int:
    """Number of names in the `__all__` of a package."""
    path = folder / "__init__.py"
    for node in ast.parse(path.read_text()).body if path.is_file() else ():
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return sum(isinstance(n, ast.Constant) for n in ast.walk(node))
    return 0


def rows(root: pathlib.Path) -> Iterator[tuple[str, ...]]:
    """Yields a row for each folder, for the package, and for all code."""
    package = root / "dis_jax"
    inner = sorted(p.parent for p in package.glob("*/__init__.py"))
    measured = {
        folder: [size_of(path.read_text()) for path in sorted(folder.rglob("*.py"))]
        for folder in (*inner, package, *(root / name for name in FOLDERS))
        if folder.is_dir()
    }
    for folder, sizes in measured.items():
        names = sum(map(public_names, inner)) if folder == package else None
        yield _row(
            folder.relative_to(root).as_posix(),
            sizes,
            public_names(folder) if names is None else names,
        )
    whole = [size for f, sizes in measured.items() if f not in inner for size in sizes]
    yield _row("all", whole, sum(map(public_names, inner)))


def _row(name: str, sizes: list[Size], names: int) -> tuple[str, ...]:
    lines = sum(size.lines for size in sizes)
    bodies = [body for size in sizes for body in size.bodies]
    comments = sum(size.comments for size in sizes) / max(lines, 1)
    return (
        *(name, str(len(sizes)), f"{lines:,}", str(names or "")),
        *(_quantiles([size.lines for size in sizes]), _quantiles(bodies)),
        f"{100 * comments:.1f}",
    )


def _quantiles(values: list[int]) -> str:
    """Median and 90th percentile."""
    return "{:.0f}, {:.0f}".format(*np.quantile(values or [0], [0.5, 0.9]))


def main(argv):
    del argv
    print("Lines of files and of bodies: median, 90th percentile.\n")
    for cells in (HEAD, ("---",) * len(HEAD), *rows(pathlib.Path(_ROOT.value))):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    app.run(main)
