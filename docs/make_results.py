"""Writes the table of docs/results.md from results/*.json.

python docs/make_results.py          writes the table
python docs/make_results.py --check  exits 1 if the table is stale
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from functools import partial

from results_readers import Json
from results_rows import COMMANDS, TABLES, Row

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- table: docs/make_results.py -->", "<!-- end of the table -->"


def table(rows: list[Row], commands: list[str]) -> list[str]:
    """Returns the lines of one table; appends its new commands to `commands`."""
    lines = ["| what | score | ours | reference | command | file |", "|" + "---|" * 6]
    for row in rows:
        files = (row.file,) if isinstance(row.file, str) else row.file
        each = [
            json.loads((ROOT / "results" / f"{file}.json").read_text())
            for file in files
        ]
        found = joined(each) if len(each) > 1 else each[0]
        reference = row.reference(found) if callable(row.reference) else row.reference
        what = f"[{row.what}]({row.page})" if row.page else row.what
        cells = [what, row.score, row.read(found), reference]
        cells.append(", ".join(map(partial(numbered, commands), files, each)))
        cells.append(", ".join(f"[JSON](../results/{file}.json)" for file in files))
        lines.append("| " + " | ".join(cells).replace("|  |", "| |") + " |")
    return lines


def joined(each: list[Json]) -> Json:
    """Merges the scores of the models of several files."""
    scored = [entry for found in each for entry in found["evaluation"].values()]
    return {"evaluation": dict(enumerate(scored))}


def numbered(commands: list[str], file: str, found: Json) -> str:
    """Returns a link to a file's command; appends a new command to `commands`."""
    command = found.get("command") or found.get("made_by") or COMMANDS.get(file)
    if not command:
        return "on the page"
    short = re.sub(r" --workdir=\S+", "", command)
    if short not in commands:
        commands.append(short)
    return f"[{commands.index(short) + 1}](#commands)"


def page(before: str) -> str:
    """Returns the page with new tables."""
    lines: list[str] = [BEGIN]
    commands: list[str] = []
    for heading, each in TABLES.items():
        lines += ["", f"## {heading}", "", *table(each, commands)]
    listed = [f"{i}. `{command}`" for i, command in enumerate(commands, 1)]
    lines += [
        "",
        "## Commands",
        "",
        "Add `--workdir=FOLDER` to the commands that train.",
        "",
    ]
    lines += [*listed, "", END]
    start, rest = before.split(BEGIN)
    return start + "\n".join(lines) + rest.split(END)[1]


def main() -> None:
    """Writes or checks the page."""
    before = PAGE.read_text()
    after = page(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            sys.exit("docs/results.md is stale: run `python docs/make_results.py`")
        return
    PAGE.write_text(after)


if __name__ == "__main__":
    main()
