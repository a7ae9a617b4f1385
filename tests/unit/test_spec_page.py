"""docs/spec.md: each test that it names is there, and no demand is without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec.md"
CELLS = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
DEMANDS = [cells for cells in CELLS if cells[0] != "demand"]


@pytest.mark.parametrize(("demand", "tests"), DEMANDS)
def test_demand(demand: str, tests: str) -> None:
    parts = re.split(r"\[\w+\]\(([^)]+)\)", tests)
    assert demand and len(parts) > 2, "no test"
    for file, names in zip(parts[1::2], parts[2::2], strict=True):
        source = (PAGE.parent / file).read_text()
        assert re.findall(r"`(test_\w+)`", names)
        for name in re.findall(r"`(test_\w+)`", names):
            assert f"def {name}(" in source, f"{file} has no {name}"


def test_each_chapter_is_there() -> None:
    for chapter in ("runtime.md", "runtime-linux.md", "config.md", "config-linux.md", "features.md"):
        assert f"## {chapter}" in PAGE.read_text()
    assert len(DEMANDS) > 100
