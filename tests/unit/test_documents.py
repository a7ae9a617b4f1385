"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "conformance").glob("*.md"))
    if path.name != "CHANGELOG.md"
)
# Folders that begin the name of a file of the repository, as the documents write it in backquotes.
FOLDERS = ("pyoci", "tests", "docs", "hack", "launcher", "schemas", "conformance", "changelog.d")
ROOMS = ("cli", "spec", "plan", "wire", "kernel", "cgroups", "state", "host", "init")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not target.startswith(("http:", "https:", "#", "mailto:")):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_in_backquotes_exist(name: str) -> None:
    text = re.sub(r"(?s)```.*?```", "", (ROOT / name).read_text())
    for word in re.findall(r"`([\w./*-]+)`", text):
        folder = word.partition("/")[0]
        if folder in FOLDERS and "/" in word and word == word.lower():
            assert word.endswith("/") or any(ROOT.glob(word)), word
        elif folder in ROOMS and word.endswith((".py", ".c")):
            assert any((ROOT / "pyoci").glob(word)), word


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_test_that_pyoci_update_is_said_of_reads_it(name: str) -> None:
    text = (ROOT / name).read_text()
    for item in re.split(r"(?m)^(?:\d+\.|-|#+) |\n\n", text):
        before, updates, _ = item.partition("PYOCI_UPDATE")
        files = re.findall(r"`(tests/unit/test_\w+\.py)`", before) if updates else []
        for file in files[-1:]:
            assert "assert_golden" in (ROOT / file).read_text(), f"{file} does not write its file again"


def recipes() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "extending.md").read_text()
    return [(part.partition("\n")[0], part) for part in re.split(r"(?m)^## ", text)[1:-1]]  # the last tells of a trial


@pytest.mark.parametrize(("title", "text"), recipes())
def test_a_recipe_names_what_its_files_have(title: str, text: str) -> None:
    """A contributor greps for these names."""
    quoted = re.findall(r"`([^`]+)`", text)
    places = [path for word in quoted if "/" in word for path in (*ROOT.glob(word), *(ROOT / "pyoci").glob(word))]
    files = [file for place in places for file in ([place] if place.is_file() else place.glob("*.py"))]
    assert files, title
    sources = "\n".join(file.read_text() for file in files)
    names = {word for word in quoted if re.fullmatch(r"_?[A-Z][A-Z_]+|_[a-z_]+", word) and "FOO" not in word}
    unknown = {name for name in names if not re.search(rf"\b{name}\b", sources)}
    assert not unknown, f"{title}: no file of this recipe has {unknown}"


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").iterdir()), ids=lambda path: path.name)
def test_a_command_of_a_workflow_is_one_value_of_yaml(path: Path) -> None:
    """`: ` in a plain scalar begins a mapping, and then no job of the file runs at all: write `run: |`."""
    commands = re.findall(r"^ *- (?:run|uses): (?![|>\"'])(.*)$", path.read_text(), re.MULTILINE)
    assert commands
    assert [command for command in commands if ": " in command] == []
