"""docs/library.md: every block runs, and prints what the page says."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import types
from pathlib import Path

import pytest
from helpers import tour
from helpers.bundle import _make_rootfs
from helpers.library import ROOT, descriptors

PAGE = ROOT / "docs/library.md"


def blocks() -> list[tuple[str, str, int]]:
    """(code, the output it is shown with, its line)."""
    found: list[tuple[str, str, int]] = []
    language, lines, start = "", [""], 0
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif line == "```":
            text = "\n".join(lines) + "\n"
            if language == "python":
                found.append((text, "", start))
            elif language == "text":
                found[-1] = (found[-1][0], text, found[-1][2])
            language = ""
        else:
            language, lines, start = line[3:], [], number
    return found


def test_the_page(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make_rootfs(scratch / "rootfs")
    (scratch / "state").mkdir()
    # the default root of the state is the machine's own
    monkeypatch.setattr("pyoci.library.container.default_root", lambda: str(scratch / "state"))
    monkeypatch.setattr("pyoci.library.jobs.default_root", lambda: str(scratch / "state"))
    monkeypatch.chdir(scratch)
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # dataclasses look for it
    page = blocks()
    before = descriptors()
    for code, expected, line in page:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile("\n" * line + code, str(PAGE), "exec"), vars(module))  # noqa: S102  # that is what it is there for
        shown, wanted = (
            "\n".join(part.rstrip() for part in text.rstrip().splitlines()) for text in (output.getvalue(), expected)
        )
        assert tour.matches(wanted, shown), f"{PAGE}:{line}: {shown}"
    assert len(page) >= 10
    assert descriptors() <= before
    assert os.listdir(scratch / "state") == []
