"""Hooks of mkdocs for pages outside docs/, links to files outside docs/, and formulas.

The README is the home page, the notebooks of colab/ are pages, and every file of the
repository that a page links to becomes part of the site, so that the site works offline.
"""

from __future__ import annotations

import ast
import html
import pathlib
import posixpath
import re
from typing import Any

import nbconvert
import nbformat
from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Pages outside docs/: path in the repository, path in the site.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    **{
        f"colab/{path.name}": f"notebooks/{path.stem}.md"
        for path in (ROOT / "colab").glob("*.ipynb")
    },
}
LINK = re.compile(r"(\]\(|src=\")([^)#\"\s:]+)(#[^)\"]*)?([)\"])")
FENCE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
MATHS = set("≈ΣΠ∫∂√½∇≥≤≠∈·×→αβγδεζηθκλμνρστφχψω")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages and the linked files that lie outside docs/."""
    for source, place in PAGES.items():
        if source.endswith(".ipynb"):
            add_notebook(files, config, source, place)
            continue
        files.append(
            File.generated(config, place, abs_src_path=str(ROOT / source))  # type: ignore[call-overload]
        )
    for path in [ROOT / source for source in PAGES] + sorted(
        (ROOT / "docs").rglob("*.md")
    ):
        if path.suffix != ".md":
            continue
        add_links_of(files, config, path)
    return files


def add_notebook(files: Files, config: Any, source: str, place: str) -> None:
    """Adds a notebook as a page, with its stored outputs."""
    notebook = nbformat.read(ROOT / source, as_version=4)
    stem = pathlib.Path(source).stem
    text, found = nbconvert.MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": stem}
    )
    files.append(File.generated(config, place, content=text))
    for name, content in found["outputs"].items():
        files.append(File.generated(config, f"notebooks/{name}", content=content))


def add_links_of(files: Files, config: Any, page: pathlib.Path) -> None:
    """Adds the files that a page links to."""
    folder = page.parent.relative_to(ROOT).as_posix()
    for _, target, _, _ in LINK.findall(FENCE.sub("", page.read_text())):
        add_linked(files, config, posixpath.normpath(f"{folder}/{target}"))


def add_linked(files: Files, config: Any, target: str) -> None:
    """Adds a file to the site; for a folder, its files and a page that lists them."""
    path, place = ROOT / target, in_site(target)
    if files.get_file_from_path(place) is not None or target.startswith("docs/"):
        return
    if path.is_dir():
        inside = sorted(p for p in path.iterdir() if p.is_file())
        for each in inside:
            add_linked(files, config, f"{target}/{each.name}")
        folders = sorted(p for p in path.iterdir() if p.is_dir())
        lines = [f"- [{p.name}]({p.name})" for p in inside if p.suffix != ".md"]
        lines += [f"- {p.name}/" for p in folders]
        listing = "\n".join([f"# {target}", "", *lines])
        files.append(File.generated(config, place, content=listing))
    elif path.is_file():
        files.append(File.generated(config, place, abs_src_path=str(path)))  # type: ignore[call-overload]
        if path.suffix == ".md":
            add_links_of(files, config, path)


def in_site(target: str) -> str:
    """Returns the path in the site of a path in the repository."""
    if target in PAGES:
        return PAGES[target]
    if target == "docs":
        return "index.md"
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if (ROOT / target).is_dir():
        return f"source/{target}/index.md"
    return f"source/{target}"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replaces links of the repository by links of the site."""
    place = page.file.src_uri
    if place.startswith("source/"):
        return markdown
    source = next((s for s, p in PAGES.items() if p == place), f"docs/{place}")
    folder, here = posixpath.dirname(source), posixpath.dirname(place)

    def moved(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups(default="")
        if place.startswith("notebooks/") and target.endswith(".png"):
            return match[0]  # a stored output, next to the page
        inside = in_site(posixpath.normpath(posixpath.join(folder, target)))
        return f"{before}{posixpath.relpath(inside, here or '.')}{anchor}{after}"

    parts = FENCE.split(markdown)  # parts with odd numbers are code
    return "".join(
        part if i % 2 else LINK.sub(moved, part) for i, part in enumerate(parts)
    )


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Formats the formulas among the code of docstrings."""
    if not page.file.src_uri.startswith("api/"):
        return content
    return re.sub(
        r"(?<!<pre>)<code>([^<]*)</code>", lambda m: formula(m[0], m[1]), content
    )


def formula(whole: str, text: str) -> str:
    """Returns the HTML of a formula; other code is unchanged."""
    plain = html.unescape(text)
    if not is_formula(plain):
        return whole
    plain = plain.replace(" - ", " − ").replace("(-", "(−")
    marked = html.escape(plain, quote=False)
    for mark, tag in (("_", "sub"), ("\\^", "sup")):
        marked = re.sub(
            rf"{mark}(?:\{{([^}}]*)\}}|\(([^()]*)\)|([\w*+]+))",
            lambda m, tag=tag: f"<{tag}>{m[1] or m[2] or m[3]}</{tag}>",
            marked,
        )
    # Variables of one letter are italic, names of functions are not.
    marked = re.sub(r"(?<![\w<&/])([A-Za-z])(?![\w>;])", r"<i>\1</i>", marked)
    return f'<span class="equation">{marked}</span>'


def is_formula(text: str) -> bool:
    """Whether a text is mathematics and not Python."""
    if set(text) & MATHS:
        return True
    try:
        ast.parse(text)
    except SyntaxError:
        return bool(re.search(r" [-=+/|] |\^", text)) and "--" not in text
    return False
