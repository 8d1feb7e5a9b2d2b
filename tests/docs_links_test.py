"""Links, code blocks and commands of the README, of docs/ and of the notebooks."""

import ast
import functools
import json
import pathlib
import re
import runpy
import shlex

import pytest

from dis_jax import command_line, training

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("weights/*/*.md")]
)
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def text_of(path):
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text())["cells"]
        return "\n".join(
            "".join(c["source"]) for c in cells if c["cell_type"] != "code"
        )
    return path.read_text()


@functools.cache
def anchors(path):
    """The headings of a page, as GitHub and mkdocs name them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", text_of(path)), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in plain
    }


@pytest.mark.parametrize(
    "path", PAGES + NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_lead_somewhere(path):
    text = FENCE.sub("", text_of(path))
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", text):
        if re.match(r"\w+:", target):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{path.name} links to {target}#{anchor}"


@pytest.mark.parametrize(
    "path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_code_blocks_are_python(path):
    for language, code in FENCE.findall(path.read_text()):
        if language == "python":
            ast.parse(code)


def shell_commands():
    """(page, words) of every command of dis_jax in a shell block."""
    for path in PAGES:
        for language, block in FENCE.findall(path.read_text()):
            if language not in ("shell", "bash", "sh", ""):
                continue
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True) if "'" not in line else []
                if words[:1] == ["dis-jax"] and len(words) > 1:
                    yield path.name, words[1:]
                elif words[:2] == ["python", "-m"] and words[2].startswith("launch."):
                    yield path.name, [words[2].removeprefix("launch."), *words[3:]]


@functools.cache
def flags_of(command):
    """The flags that a command and the modules that it shares code with define."""
    files = [
        ROOT / "launch" / f"{name}.py" for name in (command, "start", "models", "hints")
    ]
    text = "".join(file.read_text() for file in files)
    defined = re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", text)
    # shared_flags.workdir() is named after its flag; shared_flags.count("bases") gets it
    shared = re.findall(r"shared_flags\.(\w+)\((?:\s*\"(\w+)\",)?", text)
    defined += [given or own for own, given in shared]
    return {*defined, "help", "helpfull"}


def test_commands_and_flags_exist():
    found = list(shell_commands())
    assert len(found) > 40
    known = command_line.commands()
    for page, (command, *flags) in found:
        if command.startswith("-"):
            continue
        assert command in known, f"{page}: {command}"
        for flag in flags:
            if flag.startswith("--"):
                name = re.split(r"[=.]", flag[2:])[0]
                name = name if name in flags_of(command) else name.removeprefix("no")
                assert name in flags_of(command), f"{page}: {command} {flag}"


def test_configs_of_the_pages_load():
    """Loads them with arguments and overrides; configs of users' files have other tests."""
    names = {
        flag.removeprefix("--config=").removeprefix("configs/").replace(".py", "", 1)
        for _, (_, *flags) in shell_commands()
        for flag in flags
        if flag.startswith("--config=")
    }
    assert len(names) > 10
    for name in names:
        if not name.startswith(("my", "FILE", "NAME")) and "/" not in name:
            assert training.load_config(name).method


@pytest.mark.parametrize("page", ["results", "gallery"])
def test_written_pages_are_fresh(page, monkeypatch):
    """docs/results.md and docs/gallery.md are what their scripts write now."""
    monkeypatch.syspath_prepend(ROOT / "docs")  # as Python does with a script's folder
    script = runpy.run_path(str(ROOT / "docs" / f"make_{page}.py"))
    text = script["PAGE"].read_text()
    made = script["page"](text) if page == "results" else script["page"]()
    assert text == made, f"run `python docs/make_{page}.py`"


def test_every_reader_of_json_takes_the_results():
    """They contain no Infinity or NaN: Python reads them; jq, R and browsers do not."""

    def refuse(word):
        raise ValueError(word)

    found = [*(ROOT / "results").rglob("*.json"), *(ROOT / "weights").rglob("*.json")]
    assert found
    for path in found:
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
