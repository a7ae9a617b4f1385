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
