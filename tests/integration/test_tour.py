"""docs/tour: every command of every page is run, and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tour
from helpers.runtime import Runtime


@pytest.mark.parametrize("page", tour.PAGES, ids=lambda page: page.stem)
def test_page(runtime: Runtime, scratch: Path, page: Path) -> None:
    if not runtime.is_pyoci:
        pytest.skip("the tour is pyoci's own")
    text = page.read_text()
    lacking = tour.missing(text)
    if lacking:
        pytest.skip(lacking)
    for step, printed in tour.play(text, scratch, runtime.command[0]):
        assert tour.matches(step.expected, printed), (
            f"$ {step.command}\n--- expected:\n{step.expected}\n--- printed:\n{printed}"
        )


def test_there_are_pages() -> None:
    assert len(tour.PAGES) >= 8
    index = (tour.PAGES[0].parent / "README.md").read_text()
    for page in tour.PAGES:
        assert f"({page.name})" in index
        assert tour.steps(page.read_text()), page


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a", "a\n", True),
        ("a", "a", True),
        ("a", "b", False),
        ("", "", True),
        ("", "a", False),
        ("a", "", False),
        ("a...z", "abcz", True),
        ("a...z", "a\nz", False),
        ("...\nb", "1\n2\nb", True),
        ("...\nb", "b", True),
        ("...\nb", "1\nc", False),
        ("a.c", "abc", False),
        ("a", "a\nb", False),
    ],
)
def test_comparison(expected: str, printed: str, same: bool) -> None:
    assert tour.matches(expected, printed) == same


def test_parser() -> None:
    text = "# x\n```console\n$ one\n> more\nout\nput\n$ two\n```\nwords\n```\n$ not this\n```\n"
    assert tour.steps(text) == [tour.Step("one\nmore", "out\nput"), tour.Step("two", "")]
