"""Writes docs/equations.md: paper equation -> function -> test.

    python docs/make_equations.py          writes the page
    python docs/make_equations.py --check  exits 1 if the page is stale

The table is collected from the `Eq.: <paper>, <number>` lines in all public docstrings.
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import re
import sys
from typing import Any, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "equations.md"
SUBPACKAGES = (
    "data",
    "networks",
    "losses",
    "methods",
    "training",
    "evaluation",
    "studies",
    "figures",
)
EQUATION = re.compile(r"^Eq\.: (?P<paper>\S.*? \d{4}[a-z]?), (?P<where>\S.*)$")
HEADER = """\
# Equations

Where each equation of a paper is implemented, and which file tests it. Numbers are the
paper's; for an equation without a number, its section or algorithm.
`python docs/make_equations.py` writes this page.

| paper | equation | function | test |
|---|---|---|---|
"""


class Equation(NamedTuple):
    """One row of the table."""

    paper: str
    where: str
    function: str
    test: str


def public(subpackage: str) -> dict[str, Any]:
    """Returns the functions and classes that a subpackage exports, by name."""
    module = importlib.import_module(f"dis_jax.{subpackage}")
    exported = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return {
        name: value
        for name, value in exported.items()
        if inspect.isfunction(value) or inspect.isclass(value)
    }


def equations() -> list[Equation]:
    """Returns all rows, ordered by paper, equation, function.

    Raises:
      ValueError: naming every malformed line and every function that no test mentions.
    """
    rows, faults = [], []
    for subpackage in SUBPACKAGES:
        for name, value in public(subpackage).items():
            lines = [
                line.strip() for line in (inspect.getdoc(value) or "").splitlines()
            ]
            lines = [line for line in lines if line.startswith("Eq.:")]
            test = find_test(value) if lines else ""
            if lines and not test:
                faults.append(f"{subpackage}.{name}: no test mentions it")
            for line in lines:
                match = EQUATION.match(line)
                if match:
                    function = f"`{subpackage}.{name}`"
                    rows.append(
                        Equation(match["paper"], match["where"], function, test)
                    )
                else:
                    faults.append(
                        f"{subpackage}.{name}: {line!r} is not "
                        "`Eq.: <paper year>, <number>`"
                    )
    if faults:
        raise ValueError("\n".join(faults))
    return sorted(rows, key=lambda row: [in_order(field) for field in row])


def find_test(value: Any) -> str:
    """Returns a link to a test that mentions a function; its module's test comes first."""
    _, subpackage, own = value.__module__.split(".")
    files = sorted(
        (ROOT / "tests" / subpackage).glob("*_test.py"),
        # the test of the whole subpackage comes last
        key=lambda path: (
            *(path.stem != f"{own}_test", path.stem == f"{subpackage}_test"),
            path.name,
        ),
    )
    for path in files:
        if re.search(rf"\b{value.__name__}\b", path.read_text()):
            return f"[{path.stem}](../{path.relative_to(ROOT).as_posix()})"
    return ""


def in_order(text: str) -> list[tuple[int, int, str]]:
    """Returns a sort key: (6) comes before (10), and case is ignored."""
    parts = re.split(r"(\d+)", text.lower())
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part
    ]


def page() -> str:
    """Returns the text of docs/equations.md."""
    return HEADER + "".join(f"| {' | '.join(row)} |\n" for row in equations())


def main(argv: list[str]) -> int:
    """Writes the page, or checks it."""
    if argv not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = page()
    if not argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print(
            f"{PAGE.relative_to(ROOT)} is stale; run `python docs/make_equations.py`.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
